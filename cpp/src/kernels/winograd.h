// Winograd convolutions of float32 images, F(2×2, 3×3): 3×3 kernels, stride 1, no dilation, no groups. A 2×2 tile of
// the output takes 16 multiplications per pair of channels instead of 36 (Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks", arXiv:1509.09308). Each output depends on exactly the pixels of its window, as in the
// direct kernel; an infinite pixel inside the window gives NaN where the direct kernel may give an infinity.
#pragma once

#include "kernels/conv.h"

namespace addax::kernels {

enum class ConvPass { forward, data_gradient, kernel_gradient };

// Whether the Winograd kernel can compute this convolution at all.
bool winograd_fits(const ConvShape& shape);

// Whether it shall: it fits, it is faster by more than 15 % than the direct kernel, and ADDAX_WINOGRAD is not "0" in
// the environment (read once). A function of everything but the batch, so that a sample's result does not depend on the
// samples beside it.
bool winograd_wins(const ConvShape& shape, ConvPass pass);

// For shapes that fit. The functions may be called whether they win or not.
struct WinogradKernels {
  ConvFunctions<float> f32;
};

namespace baseline {
void fill(WinogradKernels& kernels);
}
namespace avx2 {
void fill(WinogradKernels& kernels);
}
namespace avx512 {
void fill(WinogradKernels& kernels);
}
namespace neon {
void fill(WinogradKernels& kernels);
}

}  // namespace addax::kernels
