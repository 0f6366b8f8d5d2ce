#include "ops/conv_shape.h"

#include "ops/windows.h"

namespace addax::ops {

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
  return s;
}

}  // namespace addax::ops
