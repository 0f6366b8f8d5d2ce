// The gradient of a direct convolution's kernel; conv.cpp puts it into the table.
#pragma once

#include "kernels/conv.h"

namespace addax::kernels::ADDAX_ISA_NS {

// T is float or double.
template <class T>
void conv_kernel_gradient(const Conv<T>& job);
template <class T>
std::int64_t conv_kernel_gradient_workspace(const ConvShape& shape);

}  // namespace addax::kernels::ADDAX_ISA_NS
