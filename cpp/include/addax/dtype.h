// Element types. float32 is first-class. float16 and bfloat16 are computed with in float32 and rounded once for each
// operation; products and convolutions of bfloat16 have kernels of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string_view>
#include <utility>

#include "addax/error.h"
#include "addax/export.h"

namespace ADDAX_API addax {

enum class DType : std::uint8_t { boolean, uint8, int32, int64, float16, bfloat16, float32, float64 };

/// A 16-bit float as stored: its bits only.
struct float16 {
  std::uint16_t bits;
};
struct bfloat16 {
  std::uint16_t bits;
};

std::int64_t size_of(DType dtype);      ///< bytes per element
std::string_view name_of(DType dtype);  ///< "float32", "bool", …
std::optional<DType> parse_dtype(std::string_view name);
inline std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name_of(dtype); }

constexpr bool is_floating(DType dtype) { return dtype >= DType::float16; }
constexpr bool is_integer(DType dtype) { return dtype >= DType::uint8 && dtype <= DType::int64; }
constexpr bool is_half(DType dtype) { return dtype == DType::float16 || dtype == DType::bfloat16; }
/// Floating types that kernels compute with.
constexpr bool is_arithmetic_floating(DType dtype) { return dtype == DType::float32 || dtype == DType::float64; }

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<bool> : std::integral_constant<DType, DType::boolean> {};
template <>
struct DTypeOf<std::uint8_t> : std::integral_constant<DType, DType::uint8> {};
template <>
struct DTypeOf<std::int32_t> : std::integral_constant<DType, DType::int32> {};
template <>
struct DTypeOf<std::int64_t> : std::integral_constant<DType, DType::int64> {};
template <>
struct DTypeOf<float16> : std::integral_constant<DType, DType::float16> {};
template <>
struct DTypeOf<bfloat16> : std::integral_constant<DType, DType::bfloat16> {};
template <>
struct DTypeOf<float> : std::integral_constant<DType, DType::float32> {};
template <>
struct DTypeOf<double> : std::integral_constant<DType, DType::float64> {};
template <class T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

template <class T>
struct TypeTag {
  using type = T;
};

/// Calls f(TypeTag<T>{}) for float or double; for another type an error that names `where`.
template <class F>
decltype(auto) visit_floating(DType dtype, std::string_view where, F&& f) {
  if (dtype == DType::float32) return f(TypeTag<float>{});
  if (dtype == DType::float64) return f(TypeTag<double>{});
  fail(ErrorKind::type, where, " computes with float32 or float64; received ", dtype);
}

/// Calls f(TypeTag<T>{}) for uint8, int32, int64, float or double.
template <class F>
decltype(auto) visit_number(DType dtype, std::string_view where, F&& f) {
  switch (dtype) {
    case DType::uint8:
      return f(TypeTag<std::uint8_t>{});
    case DType::int32:
      return f(TypeTag<std::int32_t>{});
    case DType::int64:
      return f(TypeTag<std::int64_t>{});
    case DType::float32:
      return f(TypeTag<float>{});
    case DType::float64:
      return f(TypeTag<double>{});
    default:
      fail(ErrorKind::type, where, " computes with numbers of 8, 32 or 64 bits; received ", dtype);
  }
}

}  // namespace addax
