#include "kernels/gather_sum.h"

#include <algorithm>
#include <cstring>

#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/elementwise.h"

namespace addax::kernels {
namespace {

using std::int64_t;

constexpr int64_t kGroup = 32;       // rows whose sum is formed first
constexpr int64_t kAhead = 8;        // rows fetched in advance: they lie anywhere
constexpr int64_t kGrain = 1 << 15;  // elements worth a thread

template <class Index>
void sum_rows(const GatherSum& job, const Index* indices, float* group, float* to) {
  const Rows& rows = rows_of(Element::float32);
  const BinaryRow add = rows.binary[static_cast<int>(Opcode::add)];
  const auto row_at = [&](int64_t i) {
    const auto index = static_cast<int64_t>(indices[i]);
    return job.table + (index < 0 ? index + job.rows : index) * job.width;
  };
  std::memset(to, 0, static_cast<std::size_t>(job.width) * sizeof *to);
  for (int64_t first = 0; first < job.count; first += kGroup) {
    const int64_t last = std::min(job.count, first + kGroup);
    const float* sum = row_at(first);
    for (int64_t i = first + 1; i < last; ++i, sum = group) {
      const float* ahead = row_at(std::min(i + kAhead, job.count - 1));
      for (int64_t k = 0; k < std::min<int64_t>(job.width, 256); k += 16) __builtin_prefetch(ahead + k);
      add(sum, 1, row_at(i), 1, group, job.width);
    }
    add(to, 1, sum, 1, to, job.width);
  }
  rows.binary[static_cast<int>(Opcode::divide)](to, 1, &job.divisor, 0, to, job.width);
}

}  // namespace

template <class Index>
void gather_sum(const GatherSum& job, const Index* indices) {
  const int64_t each = std::max<int64_t>(1, job.count * job.width);
  parallel_for(job.outer, std::max<int64_t>(1, kGrain / each), [&](int64_t first, int64_t last) {
    auto* group = thread_scratch_of<float>(0, job.width);
    for (int64_t o = first; o < last; ++o) sum_rows(job, indices + o * job.count, group, job.out + o * job.width);
  });
}

template void gather_sum(const GatherSum& job, const std::int32_t* indices);
template void gather_sum(const GatherSum& job, const std::int64_t* indices);

}  // namespace addax::kernels
