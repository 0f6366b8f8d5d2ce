#include "kernels/sparse_update.h"

#include <algorithm>
#include <cstring>

#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/kernels.h"

namespace addax::kernels {
namespace {

using std::int64_t;

constexpr int64_t kGrain = 1 << 14;  // elements worth a thread
constexpr int64_t kRun = 2048;       // elements that a list is run on at once: they and their sums stay in cache

// Rows to positions in the list of indices: those of row r are order[start[r]] … order[start[r + 1] − 1], ascending.
struct ByRow {
  std::uint32_t* start;
  std::uint32_t* order;
};

template <class Index>
ByRow group_by_row(const SparseUpdate& job, const Index* indices) {
  auto* start = static_cast<std::uint32_t*>(job.workspace);
  auto* order = start + job.rows + 2;
  std::memset(start, 0, static_cast<std::size_t>(job.rows + 2) * sizeof *start);
  const auto row_of = [&](int64_t e) {
    const auto i = static_cast<int64_t>(indices[e]);
    return i < 0 ? i + job.rows : i;
  };
  // Counted two places on, so that after the placing each row's start stands where it belongs.
  for (int64_t e = 0; e < job.count; ++e) ++start[row_of(e) + 2];
  for (int64_t r = 2; r < job.rows + 2; ++r) start[r] += start[r - 1];
  for (int64_t e = 0; e < job.count; ++e) order[start[row_of(e) + 1]++] = static_cast<std::uint32_t>(e);
  return {start, order};
}

int64_t offset_of(const UpdateLayout& l, int64_t e) {
  int64_t offset = 0;
  for (int d = l.rank - 1; d >= 0; --d) {
    offset += e % l.size[d] * l.stride[d];
    e /= l.size[d];
  }
  return offset;
}

void sum_updates(const SparseUpdate& job, const ByRow& by_row, int64_t row, float* to) {
  static constexpr float kZero = 0.0f;
  const BinaryRow add = kernels().elementwise.f32.binary[static_cast<int>(Opcode::add)];
  const std::uint32_t first = by_row.start[row], last = by_row.start[row + 1];
  if (first == last) {
    std::memset(to, 0, static_cast<std::size_t>(job.width) * sizeof *to);
    return;
  }
  for (std::uint32_t i = first; i < last; ++i) {
    const float* update = job.updates + offset_of(job.layout, by_row.order[i]);
    add(i == first ? &kZero : to, i == first ? 0 : 1, update, 1, to, job.width);
  }
}

// Runs the list on rows [first, last).
void run_rows(const SparseUpdate& job, const ByRow& by_row, FusedRow& list, float* sums, int64_t first, int64_t last) {
  const FusedPlan& plan = job.code->plan();
  for (int64_t row = first; row < last; ++row) sum_updates(job, by_row, row, sums + (row - first) * job.width);
  const int64_t offset = first * job.width * static_cast<int64_t>(sizeof(float));
  for (int k = 0; k < plan.operands; ++k) {
    if ((job.single >> k & 1) != 0) continue;
    list.operand(
        k, k == job.gradient ? static_cast<const void*>(sums) : static_cast<const char*>(job.operands[k]) + offset, 1);
  }
  for (int j = 0; j < plan.outputs; ++j) list.output(j, static_cast<char*>(job.outputs[j]) + offset);
  list.run((last - first) * job.width);
}

}  // namespace

int64_t sparse_update_workspace(int64_t rows, int64_t count) {
  return (rows + 2 + count) * static_cast<int64_t>(sizeof(std::uint32_t));
}

template <class Index>
void sparse_update(const SparseUpdate& job, const Index* indices) {
  if (job.width == 0) return;
  const ByRow by_row = group_by_row(job, indices);
  const int64_t rows_at_once = std::max<int64_t>(1, kRun / job.width);
  parallel_for(job.rows, std::max<int64_t>(1, kGrain / job.width), [&](int64_t first, int64_t last) {
    auto* sums = thread_scratch_of<float>(0, rows_at_once * job.width);
    FusedRow list(*job.code);
    for (int k = 0; k < job.code->plan().operands; ++k)
      if ((job.single >> k & 1) != 0) list.operand(k, job.operands[k], 0);
    const auto active = [&](int64_t row) {
      const bool touched = by_row.start[row] != by_row.start[row + 1];
      if (touched && job.mark) job.live[row] = 1;
      return touched || job.live == nullptr || job.live[row] != 0;
    };
    for (int64_t row = first; row < last;) {
      if (!active(row)) {
        ++row;
        continue;
      }
      int64_t end = row + 1;
      while (end < last && end - row < rows_at_once && active(end)) ++end;
      run_rows(job, by_row, list, sums, row, end);
      row = end;
    }
  });
}

template void sparse_update(const SparseUpdate& job, const std::int32_t* indices);
template void sparse_update(const SparseUpdate& job, const std::int64_t* indices);

void mark_rows(const float* table, int64_t rows, int64_t width, bool only_fragile, std::uint8_t* live) {
  parallel_for(rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(width, 1)), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      std::uint32_t found = 0;
      for (int64_t i = row * width; i < (row + 1) * width; ++i) {
        std::uint32_t bits;
        std::memcpy(&bits, table + i, sizeof bits);
        found |= only_fragile && (bits & 0x7f800000u) != 0 ? 0u : bits;
      }
      live[row] |= found != 0 ? 1 : 0;
    }
  });
}

}  // namespace addax::kernels
