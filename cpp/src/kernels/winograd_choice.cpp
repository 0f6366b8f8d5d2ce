#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "kernels/winograd.h"

namespace addax::kernels {
namespace {

bool allowed() {
  static const bool value = [] {
    const char* const text = std::getenv("ADDAX_WINOGRAD");
    return text == nullptr || std::string_view(text) != "0";
  }();
  return value;
}

}  // namespace

bool winograd_fits(const ConvShape& s) {
  if (s.groups != 1 || s.kernel[0] != 1 || s.stride[0] != 1 || s.pad_low[0] != 0 || s.in[0] != s.out[0]) return false;
  for (int d = 1; d < kSpatial; ++d) {
    if (s.kernel[d] != 3 || s.stride[d] != 1 || s.dilation[d] != 1) return false;
  }
  return true;
}

// Direct time over Winograd's, one thread of a Zen 4, AVX-512 (bench/cpp/winograd_bench.cpp), weights not packed
// beforehand:
//
//   image, channels, batch         forward    data gradient   kernel gradient
//   32×32,   16 →  16, 128           1.3          1.2             1.3
//   16×16,   32 →  32, 128           1.5          1.6             1.3
//    8×8,    64 →  64, 128           1.7          1.7             1.6
//   13×13,   32 →  64, 128           1.4          1.5             1.4
//   123×123, 32 →  32, 8             1.7          1.8             1.4
//   56×56,   64 →  64, 8             1.7          1.8             1.7
//   28×28,  128 → 128, 8             1.9          1.9             1.9
//   14×14,  256 → 256, 1 and 8     1.3, 1.8     1.1, 1.8        1.0, 1.7
//    7×7,   512 → 512, 1 and 8     0.9, 1.3     0.8, 1.3        0.7, 1.1
//
// Few channels leave the transforms, few tiles the weights too little to be shared by; images whose last tiles hang
// over waste what is saved.
bool winograd_wins(const ConvShape& s, ConvPass pass) {
  constexpr std::int64_t kLeastChannels = 16;
  if (!winograd_fits(s) || std::min(s.in_channels, s.out_channels) < kLeastChannels) return false;
  const std::int64_t tiles = s.in[0] * ((s.out[1] + 1) / 2) * ((s.out[2] + 1) / 2);
  const bool mostly_inside = 10 * s.in[0] * s.out[1] * s.out[2] >= 7 * 4 * tiles;
  return mostly_inside && tiles >= (pass == ConvPass::kernel_gradient ? 36 : 16) && allowed();
}

}  // namespace addax::kernels
