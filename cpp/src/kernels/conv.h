// Convolutions, channels last: x is batch × size… × in_channels, the kernel size… × (in_channels / groups) ×
// out_channels, y batch × size… × out_channels. Up to three spatial dimensions; fewer are given as leading dimensions
// of size 1. As in Keras, it is the cross-correlation: y[o] = Σ_t x[o·stride + t·dilation - pad_low] · w[t].
// bfloat16 is summed in float32; bias and activation come before the one rounding.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/activation.h"
#include "kernels/half.h"
#include "kernels/tail.h"

namespace addax::kernels {

inline constexpr int kSpatial = 3;

struct ConvShape {
  std::int64_t batch;
  std::int64_t in[kSpatial];
  std::int64_t out[kSpatial];
  std::int64_t kernel[kSpatial];
  std::int64_t stride[kSpatial];
  std::int64_t dilation[kSpatial];
  std::int64_t pad_low[kSpatial];
  std::int64_t in_channels;
  std::int64_t out_channels;  // depthwise: in_channels · multiplier
  std::int64_t groups;        // depthwise: ignored
};

// What values of type T are summed in.
template <class T>
using Sum = std::conditional_t<std::is_same_v<T, BrainHalf>, float, T>;

template <class T>
struct Conv {
  ConvShape shape;
  const T* x;  // forward, kernel gradient
  const T* w;  // forward, data gradient
  const T* y;  // gradients: dL/dy
  T* result;   // y, dL/dx or dL/dw
  // Forward and data gradient: a value per channel of the result, or null, and what is applied after it.
  const Sum<T>* bias = nullptr;
  Activation activation = Activation::none;
  // Forward and data gradient: what ConvFunctions::pack made of w, which is then not read; or null.
  const T* packed = nullptr;
  // Forward and data gradient of float32: run on the finished result, block by block.
  const Tail* tail = nullptr;
  void* workspace = nullptr;  // 64-byte aligned, as many bytes as the workspace function says
};

// What a family of convolutions offers for one dtype. The workspace functions read the shape alone.
template <class T>
struct ConvFunctions {
  void (*forward)(const Conv<T>& job);
  void (*data_gradient)(const Conv<T>& job);
  void (*kernel_gradient)(const Conv<T>& job);
  std::int64_t (*forward_workspace)(const ConvShape& shape);
  std::int64_t (*data_gradient_workspace)(const ConvShape& shape);
  std::int64_t (*kernel_gradient_workspace)(const ConvShape& shape);
  // The weights in the order in which the forward pass, or if `transposed` the data gradient, reads them: elements,
  // 0 if w serves as it lies. The layout depends on everything but the batch. Null: the family does not pack.
  std::int64_t (*packed_size)(const ConvShape& shape, bool transposed) = nullptr;
  void (*pack)(const ConvShape& shape, bool transposed, const T* w, T* packed) = nullptr;
};

struct ConvKernels {
  ConvFunctions<float> f32;
  ConvFunctions<double> f64;
  ConvFunctions<BrainHalf> bf16;  // conv_bf16.cpp; depthwise and Winograd have none

  template <class T>
  const ConvFunctions<T>& of() const {
    if constexpr (std::is_same_v<T, float>) {
      return f32;
    } else if constexpr (std::is_same_v<T, double>) {
      return f64;
    } else {
      return bf16;
    }
  }
};

void fill_float64(ConvKernels& table);  // the same on every instruction set

namespace baseline {
void fill(ConvKernels& kernels);
}
namespace avx2 {
void fill(ConvKernels& kernels);
}
namespace avx512 {
void fill(ConvKernels& kernels);
}
namespace neon {
void fill(ConvKernels& kernels);
}

}  // namespace addax::kernels
