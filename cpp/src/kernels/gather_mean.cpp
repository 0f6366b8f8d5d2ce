#include "kernels/gather_mean.h"

#include <algorithm>

#include "base/parallel.h"
#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {
namespace {

using std::int64_t;

constexpr int64_t kGrain = 1 << 14;  // elements worth waking a thread for
constexpr int64_t kBlock = 128;      // rows added up before their sum joins the others': keeps rounding errors small
constexpr int kVectors = 4;          // columns at a time, in registers

// Adds `count` rows, from a column on, to a sum of V vectors, the last of which has `last` elements.
template <int V, class Index>
ADDAX_INLINE void add_rows(const GatherMean<Index>& job, const Index* indices, int64_t count, int64_t column,
                           int64_t last, VecF (&total)[V]) {
  constexpr int64_t lanes = kLanes<float>;
  for (int64_t block = 0; block < count; block += kBlock) {
    VecF sum[V] = {};
    for (int64_t i = block; i < std::min(count, block + kBlock); ++i) {
      const auto index = static_cast<int64_t>(indices[i]);
      const float* row = job.x + (index < 0 ? index + job.size : index) * job.width + column;
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        const bool whole = v + 1 < V || last == lanes;
        sum[v] += whole ? load(row + v * lanes) : load_partial(row + v * lanes, last);
      }
    }
    for (int v = 0; v < V; ++v) total[v] += sum[v];
  }
}

template <int V, class Index>
void mean_columns(const GatherMean<Index>& job, int64_t group, int64_t column, int64_t last) {
  VecF total[V] = {};
  add_rows<V>(job, job.indices + group * job.count, job.count, column, last, total);
  float* out = job.out + group * job.width + column;
  for (int v = 0; v + 1 < V; ++v) store(out + v * kLanes<float>, total[v] * job.scale);
  store_partial(out + (V - 1) * kLanes<float>, total[V - 1] * job.scale, last);
}

template <class Index>
void gather_mean(const GatherMean<Index>& job) {
  constexpr int64_t lanes = kLanes<float>;
  const int64_t work = std::max<int64_t>(1, job.count * job.width);
  parallel_for(job.groups, std::max<int64_t>(1, kGrain / work), [&](int64_t first, int64_t end) {
    for (int64_t group = first; group < end; ++group) {
      int64_t column = 0;
      for (; column + kVectors * lanes <= job.width; column += kVectors * lanes)
        mean_columns<kVectors>(job, group, column, lanes);
      for (; column < job.width; column += lanes)
        mean_columns<1>(job, group, column, std::min(lanes, job.width - column));
    }
  });
}

}  // namespace

void fill(GatherMeanKernels& table) { table = {gather_mean<std::int32_t>, gather_mean<std::int64_t>}; }

}  // namespace addax::kernels::ADDAX_ISA_NS
