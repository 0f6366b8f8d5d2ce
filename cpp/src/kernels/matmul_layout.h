// Where the operands of a product lie, and how wide its packed panels are.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/matmul.h"
#include "kernels/microkernel.h"
#include "kernels/sizes.h"

namespace addax::kernels::ADDAX_ISA_NS {

// k of a block: deeper ones update C less often; much deeper ones push a panel of B and the rows of A out of L2. From
// 256 to 512 it makes no difference beyond 3 %.
inline constexpr std::int64_t kDepth = 384;
// Into how many chunks k is cut. A sum is that of its chunks, each added up from zero in the order of k.
inline std::int64_t depth_chunks(std::int64_t k) { return std::max<std::int64_t>(1, ceil_div(k, kDepth)); }

template <class T>
std::int64_t lda_of(const Matmul<T>& job) {
  return job.lda != 0 ? job.lda : job.transpose_a ? job.m : job.k;
}
template <class T>
std::int64_t ldb_of(const Matmul<T>& job) {
  return job.ldb != 0 ? job.ldb : job.transpose_b ? job.k : job.n;
}
template <class T>
std::int64_t ldc_of(const Matmul<T>& job) {
  return job.ldc != 0 ? job.ldc : job.n;
}

template <class T>
std::int64_t batch_count(const Matmul<T>& job) {
  std::int64_t count = 1;
  for (int d = 0; d < job.batch_rank; ++d) count *= job.batch[d];
  return count;
}

// Where batch item `index` begins.
template <class T>
struct Item {
  const T* a;
  const T* b;
  T* c;
  Item(const Matmul<T>& job, std::int64_t index) : a(job.a), b(job.b), c(job.c) {
    std::int64_t rest = index, offset = 0;
    bool spread = false;
    for (int d = job.batch_rank - 1; d >= 0; --d) {
      const std::int64_t i = rest % job.batch[d];
      rest /= job.batch[d];
      a += i * job.a_strides[d];
      b += i * job.b_strides[d];
      offset += i * job.c_strides[d];
      spread = spread || job.c_strides[d] != 0;
    }
    c += spread ? offset : index * job.m * ldc_of(job);
  }
};

// Vectors of a panel that serves any number of rows: narrow results are one panel.
template <class T>
int packed_vectors(std::int64_t n) {
  const std::int64_t vectors = std::max<std::int64_t>(1, vectors_for<T>(n));
  return static_cast<int>(vectors <= kMaxVectors<T> ? vectors : std::min(3, kMaxVectors<T>));
}

}  // namespace addax::kernels::ADDAX_ISA_NS
