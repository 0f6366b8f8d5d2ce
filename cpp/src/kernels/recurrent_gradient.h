// The backward pass of recurrent layers; recurrent.cpp puts it into the table.
#pragma once

#include "kernels/recurrent.h"

namespace addax::kernels::ADDAX_ISA_NS {

// T is float or double.
template <class T>
void recurrent_gradient(const RecurrentGradient<T>& job);
template <class T>
std::int64_t recurrent_gradient_workspace(const RecurrentShape& shape);

}  // namespace addax::kernels::ADDAX_ISA_NS
