// A list of element-wise steps on float32, run block by block: what lies between the first operand and the last result
// stays in registers and the first-level cache (fused_steps.h). Operands and results may be bools, which are floats of
// 0 or 1 inside the list, or bfloat16, which is widened as it is read and rounded as it is written.
//
// Values are numbered: operands first, then immediates, then each step's result. A step may use what has a lower
// number.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/aligned.h"
#include "kernels/broadcast.h"
#include "kernels/elementwise.h"
#include "kernels/fused_steps.h"

namespace addax::kernels {

inline constexpr int kMaxFusedSteps = 64;
inline constexpr int kMaxFusedImmediates = 32;
inline constexpr int kMaxFusedOutputs = 8;
// Results alive at once.
inline constexpr int kMaxFusedSlots = 16;
// Blocks kept while a list runs: results, outputs to be written when all operands have been read, widened bools.
inline constexpr int kMaxFusedKept = kMaxFusedSlots + kMaxFusedOutputs + kMaxOperands;

struct FusedStep {
  Opcode opcode;
  std::uint8_t argument[3];  // values; as many as the opcode's arity
};

struct FusedOutput {
  int value;  // number of a step's result
  Element type = Element::float32;
};

// Types of operands and results.
constexpr bool fusable(Element type) {
  return type == Element::float32 || type == Element::boolean || type == Element::bfloat16;
}

// A list, checked by check_fused. Of fixed size, without allocation.
struct FusedPlan {
  int operands = 0, immediates = 0, steps = 0, outputs = 0;
  Element operand_type[kMaxOperands];
  float immediate[kMaxFusedImmediates] = {};
  FusedStep step[kMaxFusedSteps] = {};
  FusedOutput output[kMaxFusedOutputs] = {};

  FusedPlan() { std::fill_n(operand_type, kMaxOperands, Element::float32); }
  int first_step() const { return operands + immediates; }
};

// Whether a float32 list may have this step. Bitwise operations may not.
bool fusable(Opcode opcode);

// Returns null, or what is wrong with the list.
const char* check_fused(const FusedPlan& plan);

// Where a list's streams stand in its table.
struct FusedStreamLayout {
  static constexpr int kNumbers = kMaxOperands;  // operands first
  static constexpr int kOutputs = kNumbers + kMaxFusedImmediates;
  static constexpr int kKept = kOutputs + kMaxFusedOutputs;
  static constexpr int kCount = kKept + kMaxFusedKept;
};

// A plan made ready to run: instructions for the active instruction set. Immutable; any number of threads may run it.
class FusedCode {
 public:
  // The plan must have passed check_fused.
  explicit FusedCode(const FusedPlan& plan);

  const FusedPlan& plan() const { return plan_; }

 private:
  friend class FusedRow;
  friend class FusedCompiler;

  FusedPlan plan_;
  std::vector<FusedInstruction> block_, tail_;
  AlignedArray<float> numbers_;  // kFusedBlock of each immediate
  int slots_ = 0;
};

// Runs a list along rows, wherever their operands and outputs lie. One per thread, some 15 KB, of which little is
// touched; making one costs some 10 ns and setting an operand or output about 1.
class FusedRow {
 public:
  explicit FusedRow(const FusedCode& code);
  FusedRow(const FusedRow&) = delete;
  FusedRow& operator=(const FusedRow&) = delete;

  // Operand k: its values one after the other (step 1), or one value for all (step 0), which is read now.
  void operand(int k, const void* data, int step);
  void output(int j, void* data);
  void run(std::int64_t n);

 private:
  const FusedCode& code_;
  FusedStream streams_[FusedStreamLayout::kCount];
  alignas(64) float same_[kMaxOperands][kFusedBlock];
  alignas(64) float slots_[kMaxFusedKept][kFusedBlock];
};

// out[j] = the output's values, in the layout's shape. An operand of the same size and type may share an output's
// memory.
void run_fused(const FusedCode& code, const BroadcastLayout& layout, const void* const* operands, void* const* outputs);

}  // namespace addax::kernels
