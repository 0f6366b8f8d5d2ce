// Permutation of axes.
#pragma once

#include <cstdint>

namespace addax::kernels {

inline constexpr int kMaxTransposeRank = 16;

struct TransposeKernels {
  // out's axis i is in's axis perm[i]; both row-major. sizes are in's; item is the bytes of an element: 1, 2, 4 or 8.
  // rank ≤ kMaxTransposeRank. in and out do not overlap.
  void (*permute)(const void* in, void* out, int item, int rank, const std::int64_t* sizes, const int* perm);
};

namespace baseline {
void fill(TransposeKernels& kernels);
}
namespace avx2 {
void fill(TransposeKernels& kernels);
}
namespace avx512 {
void fill(TransposeKernels& kernels);
}
namespace neon {
void fill(TransposeKernels& kernels);
}

}  // namespace addax::kernels
