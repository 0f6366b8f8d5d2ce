// Means of rows of a table, read where they lie: an embedding and the mean over its sequence in one pass.
#pragma once

#include <cstdint>

namespace addax::kernels {

// out (groups, width): out[g] = Σ_i x[indices[g · count + i]] · scale, i < count; x (size, width). Indices below 0
// count from the end; all are in range.
template <class Index>
struct GatherMean {
  std::int64_t groups, count, size, width;
  const float* x;
  const Index* indices;
  float scale;
  float* out;
};

struct GatherMeanKernels {
  void (*i32)(const GatherMean<std::int32_t>& job);
  void (*i64)(const GatherMean<std::int64_t>& job);
};

namespace baseline {
void fill(GatherMeanKernels& table);
}
namespace avx2 {
void fill(GatherMeanKernels& table);
}
namespace avx512 {
void fill(GatherMeanKernels& table);
}
namespace neon {
void fill(GatherMeanKernels& table);
}

}  // namespace addax::kernels
