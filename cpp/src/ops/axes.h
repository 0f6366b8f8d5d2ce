// Small shape questions that several operation files ask.
#pragma once

#include <cstdint>

#include "ops/operation.h"

namespace addax::ops {

// A shape as seen along one axis.
struct AxisView {
  std::int64_t outer, size, inner;
};
inline AxisView along(const Shape& shape, int axis) {
  AxisView view{1, shape[axis], 1};
  for (int d = 0; d < axis; ++d) view.outer *= shape[d];
  for (int d = axis + 1; d < shape.rank(); ++d) view.inner *= shape[d];
  return view;
}

// Of two dims that agree, the one that says more.
inline const Dim& known_of(const Dim& a, const Dim& b) { return a.known() ? a : b; }

inline void require_rank_fits(const Infer& in, std::size_t rank) {
  if (rank > static_cast<std::size_t>(kMaxRank))
    in.error("the result would have rank ", rank, "; at most ", kMaxRank, " is supported");
}

inline void require_sizes(const Infer& in, const Dims& dims, std::string_view what) {
  for (const Dim& dim : dims) {
    if (dim.known() && dim.value() < 0) in.error(what, " has a negative size: ", dims);
  }
}

// A Dims attribute of exactly one size that is not negative.
inline const Dim& one_size(const Infer& in, std::string_view attribute) {
  const Dims& dims = in.attributes().dims(attribute);
  if (dims.size() != 1) in.error("attribute '", attribute, "' must be one size; received ", dims);
  require_sizes(in, dims, attribute);
  return dims[0];
}

}  // namespace addax::ops
