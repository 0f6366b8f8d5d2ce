// Resizing of images, channels last, with half-pixel centres (TF 2, Keras 3): output pixel i looks at (i + 1/2) · in /
// out - 1/2.
#pragma once

#include <cstdint>

namespace addax::kernels {

struct ResizeShape {
  std::int64_t batch;
  std::int64_t in_height;
  std::int64_t in_width;
  std::int64_t out_height;
  std::int64_t out_width;
  std::int64_t channels;
};

template <class T>
struct ResizeFunctions {
  // in and out sizes > 0 wherever the output has elements.
  void (*nearest)(const ResizeShape& shape, const T* x, T* y);
  void (*bilinear)(const ResizeShape& shape, const T* x, T* y);
  void (*nearest_gradient)(const ResizeShape& shape, const T* dy, T* dx);
  void (*bilinear_gradient)(const ResizeShape& shape, const T* dy, T* dx);
};

struct ResizeKernels {
  ResizeFunctions<float> f32;
  ResizeFunctions<double> f64;

  template <class T>
  const ResizeFunctions<T>& of() const {
    if constexpr (sizeof(T) == 4) {
      return f32;
    } else {
      return f64;
    }
  }
};

void fill_float64(ResizeKernels& table);  // the same on every instruction set

namespace baseline {
void fill(ResizeKernels& kernels);
}
namespace avx2 {
void fill(ResizeKernels& kernels);
}
namespace avx512 {
void fill(ResizeKernels& kernels);
}
namespace neon {
void fill(ResizeKernels& kernels);
}

}  // namespace addax::kernels
