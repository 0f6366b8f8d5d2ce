// Matrix products of bfloat16: products of two bfloat16 are exact in float32, sums are float32, the result is rounded
// once. Half the memory of float32; twice its rate where the machine multiplies pairs (avx512_bf16).
#pragma once

#include <cstdint>

#include "kernels/half.h"
#include "kernels/matmul.h"

namespace addax::kernels {

// What becomes of the float32 sums before they are rounded.
struct Bf16Epilogue {
  const float* bias = nullptr;  // one value for each column (channel) of the result, or null
  Activation activation = Activation::none;
};

// Of the job: sizes, strides, flags of transposition, the batch and packed_b. Bias, activation, tail and accumulate are
// not for this family.
struct Bf16MatmulKernels {
  void (*run)(const Matmul<BrainHalf>& job, const Bf16Epilogue& epilogue);
  std::int64_t (*workspace)(const Matmul<BrainHalf>& job);  // bytes; reads sizes and flags, no data
  // As MatmulFunctions: op(B) as the kernel reads it. 0 elements: this machine reads B as it lies.
  std::int64_t (*packed_size)(std::int64_t k, std::int64_t n);
  void (*pack)(const BrainHalf* b, std::int64_t ldb, bool transpose_b, std::int64_t k, std::int64_t n,
               BrainHalf* packed);
  bool native;  // multiplies bfloat16; else converts to float32
};

namespace baseline {
void fill(Bf16MatmulKernels& kernels);
}
namespace avx2 {
void fill(Bf16MatmulKernels& kernels);
}
namespace avx512 {
void fill(Bf16MatmulKernels& kernels);
}
namespace neon {
void fill(Bf16MatmulKernels& kernels);
}

}  // namespace addax::kernels
