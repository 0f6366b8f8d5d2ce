// A list of element-wise steps on float32, run tile by tile: what lies between the first operand and the last result
// never leaves the cache. Truth values are floats of 0 or 1 inside the list; operands and results may be bools.
//
// Values are numbered: operands first, then immediates, then each step's result. A step may use what has a lower
// number.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/broadcast.h"
#include "kernels/elementwise.h"

namespace addax::kernels {

inline constexpr int kMaxFusedSteps = 64;
inline constexpr int kMaxFusedImmediates = 32;
inline constexpr int kMaxFusedOutputs = 8;
// Results alive at once, each a tile: more would not fit the first-level cache.
inline constexpr int kMaxFusedSlots = 16;

struct FusedStep {
  Opcode opcode;
  std::uint8_t argument[3];  // values; as many as the opcode's arity
};

struct FusedOutput {
  int value;  // number of a step's result
  bool boolean;
};

// A checked list with its results placed in slots. Small, fixed size: made per call without allocation.
struct FusedPlan {
  int operands = 0, immediates = 0, steps = 0, outputs = 0;
  bool operand_is_bool[kMaxOperands] = {};
  float immediate[kMaxFusedImmediates] = {};
  FusedStep step[kMaxFusedSteps] = {};
  FusedOutput output[kMaxFusedOutputs] = {};
  // Found by plan_slots:
  int slots = 0;
  std::uint8_t slot[kMaxFusedSteps] = {};    // of each step's result
  std::uint8_t last_use[kMaxOperands] = {};  // the last step that reads the operand

  int first_step() const { return operands + immediates; }
};

// Whether a float32 list may have this step. Bitwise operations may not.
bool fusable(Opcode opcode);

// Checks the list and places the results. Returns null, or what is wrong with it.
const char* plan_slots(FusedPlan& plan);

// out[j] = the output's values, in the layout's shape. An operand of the same size and type may share an output's
// memory.
void run_fused(const FusedPlan& plan, const BroadcastLayout& layout, const void* const* operands, void* const* outputs);

}  // namespace addax::kernels
