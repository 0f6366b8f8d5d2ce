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

// Indices count the taps of a window, row by row, those on the padding too. They are uint8 where all of them fit, else
// int32: an index of each pooled value is kept for the gradient, and a byte is a quarter of what it would be.
inline bool has_small_indices(std::int64_t taps) { return taps <= 256; }

template <class T>
struct PoolFunctions {
  // y: the greatest of each window, NaN if it has one. index (may be null): its tap, the first of equals.
  void (*max)(const PoolShape& shape, const T* x, T* y, void* index);
  // dx: to each element, the sum of dy of those windows that hold it and whose index is its tap.
  void (*max_gradient)(const PoolShape& shape, const T* dy, const void* index, T* dx);
  // y: of each window the element at its index; 0 if that lies outside the window or the image.
  void (*gather)(const PoolShape& shape, const T* x, const void* index, T* y);
  // y: the mean of the window's elements inside the image.
  void (*average)(const PoolShape& shape, const T* x, T* y);
  void (*average_gradient)(const PoolShape& shape, const T* dy, T* dx);
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

void fill_float64(PoolKernels& table);  // the same on every instruction set

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
