// What layouts of a convolution's weights have in common, for single channels (conv_weights.cpp) and for pairs of them
// (conv_bf16.cpp).
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/parallel.h"
#include "kernels/conv_walk.h"

namespace addax::kernels::ADDAX_ISA_NS {

// The sizes of the weights; how panels are cut is not decided.
inline WeightPlan weights_of(const ConvShape& s, bool transposed) {
  WeightPlan p{};
  p.slots = volume(s.kernel);
  p.groups = s.groups;
  p.in_channels = (transposed ? s.out_channels : s.in_channels) / s.groups;
  p.out_channels = (transposed ? s.in_channels : s.out_channels) / s.groups;
  p.transposed = transposed;
  p.stride = s.stride[2];
  p.row = s.kernel[2];
  return p;
}

// Calls body(from, stride, columns, slot) for the weights of each tap and panel, in parallel: B(c, j) of a tap is at
// from[c · stride + j], or at from[j · stride + c] if transposed, for j < columns; the slot counts those of all panels.
// Forward, the kernel is (tap, in of a group, out of all groups), which is B as it lies; for the data gradient in and
// out change places and B is its transpose.
template <class T, class Body>
void for_each_panel_of_weights(const WeightPlan& p, const T* w, const Body& body) {
  const std::int64_t stride = p.groups * (p.transposed ? p.in_channels : p.out_channels);
  const std::int64_t tap_size = (p.transposed ? p.out_channels : p.in_channels) * stride;
  const std::int64_t work = std::max<std::int64_t>(1, p.in_channels * p.width);
  const std::int64_t grain = std::max<std::int64_t>(1, (std::int64_t{1} << 15) / work);
  parallel_for(p.groups * p.panels * p.slots, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t q = i / p.slots, t = i % p.slots;
      const std::int64_t group = q / p.panels, column = q % p.panels * p.width;
      const T* const from =
          w + t * tap_size + (p.transposed ? group * p.in_channels + column * stride : group * p.out_channels + column);
      body(from, stride, std::min(p.width, p.out_channels - column), q * p.slots + slot_of(p, t));
    }
  });
}

}  // namespace addax::kernels::ADDAX_ISA_NS
