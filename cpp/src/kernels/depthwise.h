// Depthwise convolutions, channels last: each channel has `multiplier` kernels of its own. The kernel is size… ×
// in_channels × multiplier; channel c's outputs are c·multiplier … c·multiplier + multiplier - 1.
#pragma once

#include "kernels/conv.h"

namespace addax::kernels {

struct DepthwiseKernels {
  ConvFunctions<float> f32;
  ConvFunctions<double> f64;

  template <class T>
  const ConvFunctions<T>& of() const {
    if constexpr (sizeof(T) == 4) {
      return f32;
    } else {
      return f64;
    }
  }
};

void fill_float64(DepthwiseKernels& table);  // the same on every instruction set

namespace baseline {
void fill(DepthwiseKernels& kernels);
}
namespace avx2 {
void fill(DepthwiseKernels& kernels);
}
namespace avx512 {
void fill(DepthwiseKernels& kernels);
}
namespace neon {
void fill(DepthwiseKernels& kernels);
}

}  // namespace addax::kernels
