#pragma once

#include "kernels/conv.h"
#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {

// dL/dw of a depthwise convolution of multiplier 1: job.x has out_channels channels. The workspace is for its sums.
template <class T>
void depthwise_kernel_gradient(const Conv<T>& job);
template <class T>
std::int64_t depthwise_kernel_gradient_workspace(const ConvShape& shape);

}  // namespace addax::kernels::ADDAX_ISA_NS
