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
constexpr int64_t kGrain = 1 << 17;

struct alignas(64) Tile {
  float value[kTile];
};

// Everything a thread needs to run tiles of one plan.
class Worker {
 public:
  Worker(const FusedPlan& plan, const BroadcastLayout& layout, const void* const* operands, void* const* outputs)
      : plan_(plan), rows_(kernels().elementwise.fused), outputs_(outputs) {
    for (int k = 0; k < plan.operands; ++k)
      readers_[k] = TileReader(layout, k, operands[k], plan.operand_is_bool[k] ? 1 : 4, gathered_[k].value);
    for (int k = 0; k < plan.immediates; ++k) values_[plan.operands + k] = {&plan.immediate[k], 0};
    std::fill_n(direct_, plan.steps, -1);
    for (int j = 0; j < plan.outputs; ++j) direct_[plan.output[j].value - plan.first_step()] = place(j, operands);
  }

  void run(int64_t first, int64_t n) {
    for (int k = 0; k < plan_.operands; ++k) {
      values_[k] = readers_[k].at(first, n);
      if (plan_.operand_is_bool[k]) values_[k] = widened(k, values_[k], n);
    }
    const int base = plan_.first_step();
    for (int s = 0; s < plan_.steps; ++s) {
      void* to = direct_[s] >= 0 ? static_cast<float*>(outputs_[direct_[s]]) + first : slots_[plan_.slot[s]].value;
      run_step(plan_.step[s], to, n);
      values_[base + s] = {to, 1};
    }
    for (int j = 0; j < plan_.outputs; ++j) write(j, first, n);
  }

 private:
  // The output that step may write at once, or −1. It may not while an operand in the same memory is read by a later
  // step; and a bool must be narrowed first.
  int place(int j, const void* const* operands) const {
    const FusedOutput& output = plan_.output[j];
    if (output.boolean) return -1;
    const int step = output.value - plan_.first_step();
    for (int k = 0; k < plan_.operands; ++k)
      if (operands[k] == outputs_[j] && plan_.last_use[k] > step) return -1;
    return j;
  }

  TileOperand widened(int k, TileOperand bools, int64_t n) {
    static const UnaryRow widen = cast_row(Element::boolean, Element::float32);
    float* to = widened_[k].value;
    widen(bools.data, to, bools.step == 0 ? 1 : n);
    return {to, bools.step};
  }

  void run_step(const FusedStep& step, void* to, int64_t n) const {
    const int code = static_cast<int>(step.opcode);
    const TileOperand& a = values_[step.argument[0]];
    switch (arity(step.opcode)) {
      case 1:
        rows_.unary[code](a.data, to, a.step == 0 ? 1 : n);
        if (a.step == 0) std::fill_n(static_cast<float*>(to), n, *static_cast<const float*>(to));
        break;
      case 2: {
        const TileOperand& b = values_[step.argument[1]];
        rows_.binary[code](a.data, a.step, b.data, b.step, to, n);
        break;
      }
      default: {
        const TileOperand &b = values_[step.argument[1]], &c = values_[step.argument[2]];
        rows_.select(a.data, a.step, b.data, b.step, c.data, c.step, to, n);
      }
    }
  }

  void write(int j, int64_t first, int64_t n) const {
    static const UnaryRow narrow = cast_row(Element::float32, Element::boolean);
    const FusedOutput& output = plan_.output[j];
    if (direct_[output.value - plan_.first_step()] == j) return;
    const void* from = values_[output.value].data;
    if (output.boolean) {
      narrow(from, static_cast<char*>(outputs_[j]) + first, n);
    } else {
      std::memcpy(static_cast<float*>(outputs_[j]) + first, from, static_cast<std::size_t>(n) * sizeof(float));
    }
  }

  const FusedPlan& plan_;
  const Rows& rows_;
  void* const* outputs_;
  int direct_[kMaxFusedSteps];  // the output that a step writes at once, or −1
  TileReader readers_[kMaxOperands];
  TileOperand values_[kMaxOperands + kMaxFusedImmediates + kMaxFusedSteps];
  Tile gathered_[kMaxOperands], widened_[kMaxOperands], slots_[kMaxFusedSlots];
};

}  // namespace

bool fusable(Opcode o) {
  return o <= Opcode::logical_not || (o >= Opcode::add && o <= Opcode::arctan2) ||
         (o >= Opcode::equal && o <= Opcode::logical_xor) || o == Opcode::where;
}

const char* plan_slots(FusedPlan& plan) {
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
      if (value < plan.operands) plan.last_use[value] = static_cast<std::uint8_t>(s);
      if (value >= base) last_use[value - base] = s;
    }
  }
  for (int j = 0; j < plan.outputs; ++j) {
    const int value = plan.output[j].value;
    if (value < base || value >= base + plan.steps) return "an output that is not a step's result";
    last_use[value - base] = plan.steps;
  }
  // A result may take the slot of an argument that it uses last: rows allow that.
  int owner[kMaxFusedSlots];
  plan.slots = 0;
  for (int s = 0; s < plan.steps; ++s) {
    int slot = 0;
    while (slot < plan.slots && last_use[owner[slot]] > s) ++slot;
    if (slot == kMaxFusedSlots) return "more results alive at once than there are slots";
    plan.slots = std::max(plan.slots, slot + 1);
    owner[slot] = s;
    plan.slot[s] = static_cast<std::uint8_t>(slot);
  }
  return nullptr;
}

void run_fused(const FusedPlan& plan, const BroadcastLayout& layout, const void* const* operands,
               void* const* outputs) {
  const TileSplit split = split_tiles(layout, kTile, std::max<int64_t>(kTile, kGrain / plan.steps / kTile * kTile));
  parallel_for(layout.total, split.grain, [&](int64_t first, int64_t last) {
    Worker worker(plan, layout, operands, outputs);
    for_each_tile(layout, split, first, last, [&](int64_t at, int64_t n) { worker.run(at, n); });
  });
}

void run_tail(const Tail& tail, int64_t row_length, int64_t first_row, int64_t rows, int64_t first_column,
              int64_t columns) {
  const TileSplit split = split_tiles(*tail.layout, kTile, kTile);
  Worker worker(*tail.plan, *tail.layout, tail.operands, tail.outputs);
  const auto run = [&](int64_t first, int64_t last) {
    for_each_tile(*tail.layout, split, first, last, [&](int64_t at, int64_t n) { worker.run(at, n); });
  };
  if (columns == row_length) {
    run(first_row * row_length, (first_row + rows) * row_length);
    return;
  }
  for (int64_t row = first_row; row < first_row + rows; ++row)
    run(row * row_length + first_column, row * row_length + first_column + columns);
}

}  // namespace addax::kernels
