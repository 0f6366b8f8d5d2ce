#include "ops/windows.h"

#include <algorithm>

namespace addax::ops {
namespace {

// Far above any use, far below what could overflow when two are multiplied.
constexpr std::int64_t kLargest = std::int64_t{1} << 30;

// The attribute, or `fallback` where it is missing or empty.
void read(const Attributes& attributes, const char* name, std::span<std::int64_t> to, std::int64_t fallback) {
  std::fill(to.begin(), to.end(), fallback);
  if (!attributes.has(name) || attributes.integers(name).empty()) return;
  std::copy_n(attributes.integers(name).begin(), to.size(), to.begin());
}

void check(const Infer& in, const char* name, std::span<const std::int64_t> values, std::size_t count,
           std::int64_t least) {
  if (values.size() != count) in.error("'", name, "' must have ", count, " entries; received ", values.size());
  for (const std::int64_t value : values) {
    if (value < least || value > kLargest)
      in.error("entries of '", name, "' must be from ", least, " to ", kLargest, "; received ", value);
  }
}

}  // namespace

Windows windows_of(const Attributes& attributes, std::span<const std::int64_t> size) {
  Windows w;
  const std::size_t axes = size.size();
  w.axes = static_cast<int>(axes);
  std::copy(size.begin(), size.end(), w.size.begin());
  read(attributes, "strides", std::span(w.stride).first(axes), 1);
  read(attributes, "dilation", std::span(w.dilation).first(axes), 1);
  const std::string& padding = attributes.string("padding");
  w.same = padding == "same";
  if (padding != "explicit") return w;
  std::array<std::int64_t, 2 * kernels::kSpatial> pads;
  read(attributes, "pads", std::span(pads).first(2 * axes), 0);
  for (std::size_t i = 0; i < axes; ++i) {
    w.pad_low[i] = pads[2 * i];
    w.pad_high[i] = pads[2 * i + 1];
  }
  return w;
}

Windows windows_of(const Infer& in, std::span<const std::int64_t> size) {
  const Attributes& attributes = in.attributes();
  const std::string& padding = attributes.string("padding");
  const bool can_be_explicit = attributes.has("pads");
  if (padding != "valid" && padding != "same" && !(can_be_explicit && padding == "explicit"))
    in.error("'padding' must be 'valid', 'same'", can_be_explicit ? " or 'explicit'" : "", "; received '", padding,
             "'");
  const std::size_t rank = size.size();
  if (rank > kernels::kSpatial) in.error("windows have at most ", kernels::kSpatial, " spatial axes; received ", rank);
  check(in, "size of the window", size, rank, 1);
  if (can_be_explicit) {
    const auto& pads = attributes.integers("pads");
    if (padding == "explicit") {
      check(in, "pads", pads, 2 * rank, 0);
    } else if (!pads.empty()) {
      in.error("'pads' need padding 'explicit'; received '", padding, "'");
    }
  }
  for (const char* name : {"strides", "dilation"})
    if (attributes.has(name) && !attributes.integers(name).empty()) check(in, name, attributes.integers(name), rank, 1);
  return windows_of(attributes, size);
}

Dims window_counts(const Infer& in, const Windows& windows, const Dims& image) {
  Dims out;
  for (int d = 0; d < windows.rank(); ++d) {
    const auto i = static_cast<std::size_t>(d);
    const Dim& size = image[i + 1];
    if (windows.same) {
      out.push_back(ceil_div(size, windows.stride[i]));
      continue;
    }
    const Dim room = size + windows.pad_low[i] + windows.pad_high[i] - windows.reach(d);
    if (room.known() && room.value() < -1)
      in.error("Computed output size would be negative: along spatial axis ", d, " a window reaches over ",
               windows.reach(d), " pixels and the padded image has ", room.value() + windows.reach(d));
    out.push_back(floor_div(room, windows.stride[i]) + 1);
  }
  for (Dim& size : out) {
    if (size.known() && size.value() < 0) size = 0;
  }
  return out;
}

void fill_windows(const Windows& windows, const Shape& image, const Shape& result, const WindowFields& to) {
  const int missing = kernels::kSpatial - windows.rank();
  for (int d = 0; d < kernels::kSpatial; ++d) {
    to.in[d] = to.out[d] = to.size[d] = to.stride[d] = 1;
    to.pad_low[d] = 0;
    if (d < missing) continue;
    const int axis = d - missing;
    const auto i = static_cast<std::size_t>(axis);
    to.in[d] = image[axis + 1];
    to.out[d] = result[axis + 1];
    to.size[d] = windows.size[i];
    to.stride[d] = windows.stride[i];
    to.pad_low[d] = windows.pad_low[i];
    if (windows.same) {
      // TensorFlow's rule: as few pixels as cover the image, the odd one at the end.
      const std::int64_t total = (to.out[d] - 1) * to.stride[d] + windows.reach(axis) - to.in[d];
      to.pad_low[d] = std::max<std::int64_t>(total, 0) / 2;
    }
  }
}

std::vector<std::int64_t> known_sizes(const Infer& in, const Dims& dims, std::string_view what) {
  std::vector<std::int64_t> sizes;
  for (const Dim& dim : dims) {
    if (!dim.known()) in.error(what, " must be known; received ", dims);
    sizes.push_back(dim.value());
  }
  return sizes;
}

}  // namespace addax::ops
