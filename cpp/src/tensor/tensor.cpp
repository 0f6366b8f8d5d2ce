#include "addax/tensor.h"

#include <cmath>
#include <cstring>

#include "base/aligned.h"
#include "base/checked.h"
#include "kernels/elementwise.h"

namespace addax {

std::shared_ptr<Storage> Storage::allocate(std::int64_t bytes, const std::function<std::string()>& purpose) {
  void* data = try_allocate_aligned(bytes);
  if (data == nullptr) fail(ErrorKind::memory, "cannot allocate ", bytes, " bytes for ", purpose());
  return std::shared_ptr<Storage>(new Storage(data, bytes, true, nullptr));
}

std::shared_ptr<Storage> Storage::borrow(void* data, std::int64_t bytes, std::shared_ptr<void> owner) {
  return std::shared_ptr<Storage>(new Storage(data, bytes, false, std::move(owner)));
}

Storage::~Storage() {
  if (owned_) free_aligned(data_);
}

Tensor::Tensor(DType dtype, const Shape& shape)
    : Tensor(dtype, shape, Storage::allocate(checked_mul(shape.elements(), size_of(dtype)), [&] {
               return text("a tensor of shape ", shape, " and dtype ", dtype);
             })) {}

Tensor::Tensor(DType dtype, const Shape& shape, std::shared_ptr<Storage> storage)
    : dtype_(dtype), shape_(shape), storage_(std::move(storage)) {
  if (storage_->bytes() < bytes())
    fail(ErrorKind::value, "a tensor of shape ", shape, " and dtype ", dtype, " needs ", bytes(), " bytes; received ",
         storage_->bytes());
}

Tensor Tensor::scalar(DType dtype, double value) {
  Tensor t(dtype, Shape{});
  switch (dtype) {
    case DType::boolean:
      *t.data_as<bool>() = value != 0;
      break;
    case DType::uint8:
      *t.data_as<std::uint8_t>() = static_cast<std::uint8_t>(value);
      break;
    case DType::int32:
      *t.data_as<std::int32_t>() = static_cast<std::int32_t>(value);
      break;
    case DType::int64:
      *t.data_as<std::int64_t>() = static_cast<std::int64_t>(value);
      break;
    case DType::float32:
      *t.data_as<float>() = static_cast<float>(value);
      break;
    case DType::float64:
      *t.data_as<double>() = value;
      break;
    case DType::float16:
    case DType::bfloat16:
      kernels::cast_row(kernels::Element::float64, static_cast<kernels::Element>(dtype))(&value, t.data(), 1);
      break;
  }
  return t;
}

Tensor Tensor::zeros(DType dtype, const Shape& shape) {
  Tensor t(dtype, shape);
  std::memset(t.data(), 0, static_cast<std::size_t>(t.bytes()));
  return t;
}

Tensor Tensor::reshaped(const Shape& shape) const {
  if (shape.elements() != elements()) fail(ErrorKind::value, "cannot reshape ", shape_, " to ", shape);
  return Tensor(dtype_, shape, storage_);
}

Tensor Tensor::clone() const {
  Tensor copy(dtype_, shape_);
  std::memcpy(copy.data(), data(), static_cast<std::size_t>(bytes()));
  return copy;
}

double Tensor::item() const {
  if (elements() != 1)
    fail(ErrorKind::type, "only a tensor of one element converts to a number; this one has shape ", shape_);
  switch (dtype_) {
    case DType::boolean:
      return *data_as<bool>() ? 1 : 0;
    case DType::uint8:
      return *data_as<std::uint8_t>();
    case DType::int32:
      return *data_as<std::int32_t>();
    case DType::int64:
      return static_cast<double>(*data_as<std::int64_t>());
    case DType::float32:
      return *data_as<float>();
    case DType::float64:
      return *data_as<double>();
    case DType::float16:
    case DType::bfloat16:
      break;
  }
  double value = 0;
  kernels::cast_row(static_cast<kernels::Element>(dtype_), kernels::Element::float64)(data(), &value, 1);
  return value;
}

}  // namespace addax
