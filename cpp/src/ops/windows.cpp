#include "ops/windows.h"

#include <algorithm>

namespace addax::ops {
namespace {

// Far above any use, far below what could overflow when two are multiplied.
constexpr std::int64_t kLargest = std::int64_t{1} << 30;

std::vector<std::int64_t> read(const Attributes& attributes, const char* name, std::size_t count,
                               std::int64_t fallback) {
  if (!attributes.has(name) || attributes.integers(name).empty()) return std::vector<std::int64_t>(count, fallback);
  return attributes.integers(name);
}

void check(const Infer& in, const char* name, const std::vector<std::int64_t>& values, std::size_t count,
           std::int64_t least) {
  if (values.size() != count) in.error("'", name, "' must have ", count, " entries; received ", values.size());
  for (const std::int64_t value : values) {
    if (value < least || value > kLargest)
      in.error("entries of '", name, "' must be from ", least, " to ", kLargest, "; received ", value);
  }
}

}  // namespace

Windows windows_of(const Attributes& attributes, std::vector<std::int64_t> size) {
  Windows w;
  const std::size_t rank = size.size();
  w.size = std::move(size);
  w.stride = read(attributes, "strides", rank, 1);
  w.dilation = read(attributes, "dilation", rank, 1);
  const std::string& padding = attributes.string("padding");
  w.same = padding == "same";
  const std::vector<std::int64_t> pads =
      padding == "explicit" ? read(attributes, "pads", 2 * rank, 0) : std::vector<std::int64_t>(2 * rank, 0);
  for (std::size_t i = 0; i + 1 < pads.size(); i += 2) {
    w.pad_low.push_back(pads[i]);
    w.pad_high.push_back(pads[i + 1]);
  }
  return w;
}

Windows windows_of(const Infer& in, std::vector<std::int64_t> size) {
  const Attributes& attributes = in.attributes();
  const std::string& padding = attributes.string("padding");
  const bool can_be_explicit = attributes.has("pads");
  if (padding != "valid" && padding != "same" && !(can_be_explicit && padding == "explicit"))
    in.error("'padding' must be 'valid', 'same'", can_be_explicit ? " or 'explicit'" : "", "; received '", padding,
             "'");
  const std::size_t rank = size.size();
  check(in, "size of the window", size, rank, 1);
  if (can_be_explicit) {
    const auto& pads = attributes.integers("pads");
    if (padding == "explicit") {
      check(in, "pads", pads, 2 * rank, 0);
    } else if (!pads.empty()) {
      in.error("'pads' need padding 'explicit'; received '", padding, "'");
    }
  }
  const Windows w = windows_of(attributes, std::move(size));
  check(in, "strides", w.stride, rank, 1);
  check(in, "dilation", w.dilation, rank, 1);
  return w;
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
