// Activations on vectors and single values.
#pragma once

#include "kernels/activation.h"
#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {

template <class V>
ADDAX_INLINE V activate(V x, Activation activation) {
  switch (activation) {
    case Activation::relu:
      return relu_of(x);
    case Activation::relu6:
      x = relu_of(x);
      return x > Lane<V>{6} ? V{} + Lane<V>{6} : x;
    default:
      return x;
  }
}

// y[j] = activation(y[j] + bias[j · bias_step]); a null bias adds nothing.
template <class T>
void finish_row(T* y, std::int64_t n, const T* bias, std::int64_t bias_step, Activation activation) {
  if (bias == nullptr && activation == Activation::none) return;
  for (std::int64_t j = 0; j < n; ++j) {
    T x = bias == nullptr ? y[j] : y[j] + bias[j * bias_step];
    if (activation != Activation::none) x = x < T{0} ? T{0} : x;
    if (activation == Activation::relu6) x = x > T{6} ? T{6} : x;
    y[j] = x;
  }
}

}  // namespace addax::kernels::ADDAX_ISA_NS
