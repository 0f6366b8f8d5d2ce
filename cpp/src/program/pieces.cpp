#include "program/pieces.h"

#include <algorithm>
#include <vector>

#include "ops/operation.h"

namespace addax {
namespace {

// Values of a whole batch up to this size are as well kept in the caches as those of a piece.
constexpr std::int64_t kNearBytes = std::int64_t{4} << 20;
// Work of a piece at least: some 150 µs of one core, beside which a pass through the steps costs nothing.
constexpr std::int64_t kLeastFlops = std::int64_t{1} << 24;
// Work of a piece that is enough: with less, small images share less of what their steps read (ResNet-20 on 32x32, one
// thread: 0.54 ms a sample in pieces of one, 0.51 in pieces of two or four).
constexpr std::int64_t kGoodFlops = std::int64_t{1} << 28;
// Each piece reads all weights again: so many operations for each byte of them.
constexpr std::int64_t kLeastReuse = 16;
// Fewer pieces would be shared out too unevenly.
constexpr std::int64_t kLeastPieces = 8;

std::int64_t flops_of(const Program& program, const Plan& plan) {
  const auto buffers = [&](const std::vector<int>& slots) {
    std::vector<Buffer> shapes;
    for (const int slot : slots) {
      const auto i = static_cast<std::size_t>(slot);
      shapes.push_back({nullptr, program.slots[i].spec.dtype, plan.shapes[i]});
    }
    return shapes;
  };
  std::int64_t flops = 0;
  for (const PlannedStep& step : plan.steps) {
    if (step.operation->flops == nullptr) continue;
    const std::vector<Buffer> in = buffers(step.inputs), out = buffers(step.outputs);
    flops += step.operation->flops(Run(*step.operation, step.attributes, in, out));
  }
  return flops;
}

std::int64_t bytes_of_weights(const Program& program, const Plan& plan) {
  std::int64_t bytes = 0;
  for (const int slot : program.variable_slots) {
    const auto i = static_cast<std::size_t>(slot);
    bytes += plan.shapes[i].elements() * size_of(program.slots[i].spec.dtype);
  }
  return bytes;
}

}  // namespace

std::int64_t count_pieces(const Program& program, const Plan& whole) {
  if (program.samples.empty() || whole.arena_bytes <= kNearBytes) return 1;
  const std::int64_t samples = whole.shapes[static_cast<std::size_t>(program.inputs[0])][0];
  if (samples < kLeastPieces) return 1;
  const std::int64_t sample_flops = flops_of(program, whole) / samples;
  const std::int64_t wanted = std::max(kLeastFlops, kLeastReuse * bytes_of_weights(program, whole));
  std::int64_t best = 1;
  for (std::int64_t pieces = samples; pieces >= kLeastPieces; --pieces) {
    const std::int64_t flops = samples / pieces * sample_flops;
    if (samples % pieces != 0 || flops < wanted) continue;
    best = pieces;
    if (flops >= kGoodFlops) break;
  }
  return best;
}

}  // namespace addax
