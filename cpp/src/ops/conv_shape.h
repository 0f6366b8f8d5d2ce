// The sizes of a convolution: what the shape rules say of them, how its kernels want them, and which family of kernels
// serves it.
#pragma once

#include "addax/attributes.h"
#include "kernels/conv.h"
#include "kernels/kernels.h"
#include "ops/operation.h"

namespace addax::ops {

enum class Kind { direct, depthwise };

// ---- Shape rules.

// Spatial axes of input i, an image or a kernel.
int spatial_rank(const Infer& in, int i);
Dims kernel_size(const Dims& w);
// The attribute `groups`.
std::int64_t groups_of(const Infer& in);
void require_divisible(const Infer& in, const Dim& channels, std::int64_t groups, std::string_view what);
void require_equal_dims(const Infer& in, const Dims& a, const Dims& b, std::string_view what);
// The result's dims for an image and a kernel.
Dims result_dims(Kind kind, const Infer& in, const Dims& image, const Dims& w);

// strides, padding, pads, dilation and, unless depthwise, groups.
std::vector<AttributeSpec> window_attributes(Kind kind);
inline std::vector<AttributeSpec> with(std::vector<AttributeSpec> list, AttributeSpec more) {
  list.push_back(std::move(more));
  return list;
}

// ---- For kernels.

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
