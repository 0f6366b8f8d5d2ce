// Pooling over windows of up to three spatial dimensions, channels last. Fewer dimensions are given as leading ones of
// size 1.
#pragma once

#include <cstdint>

#include "kernels/conv.h"

namespace addax::kernels {

struct PoolShape {
  std::int64_t batch;
  std::int64_t in[kSpatial];
  std::int64_t out[kSpatial];
  std::int64_t window[kSpatial];
  std::int64_t stride[kSpatial];
  std::int64_t pad_low[kSpatial];
  std::int64_t channels;
};

template <class T>
struct PoolFunctions {
  // y: the greatest of each window, NaN if it has one. index (may be null): where that element lies within its sample,
  // the first of equals.
  void (*max)(const PoolShape& shape, const T* x, T* y, std::int32_t* index);
  // dx: to each element, the sum of dy of those windows that hold it and whose index is it.
  void (*max_gradient)(const PoolShape& shape, const T* dy, const std::int32_t* index, T* dx);
  // y: the mean of the window's elements inside the image.
  void (*average)(const PoolShape& shape, const T* x, T* y);
  void (*average_gradient)(const PoolShape& shape, const T* dy, T* dx);
  // Per sample: dx (in elements) = 0; dx[index[i]] += dy[i] for i < out elements. Indices are within [0, in).
  void (*scatter)(std::int64_t batch, std::int64_t in, std::int64_t out, const T* dy, const std::int32_t* index, T* dx);
  // Per sample: y[i] = x[index[i]].
  void (*gather)(std::int64_t batch, std::int64_t in, std::int64_t out, const T* x, const std::int32_t* index, T* y);
};

struct PoolKernels {
  PoolFunctions<float> f32;
  PoolFunctions<double> f64;

  template <class T>
  const PoolFunctions<T>& of() const {
    if constexpr (sizeof(T) == 4) {
      return f32;
    } else {
      return f64;
    }
  }
};

namespace baseline {
void fill(PoolKernels& kernels);
}
namespace avx2 {
void fill(PoolKernels& kernels);
}
namespace avx512 {
void fill(PoolKernels& kernels);
}
namespace neon {
void fill(PoolKernels& kernels);
}

}  // namespace addax::kernels
