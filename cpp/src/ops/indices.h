// What reading and writing by index share: the type of the indices and the check of their range.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "kernels/index.h"
#include "ops/operation.h"

namespace addax::ops {

// Calls f(pointer, count) with input i as int32 or int64.
template <class F>
void visit_indices(const Run& r, int i, const F& f) {
  const std::int64_t count = r.input(i).elements();
  if (r.input(i).dtype == DType::int32) {
    f(r.in<std::int32_t>(i), count);
  } else {
    f(r.in<std::int64_t>(i), count);
  }
}

// An index in words. What no integer can hold was cast to the least of them.
template <class Index>
std::string name_of_index(Index index) {
  return index == std::numeric_limits<Index>::min() ? text(index, " (NaN, or beyond the integers)") : text(index);
}

// IndexError that names the first index outside [-size, size), or [0, size) if none counts from the end.
template <class Index>
void require_in_range(const Run& r, const Index* indices, std::int64_t count, std::int64_t size, int axis,
                      bool from_end = true) {
  const std::int64_t bad = kernels::first_out_of_range(indices, count, from_end ? -size : 0, size);
  if (bad < 0) return;
  fail(ErrorKind::index, r.operation().name, ": index ", name_of_index(indices[bad]), " (number ", bad, " of ", count,
       ") is out of range for axis ", axis, " of size ", size);
}

// The same for rows of `depth` indices, the d-th into an axis of size sizes[d].
template <class Index>
void require_rows_in_range(const Run& r, const Index* indices, std::int64_t rows, int depth, const Shape& sizes) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (int d = 0; d < depth; ++d) {
      const auto index = static_cast<std::int64_t>(indices[row * depth + d]);
      if (index >= -sizes[d] && index < sizes[d]) continue;
      fail(ErrorKind::index, r.operation().name, ": index ", name_of_index(indices[row * depth + d]), " (row ", row,
           " of ", rows, ") is out of range for axis ", d, " of size ", sizes[d]);
    }
  }
}

}  // namespace addax::ops
