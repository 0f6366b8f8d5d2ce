// Matrix products C = op(A)·op(B), batched, with an optional bias per column and activation.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace addax::kernels {

inline constexpr int kMaxBatchRank = 8;

// C is m × n, row-major and contiguous, the batch items one after another. op(A) is m × k: A itself, or stored k × m if
// transpose_a; op(B) is k × n: B itself, or stored n × k if transpose_b. Batch item (i_0, i_1, …) of A begins at
// Σ i_d · a_strides[d] elements, likewise B: a stride of 0 broadcasts.
template <class T>
struct Matmul {
  std::int64_t m;
  std::int64_t n;
  std::int64_t k;
  const T* a;
  const T* b;
  T* c;
  bool transpose_a = false;
  bool transpose_b = false;
  const T* bias = nullptr;  // n values, or null
  Activation activation = Activation::none;
  int batch_rank = 0;  // ≤ kMaxBatchRank
  std::int64_t batch[kMaxBatchRank] = {};
  std::int64_t a_strides[kMaxBatchRank] = {};
  std::int64_t b_strides[kMaxBatchRank] = {};
  void* workspace = nullptr;  // 64-byte aligned, as many bytes as the workspace function says
};

template <class T>
struct MatmulFunctions {
  void (*run)(const Matmul<T>& job);
  std::int64_t (*workspace)(const Matmul<T>& job);  // bytes; reads the sizes and flags of the job, no data
};

struct MatmulKernels {
  MatmulFunctions<float> f32;
  MatmulFunctions<double> f64;

  template <class T>
  const MatmulFunctions<T>& of() const {
    if constexpr (sizeof(T) == 4) {
      return f32;
    } else {
      return f64;
    }
  }
};

namespace baseline {
void fill(MatmulKernels& kernels);
}
namespace avx2 {
void fill(MatmulKernels& kernels);
}
namespace avx512 {
void fill(MatmulKernels& kernels);
}
namespace neon {
void fill(MatmulKernels& kernels);
}

}  // namespace addax::kernels
