// Tensor: dense, row-major, contiguous values in shared storage. Copying a Tensor shares the storage.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "addax/dtype.h"
#include "addax/export.h"
#include "addax/shape.h"

namespace ADDAX_API addax {

/// Memory, 64-byte aligned when owned. Immutable size. Not synchronised.
class Storage {
 public:
  /// Throws Error(memory) with the size and what it was for, as `purpose` words it when asked.
  static std::shared_ptr<Storage> allocate(std::int64_t bytes, const std::function<std::string()>& purpose);
  /// Borrows memory that `owner` keeps alive.
  static std::shared_ptr<Storage> borrow(void* data, std::int64_t bytes, std::shared_ptr<void> owner);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data() const { return data_; }
  std::int64_t bytes() const { return bytes_; }
  bool owned() const { return owned_; }

 private:
  Storage(void* data, std::int64_t bytes, bool owned, std::shared_ptr<void> owner)
      : data_(data), bytes_(bytes), owned_(owned), owner_(std::move(owner)) {}
  void* data_;
  std::int64_t bytes_;
  bool owned_;
  std::shared_ptr<void> owner_;
};

class Tensor {
 public:
  Tensor() = default;
  Tensor(DType dtype, const Shape& shape);  ///< uninitialised
  Tensor(DType dtype, const Shape& shape, std::shared_ptr<Storage> storage);

  template <class T>
  static Tensor of(const Shape& shape, const std::vector<T>& values);
  template <class T>
  static Tensor scalar(T value);
  static Tensor scalar(DType dtype, double value);
  static Tensor zeros(DType dtype, const Shape& shape);

  explicit operator bool() const { return storage_ != nullptr; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  std::int64_t elements() const { return shape_.elements(); }
  std::int64_t bytes() const { return elements() * size_of(dtype_); }
  void* data() const { return storage_->data(); }
  template <class T>
  T* data_as() const {
    return static_cast<T*>(storage_->data());
  }
  const std::shared_ptr<Storage>& storage() const { return storage_; }

  Tensor reshaped(const Shape& shape) const;  ///< shares the storage
  Tensor clone() const;
  double item() const;  ///< the only element, as double

 private:
  DType dtype_ = DType::float32;
  Shape shape_;
  std::shared_ptr<Storage> storage_;
};

template <class T>
Tensor Tensor::of(const Shape& shape, const std::vector<T>& values) {
  Tensor t(dtype_of<T>, shape);
  if (t.elements() != static_cast<std::int64_t>(values.size()))
    fail(ErrorKind::value, "Tensor::of: shape ", shape, " needs ", t.elements(), " values; received ", values.size());
  std::copy(values.begin(), values.end(), t.data_as<T>());
  return t;
}

template <class T>
Tensor Tensor::scalar(T value) {
  Tensor t(dtype_of<T>, Shape{});
  *t.data_as<T>() = value;
  return t;
}

}  // namespace addax
