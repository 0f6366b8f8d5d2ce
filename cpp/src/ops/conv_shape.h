// The sizes of a convolution as its kernels want them, and which family of kernels serves it.
#pragma once

#include "addax/attributes.h"
#include "kernels/conv.h"
#include "kernels/kernels.h"

namespace addax::ops {

enum class Kind { direct, depthwise };

// From attributes that were checked; x, y and w are the shapes of the image, the result and the kernel.
kernels::ConvShape conv_shape(Kind kind, const Attributes& attributes, const Shape& x, const Shape& y, const Shape& w);

// The kernels that are the quickest for it.
template <Kind kind, class T>
const kernels::ConvFunctions<T>& conv_functions(const kernels::ConvShape& shape, kernels::ConvPass pass) {
  if constexpr (kind == Kind::depthwise) {
    return kernels::kernels().depthwise.of<T>();
  } else {
    if constexpr (std::is_same_v<T, float>) {
      if (kernels::winograd_wins(shape, pass)) return kernels::kernels().winograd.f32;
    }
    return kernels::kernels().conv.of<T>();
  }
}

}  // namespace addax::ops
