#include "ops/conv_shape.h"

#include <algorithm>

#include "ops/axes.h"
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

// The channels that w gives to images of `channels` channels.
Dim out_channels(Kind kind, const Infer& in, const Dim& channels, const Dims& w) {
  const Dim &inner = w[w.size() - 2], &last = w.back();
  if (kind == Kind::depthwise) {
    in.require_equal(channels, inner, "channels of the image and the kernel");
    return known_of(channels, inner) * last;
  }
  const std::int64_t groups = groups_of(in);
  in.require_equal(channels, inner * groups, "channels of the image and groups times those of the kernel");
  require_divisible(in, last, groups, "filters");
  return last;
}

}  // namespace

int spatial_rank(const Infer& in, int i) {
  in.require_rank_at_least(i, 3);
  if (in.rank(i) > 2 + kernels::kSpatial) in.error("images have at most three spatial axes");
  return in.rank(i) - 2;
}

Dims kernel_size(const Dims& w) { return Dims(w.begin(), w.end() - 2); }

std::int64_t groups_of(const Infer& in) {
  const std::int64_t groups = in.attributes().integer("groups");
  if (groups < 1) in.error("'groups' must be positive; received ", groups);
  return groups;
}

void require_divisible(const Infer& in, const Dim& channels, std::int64_t groups, std::string_view what) {
  if (channels.known() && channels.value() % groups != 0)
    in.error("The number of ", what, " must be evenly divisible by the number of groups. Received ", channels,
             " and groups=", groups);
}

void require_equal_dims(const Infer& in, const Dims& a, const Dims& b, std::string_view what) {
  for (std::size_t d = 0; d < a.size(); ++d) in.require_equal(a[d], b[d], what);
}

Dims result_dims(Kind kind, const Infer& in, const Dims& image, const Dims& w) {
  const Windows windows = windows_of(in, known_sizes(in, kernel_size(w), "the kernel's size"));
  Dims out = window_counts(in, windows, image);
  out.insert(out.begin(), image[0]);
  out.push_back(out_channels(kind, in, image.back(), w));
  return out;
}

std::vector<AttributeSpec> window_attributes(Kind kind) {
  const Attribute none = std::vector<std::int64_t>{};
  std::vector<AttributeSpec> list = {{"strides", AttributeKind::integers, none},
                                     {"padding", AttributeKind::text, Attribute(std::string("valid"))},
                                     {"pads", AttributeKind::integers, none},
                                     {"dilation", AttributeKind::integers, none}};
  if (kind == Kind::direct) list.push_back({"groups", AttributeKind::integer, Attribute(std::int64_t{1})});
  return list;
}

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
