// Matrix products C = op(A)·op(B), batched, with an optional bias per column, activation and tail.
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/tail.h"

namespace addax::kernels {

inline constexpr int kMaxBatchRank = 8;

// op(A) is m × k: A itself, or stored k × m if transpose_a; op(B) is k × n: B itself, or stored n × k if transpose_b;
// C is m × n. Stored rows are lda, ldb, ldc elements apart; 0 means that they lie one after another. Batch item
// (i_0, i_1, …) of A begins at Σ i_d · a_strides[d] elements, likewise B: a stride of 0 broadcasts. Items of C
// likewise, or one after another if all c_strides are 0.
template <class T>
struct Matmul {
  std::int64_t m;
  std::int64_t n;
  std::int64_t k;
  const T* a;
  const T* b;
  T* c;
  std::int64_t lda = 0;
  std::int64_t ldb = 0;
  std::int64_t ldc = 0;
  bool transpose_a = false;
  bool transpose_b = false;
  bool packed_b = false;    // b is what MatmulFunctions::pack made of op(B), the same for all batch items
  bool accumulate = false;  // C += …
  const T* bias = nullptr;  // n values, or null
  Activation activation = Activation::none;
  const Tail* tail = nullptr;  // run on blocks of the finished C, whose items and rows must lie one after another
  int batch_rank = 0;          // ≤ kMaxBatchRank
  std::int64_t batch[kMaxBatchRank] = {};
  std::int64_t a_strides[kMaxBatchRank] = {};
  std::int64_t b_strides[kMaxBatchRank] = {};
  std::int64_t c_strides[kMaxBatchRank] = {};
  void* workspace = nullptr;  // 64-byte aligned, as many bytes as the workspace function says
};

template <class T>
struct MatmulFunctions {
  void (*run)(const Matmul<T>& job);
  std::int64_t (*workspace)(const Matmul<T>& job);  // bytes; reads the sizes and flags of the job, no data
  // op(B) in the order in which the kernel reads it, for products with any number of rows. It depends on k, n and the
  // instruction set alone.
  std::int64_t (*packed_size)(std::int64_t k, std::int64_t n);  // elements
  void (*pack)(const T* b, std::int64_t ldb, bool transpose_b, std::int64_t k, std::int64_t n, T* packed);
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
