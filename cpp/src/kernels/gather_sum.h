// Sums of rows of a table by index: an embedding followed by a sum or mean over time, without the rows in between.
#pragma once

#include <cstdint>

namespace addax::kernels {

struct GatherSum {
  const float* table;  // (rows, width)
  std::int64_t rows, width;
  std::int64_t outer, count;
  float divisor;  // 1 for sums
  float* out;     // (outer, width)
};

// indices (outer, count), in [-rows, rows). Rows are added in groups of 32, the groups' sums one after the other:
// errors grow with count / 32.
template <class Index>
void gather_sum(const GatherSum& job, const Index* indices);

}  // namespace addax::kernels
