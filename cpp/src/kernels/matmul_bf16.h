// Matrix products of bfloat16: products of two bfloat16 are exact in float32, sums are float32, the result is rounded
// once. Half the memory of float32; twice its rate where the machine multiplies pairs (avx512_bf16).
#pragma once

#include <cstdint>

#include "kernels/half.h"
#include "kernels/matmul.h"

namespace addax::kernels {

// Of the job: sizes, strides, flags of transposition and the batch. Bias, activation, tail, accumulate and packed_b are
// not for this family.
struct Bf16MatmulKernels {
  void (*run)(const Matmul<BrainHalf>& job);
  std::int64_t (*workspace)(const Matmul<BrainHalf>& job);  // bytes; reads sizes and flags, no data
  bool native;                                              // multiplies bfloat16; else converts to float32
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
