// The `activation` attribute of operations with an epilogue: "none", "relu" or "relu6".
#pragma once

#include "kernels/activation.h"
#include "ops/operation.h"

namespace addax::ops {

inline kernels::Activation activation_named(std::string_view name, std::string_view operation) {
  if (name == "none") return kernels::Activation::none;
  if (name == "relu") return kernels::Activation::relu;
  if (name == "relu6") return kernels::Activation::relu6;
  fail(ErrorKind::value, operation, ": the activation must be 'none', 'relu' or 'relu6'; received '", name, "'");
}
inline kernels::Activation activation_of(const Infer& in) {
  return activation_named(in.attributes().string("activation"), in.name());
}
inline kernels::Activation activation_of(const Run& r) {
  return activation_named(r.attributes().string("activation"), r.operation().name);
}

// The type of the bias, which is added before the sum is rounded.
inline DType sum_type(DType dtype) { return dtype == DType::bfloat16 ? DType::float32 : dtype; }

}  // namespace addax::ops
