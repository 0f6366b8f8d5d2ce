#include "kernels/fused.h"

#include <algorithm>
#include <cstring>

#include "base/parallel.h"
#include "kernels/kernels.h"
#include "kernels/tail.h"

namespace addax::kernels {
namespace {

using std::int64_t;

// Elements times steps worth a thread: some 20 µs.
constexpr int64_t kGrain = 1 << 18;
// Where no operand must be gathered a tile can be as long as a thread's share.
constexpr int64_t kNoLimit = int64_t{1} << 30;

using Streams = FusedStreamLayout;

}  // namespace

bool fusable(Opcode o) {
  return o <= Opcode::gelu_slope || (o >= Opcode::add && o <= Opcode::arctan2) ||
         (o >= Opcode::equal && o <= Opcode::logical_xor) || o == Opcode::where;
}

const char* check_fused(const FusedPlan& plan) {
  const int base = plan.first_step();
  if (plan.operands > kMaxOperands || plan.immediates > kMaxFusedImmediates || plan.steps > kMaxFusedSteps ||
      plan.outputs > kMaxFusedOutputs)
    return "too many operands, numbers, steps or outputs";
  if (plan.steps == 0 || plan.outputs == 0) return "no steps or no outputs";
  int last_use[kMaxFusedSteps] = {};  // of each step's result
  for (int s = 0; s < plan.steps; ++s) {
    const FusedStep& step = plan.step[s];
    if (!fusable(step.opcode)) return "a step with an unknown or unsuitable opcode";
    last_use[s] = s;
    for (int i = 0; i < arity(step.opcode); ++i) {
      const int value = step.argument[i];
      if (value >= base + s) return "a step that uses a later one";
      if (value >= base) last_use[value - base] = s;
    }
  }
  for (int j = 0; j < plan.outputs; ++j) {
    const int value = plan.output[j].value;
    if (value < base || value >= base + plan.steps) return "an output that is not a step's result";
    last_use[value - base] = plan.steps;
  }
  for (int s = 0; s < plan.steps; ++s) {
    int alive = 1;
    for (int t = 0; t < s; ++t) alive += last_use[t] > s ? 1 : 0;
    if (alive > kMaxFusedSlots) return "more results alive at once than there are slots";
  }
  return nullptr;
}

// ---- Running

FusedRow::FusedRow(const FusedCode& code) : code_(code) {
  const FusedPlan& plan = code.plan_;
  for (int k = 0; k < plan.immediates; ++k)
    streams_[Streams::kNumbers + k] = {reinterpret_cast<const char*>(code.numbers_.get() + k * kFusedBlock), 0};
  for (int k = 0; k < code.slots_; ++k) streams_[Streams::kKept + k] = {reinterpret_cast<const char*>(slots_[k]), 0};
}

void FusedRow::operand(int k, const void* data, int step) {
  const int item = size_of(code_.plan_.operand_type[k]);
  if (step != 0) {
    streams_[k] = {static_cast<const char*>(data), item};
    return;
  }
  float* same = same_[k];
  if (item == 1) {
    std::memset(same, *static_cast<const unsigned char*>(data), kFusedBlock);
  } else if (item == 2) {
    std::fill_n(reinterpret_cast<std::uint16_t*>(same), kFusedBlock, *static_cast<const std::uint16_t*>(data));
  } else {
    std::fill_n(same, kFusedBlock, *static_cast<const float*>(data));
  }
  streams_[k] = {reinterpret_cast<const char*>(same), 0};
}

void FusedRow::output(int j, void* data) {
  streams_[Streams::kOutputs + j] = {static_cast<const char*>(data), size_of(code_.plan_.output[j].type)};
}

void FusedRow::run(int64_t n) { kernels().fused_steps.run(code_.block_.data(), code_.tail_.data(), streams_, n); }

namespace {

// Operands are walked as the array is, or are one value each.
void run_direct(const FusedCode& code, const BroadcastLayout& layout, const void* const* operands, void* const* outputs,
                int64_t first, int64_t n) {
  const FusedPlan& plan = code.plan();
  FusedRow row(code);
  for (int k = 0; k < plan.operands; ++k) {
    const bool scalar = layout.scalar(k);
    const int64_t offset = scalar ? 0 : first * size_of(plan.operand_type[k]);
    row.operand(k, static_cast<const char*>(operands[k]) + offset, scalar ? 0 : 1);
  }
  for (int j = 0; j < plan.outputs; ++j)
    row.output(j, static_cast<char*>(outputs[j]) + first * size_of(plan.output[j].type));
  row.run(n);
}

// Runs a list on tiles of the array, wherever its operands come from. One per thread.
class Worker {
 public:
  Worker(const FusedCode& code, const BroadcastLayout& layout, const void* const* operands, void* const* outputs)
      : plan_(code.plan()), outputs_(outputs), row_(code) {
    for (int k = 0; k < plan_.operands; ++k) {
      readers_[k] = TileReader(layout, k, operands[k], size_of(plan_.operand_type[k]), gathered_[k]);
      if (layout.scalar(k)) {
        row_.operand(k, operands[k], 0);
      } else {
        moving_[moving_count_++] = k;
      }
    }
  }

  // A tile as for_each_tile gives it.
  void tile(int64_t first, int64_t n) {
    run(first, n, [&](TileReader& reader) { return reader.at(first, n); });
  }
  // A piece of one row.
  void piece(int64_t first, int64_t n) {
    run(first, n, [&](TileReader& reader) { return reader.within_row(first); });
  }

 private:
  template <class F>
  void run(int64_t first, int64_t n, F operand_of) {
    for (int i = 0; i < moving_count_; ++i) {
      const TileOperand operand = operand_of(readers_[moving_[i]]);
      row_.operand(moving_[i], operand.data, operand.step);
    }
    for (int j = 0; j < plan_.outputs; ++j)
      row_.output(j, static_cast<char*>(outputs_[j]) + first * size_of(plan_.output[j].type));
    row_.run(n);
  }

  const FusedPlan& plan_;
  void* const* outputs_;
  int moving_[kMaxOperands], moving_count_ = 0;  // operands that are not one value
  TileReader readers_[kMaxOperands];
  FusedRow row_;
  alignas(64) float gathered_[kMaxOperands][kTile];
};

}  // namespace

void run_fused(const FusedCode& code, const BroadcastLayout& layout, const void* const* operands,
               void* const* outputs) {
  const int64_t grain = std::max<int64_t>(kTile, kGrain / code.plan().steps / kTile * kTile);
  const TileSplit split = split_tiles(layout, kNoLimit, grain);
  bool direct = true;
  for (int k = 0; k < layout.operands; ++k) direct = direct && (layout.full(k) || layout.scalar(k));
  parallel_for(layout.total, split.grain, [&](int64_t first, int64_t last) {
    if (direct) {
      run_direct(code, layout, operands, outputs, first, last - first);
    } else {
      Worker worker(code, layout, operands, outputs);
      for_each_tile(layout, split, first, last, [&](int64_t at, int64_t n) { worker.tile(at, n); });
    }
  });
}

void run_tail(const Tail& tail, int64_t row_length, int64_t first_row, int64_t rows, int64_t first_column,
              int64_t columns) {
  Worker worker(*tail.code, *tail.layout, tail.operands, tail.outputs);
  first_row += tail.first_row;
  if (columns == row_length) {
    const TileSplit split = split_tiles(*tail.layout, kNoLimit, kTile);
    for_each_tile(*tail.layout, split, first_row * row_length, (first_row + rows) * row_length,
                  [&](int64_t at, int64_t n) { worker.tile(at, n); });
    return;
  }
  for (int64_t row = first_row; row < first_row + rows; ++row) worker.piece(row * row_length + first_column, columns);
}

}  // namespace addax::kernels
