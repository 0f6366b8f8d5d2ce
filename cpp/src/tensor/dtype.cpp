#include "addax/dtype.h"

#include <array>

namespace addax {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  std::int64_t size;
};
constexpr std::array<Row, 8> kRows{{
    {DType::boolean, "bool", 1},
    {DType::uint8, "uint8", 1},
    {DType::int32, "int32", 4},
    {DType::int64, "int64", 8},
    {DType::float16, "float16", 2},
    {DType::bfloat16, "bfloat16", 2},
    {DType::float32, "float32", 4},
    {DType::float64, "float64", 8},
}};

}  // namespace

std::int64_t size_of(DType dtype) { return kRows[static_cast<std::size_t>(dtype)].size; }

std::string_view name_of(DType dtype) { return kRows[static_cast<std::size_t>(dtype)].name; }

std::optional<DType> parse_dtype(std::string_view name) {
  for (const Row& row : kRows)
    if (row.name == name) return row.dtype;
  return std::nullopt;
}

}  // namespace addax
