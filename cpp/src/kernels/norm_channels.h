// Normalization by statistics per channel: batch and group normalization. x is (samples, positions, channels), channels
// last. Batch normalization sees one sample with a group per channel; group normalization has `groups` equal runs of
// neighbouring channels, each with statistics of its own in each sample:
//     y = activation((x − mean) · scale + beta + shortcut),  scale = gamma / √(variance + epsilon)
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace addax::kernels {

template <class T>
struct ChannelNorm {
  std::int64_t samples;
  std::int64_t positions;
  std::int64_t channels;
  std::int64_t groups;  // divides channels
  double epsilon;
  Activation activation = Activation::none;
  const T* x;
  const T* gamma;               // channels values
  const T* beta;                // channels values
  const T* shortcut = nullptr;  // of the shape of x, or null
  T* y;
  T* mean;      // (samples, groups); NaN where there is nothing to take the mean of
  T* variance;  // (samples, groups), of the population
  void* workspace = nullptr;
};

// Of L with dL/dy: dL/dx, dL/dgamma and dL/dbeta. The activation's mask is taken from y, computed anew from x.
template <class T>
struct ChannelNormGradient {
  std::int64_t samples;
  std::int64_t positions;
  std::int64_t channels;
  std::int64_t groups;
  double epsilon;
  Activation activation = Activation::none;
  const T* x;
  const T* dy;
  const T* mean;
  const T* variance;
  const T* gamma;
  const T* beta;  // read if there is an activation
  T* dx;
  T* dgamma;
  T* dbeta;
  void* workspace = nullptr;
};

template <class T>
struct ChannelNormOf {
  // samples is 1 and groups is channels; the positions are shared between threads. The workspace is 64-byte aligned.
  void (*batch)(const ChannelNorm<T>& job);
  void (*batch_gradient)(const ChannelNormGradient<T>& job);
  std::int64_t (*batch_workspace)(std::int64_t positions, std::int64_t channels);  // bytes, for both
  // The samples are shared between threads.
  void (*group)(const ChannelNorm<T>& job);
  void (*group_gradient)(const ChannelNormGradient<T>& job);
  std::int64_t (*group_workspace)(std::int64_t samples, std::int64_t channels);  // bytes, of the gradient alone
};

struct ChannelNormKernels {
  ChannelNormOf<float> f32;
  ChannelNormOf<double> f64;

  template <class T>
  const ChannelNormOf<T>& of() const {
    if constexpr (sizeof(T) == 4) {
      return f32;
    } else {
      return f64;
    }
  }
};

void fill_float64(ChannelNormKernels& table);  // the same on every instruction set

namespace baseline {
void fill(ChannelNormKernels& table);
}
namespace avx2 {
void fill(ChannelNormKernels& table);
}
namespace avx512 {
void fill(ChannelNormKernels& table);
}
namespace neon {
void fill(ChannelNormKernels& table);
}

}  // namespace addax::kernels
