#include "kernels/fused_segments.h"

#include <algorithm>

#include "base/parallel.h"

namespace addax::kernels {
namespace {

using std::int64_t;

// Elements times steps worth a thread: some 20 µs.
constexpr int64_t kGrain = 1 << 18;

// Elements [first, last) of a segment.
void run_segment(FusedRow& row, const FusedPlan& plan, const FusedSegment& segment, int64_t first, int64_t last) {
  for (int k = 0; k < plan.operands; ++k) {
    const bool single = (segment.single >> k & 1) != 0;
    const int64_t offset = single ? 0 : first * size_of(plan.operand_type[k]);
    row.operand(k, static_cast<const char*>(segment.operands[k]) + offset, single ? 0 : 1);
  }
  for (int j = 0; j < plan.outputs; ++j)
    row.output(j, static_cast<char*>(segment.outputs[j]) + first * size_of(plan.output[j].type));
  row.run(last - first);
}

}  // namespace

// Segments are cut into blocks of kTile elements; the loop is over the blocks of all segments.
void run_fused_segments(const FusedCode& code, std::span<const FusedSegment> segments) {
  const FusedPlan& plan = code.plan();
  const auto blocks_of = [](const FusedSegment& s) { return (s.n + kTile - 1) / kTile; };
  int64_t blocks = 0;
  for (const FusedSegment& s : segments) blocks += blocks_of(s);
  parallel_for(blocks, std::max<int64_t>(1, kGrain / plan.steps / kTile), [&](int64_t first, int64_t last) {
    FusedRow row(code);
    for (const FusedSegment& s : segments) {
      const int64_t count = blocks_of(s);
      if (first < count && last > 0)
        run_segment(row, plan, s, std::max<int64_t>(first, 0) * kTile, std::min(last * kTile, s.n));
      first -= count;
      last -= count;
    }
  });
}

}  // namespace addax::kernels
