// Shapes: concrete ones (Shape) and symbolic ones (Dims). A Dim is a number or an expression over named unknowns
// (batch, time); equal expressions compare equal, since each is kept as a polynomial in canonical order.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "addax/export.h"

namespace ADDAX_API addax {

inline constexpr int kMaxRank = 8;
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 48;

/// Up to kMaxRank sizes, stored in place. Sizes are not negative.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes);
  explicit Shape(std::span<const std::int64_t> sizes);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return sizes_[axis]; }
  std::int64_t& operator[](int axis) { return sizes_[axis]; }
  void push_back(std::int64_t size);
  std::int64_t elements() const;  ///< product of the sizes; throws above kMaxElements
  std::span<const std::int64_t> sizes() const { return {sizes_, static_cast<std::size_t>(rank_)}; }
  const std::int64_t* begin() const { return sizes_; }
  const std::int64_t* end() const { return sizes_ + rank_; }
  bool operator==(const Shape& other) const;

 private:
  std::int64_t sizes_[kMaxRank] = {};
  int rank_ = 0;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape);  ///< (2, 3)

using Bindings = std::map<std::string, std::int64_t, std::less<>>;  ///< unknown → its size

class Dim {
 public:
  Dim(std::int64_t size = 0) : value_(size) {}  // NOLINT: a number is a Dim
  static Dim unknown(std::string name);
  static Dim parse(std::string_view text);  ///< what str() wrote; throws ValueError, bounded depth

  bool known() const { return expression_ == nullptr; }
  std::int64_t value() const;  ///< throws if not known
  std::int64_t evaluate(const Bindings& bindings) const;
  std::string str() const;
  bool operator==(const Dim& other) const;
  bool operator==(std::int64_t size) const { return known() && value_ == size; }

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend Dim floor_div(const Dim& a, const Dim& b);
  friend Dim min(const Dim& a, const Dim& b);
  friend Dim max(const Dim& a, const Dim& b);
  friend Dim broadcast(const Dim& a, const Dim& b);

  struct Expression;

 private:
  explicit Dim(std::shared_ptr<const Expression> expression);
  friend struct DimAccess;

  std::int64_t value_ = 0;
  std::shared_ptr<const Expression> expression_;
};

Dim operator+(const Dim& a, const Dim& b);
Dim operator-(const Dim& a, const Dim& b);
Dim operator*(const Dim& a, const Dim& b);
Dim floor_div(const Dim& a, const Dim& b);  ///< exact where the polynomial divides
Dim min(const Dim& a, const Dim& b);
Dim max(const Dim& a, const Dim& b);
/// The size of what two axes of these sizes broadcast to, where it takes the sizes to tell; they must fit then.
Dim broadcast(const Dim& a, const Dim& b);
inline Dim ceil_div(const Dim& a, const Dim& b) { return floor_div(a + b - 1, b); }
std::ostream& operator<<(std::ostream& out, const Dim& dim);

using Dims = std::vector<Dim>;
std::ostream& operator<<(std::ostream& out, const Dims& dims);  ///< (batch, 3)

Dims to_dims(const Shape& shape);
bool all_known(const Dims& dims);
Shape to_shape(const Dims& dims);  ///< throws if a Dim is not known
Shape evaluate(const Dims& dims, const Bindings& bindings);
Dim product(std::span<const Dim> dims);

/// NumPy's rule. Two different unknowns give a size that depends on which of them is 1; a number other than 1 wins over
/// an unknown: planning checks with the real sizes. Throws ValueError that names `where` and both shapes.
Dims broadcast(const Dims& a, const Dims& b, std::string_view where);

}  // namespace addax
