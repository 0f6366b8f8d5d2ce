#pragma once

#include "kernels/conv.h"
#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {

// dL/dw of a convolution that winograd_fits.
void winograd_kernel_gradient(const Conv<float>& job);
std::int64_t winograd_kernel_gradient_workspace(const ConvShape& shape);

}  // namespace addax::kernels::ADDAX_ISA_NS
