// Windows that slide over the spatial axes of channels-last images (batch, size…, channels): what convolutions and
// pooling share.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "kernels/conv.h"
#include "ops/operation.h"

namespace addax::ops {

// The sliding along each spatial axis, in place: runs make one and may not allocate. Sizes of windows are known
// numbers; those of images may be symbolic.
struct Windows {
  using Sizes = std::array<std::int64_t, kernels::kSpatial>;  // the first `axes` count
  Sizes size{}, stride{}, dilation{}, pad_low{}, pad_high{};
  int axes = 0;
  bool same = false;  // the pads follow from the image's size

  int rank() const { return axes; }
  std::int64_t reach(int d) const {
    const auto i = static_cast<std::size_t>(d);
    return (size[i] - 1) * dilation[i] + 1;
  }
};

// From the attributes strides, padding ("valid", "same" or "explicit"), pads (low, high for each axis in turn) and
// dilation, those that the operation has; empty strides and dilation are ones. Checks everything but the images' sizes.
Windows windows_of(const Infer& in, std::span<const std::int64_t> size);
// The same from attributes that were checked.
Windows windows_of(const Attributes& attributes, std::span<const std::int64_t> size);

// The number of windows along each of the image's axes 1 … rank. Throws if an image is too small for a window.
Dims window_counts(const Infer& in, const Windows& windows, const Dims& image);

// Fills size fields of kernels: axes that are missing count 1 and lead.
struct WindowFields {
  std::int64_t (&in)[kernels::kSpatial];
  std::int64_t (&out)[kernels::kSpatial];
  std::int64_t (&size)[kernels::kSpatial];
  std::int64_t (&stride)[kernels::kSpatial];
  std::int64_t (&pad_low)[kernels::kSpatial];
};
void fill_windows(const Windows& windows, const Shape& image, const Shape& result, const WindowFields& to);

// Sizes as numbers; an error that names `what` if one is unknown.
std::vector<std::int64_t> known_sizes(const Infer& in, const Dims& dims, std::string_view what);

}  // namespace addax::ops
