#include "addax/shape.h"

#include <algorithm>

#include "addax/error.h"
#include "base/checked.h"

namespace addax {

Shape::Shape(std::initializer_list<std::int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}

Shape::Shape(std::span<const std::int64_t> sizes) {
  for (const std::int64_t size : sizes) push_back(size);
}

void Shape::push_back(std::int64_t size) {
  if (rank_ == kMaxRank) fail(ErrorKind::value, "a shape has at most ", kMaxRank, " dimensions");
  if (size < 0) fail(ErrorKind::value, "a dimension cannot be negative; received ", size);
  sizes_[rank_++] = size;
}

std::int64_t Shape::elements() const {
  std::int64_t n = 1;
  for (const std::int64_t size : *this) n = checked_mul(n, size);
  if (n > kMaxElements) fail(ErrorKind::memory, "shape ", *this, " has more than 2^48 elements");
  return n;
}

bool Shape::operator==(const Shape& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

namespace {

template <class Sizes>
std::ostream& write(std::ostream& out, const Sizes& sizes) {
  out << '(';
  std::size_t i = 0;
  for (const auto& size : sizes) out << (i++ == 0 ? "" : ", ") << size;
  return out << (i == 1 ? ",)" : ")");
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return write(out, shape.sizes()); }
std::ostream& operator<<(std::ostream& out, const Dims& dims) { return write(out, dims); }

Dims to_dims(const Shape& shape) { return Dims(shape.begin(), shape.end()); }

bool all_known(const Dims& dims) {
  return std::all_of(dims.begin(), dims.end(), [](const Dim& d) { return d.known(); });
}

Shape to_shape(const Dims& dims) {
  Shape shape;
  for (const Dim& dim : dims) shape.push_back(dim.value());
  return shape;
}

Shape evaluate(const Dims& dims, const Bindings& bindings) {
  Shape shape;
  for (const Dim& dim : dims) shape.push_back(dim.evaluate(bindings));
  return shape;
}

Dim product(std::span<const Dim> dims) {
  Dim total = 1;
  for (const Dim& dim : dims) total = total * dim;
  return total;
}

Dims broadcast(const Dims& a, const Dims& b, std::string_view where) {
  const std::size_t rank = std::max(a.size(), b.size());
  Dims result(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const Dim x = i + a.size() < rank ? Dim(1) : a[i + a.size() - rank];
    const Dim y = i + b.size() < rank ? Dim(1) : b[i + b.size() - rank];
    if (x.known() && y.known() && !(x == y) && !(x == 1) && !(y == 1))
      fail(ErrorKind::value, where, ": shapes ", a, " and ", b, " cannot be broadcast together");
    result[i] = broadcast(x, y);
  }
  return result;
}

}  // namespace addax
