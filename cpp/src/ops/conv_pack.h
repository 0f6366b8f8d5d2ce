// conv_pack: the weights of a convolution in the order in which its kernel reads them, packed once and read by many
// runs. Where they come so, their sizes are the attribute `kernel`.
#pragma once

#include "ops/conv_shape.h"

namespace addax::ops {

inline constexpr const char* kMadeByPasses = "made by a pass that runs after differentiation";

bool is_packed(const Attributes& attributes);

// The dims of the kernel of a convolution of images of rank `rank`: input 1 as it is, or what it was before.
Dims weights_of(const Infer& in, int rank);

// Packed weights must be those of this convolution of images of dims `image`.
void check_packed(const Infer& in, const Dims& image, const Dims& w, kernels::ConvPass pass);

Operation pack_operation();

}  // namespace addax::ops
