#include "ops/conv_shape.h"

#include <algorithm>

#include "ops/windows.h"

namespace addax::ops {
namespace {

// Arrays without values have any sizes, 2^60 taps of a kernel of no channels, say, which no memory bounds. Where they
// leave nothing to multiply, sizes that say the same and are small take their place.
void shrink_what_is_empty(kernels::ConvShape& s, const Shape& x, const Shape& y, const Shape& w) {
  const bool no_image = x.elements() == 0, no_result = y.elements() == 0;
  if (no_image && no_result) {
    s.batch = 0;
    std::fill_n(s.in, kernels::kSpatial, 1);
    std::fill_n(s.out, kernels::kSpatial, 1);
  }
  if (w.elements() != 0) return;
  s.groups = 1;
  std::fill_n(s.pad_low, kernels::kSpatial, 0);
  for (auto* field : {&s.kernel, &s.stride, &s.dilation}) std::fill_n(*field, kernels::kSpatial, 1);
  if (no_result) {
    std::copy_n(s.in, kernels::kSpatial, s.out);
  } else {
    std::copy_n(s.out, kernels::kSpatial, s.in);
  }
}

}  // namespace

kernels::ConvShape conv_shape(Kind kind, const Attributes& attributes, const Shape& x, const Shape& y, const Shape& w) {
  kernels::ConvShape s{};
  s.batch = x[0];
  s.in_channels = x[x.rank() - 1];
  s.out_channels = y[y.rank() - 1];
  s.groups = kind == Kind::depthwise ? 1 : attributes.integer("groups");
  const Windows windows = windows_of(attributes, w.sizes().first(w.sizes().size() - 2));
  fill_windows(windows, x, y, {s.in, s.out, s.kernel, s.stride, s.pad_low});
  const int missing = kernels::kSpatial - windows.rank();
  for (int d = 0; d < kernels::kSpatial; ++d)
    s.dilation[d] = d < missing ? 1 : windows.dilation[static_cast<std::size_t>(d - missing)];
  shrink_what_is_empty(s, x, y, w);
  return s;
}

}  // namespace addax::ops
