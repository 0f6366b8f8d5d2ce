// The tail of an operation with an epilogue: a list of element-wise steps (ops/fused.h) on its result, which kernels
// run on each finished block. Operand 0 of the list is the result, the others are the operation's last inputs; without
// a tail the list is empty. With one, the operation's outputs are the list's; then the result itself, if `keep` says
// that somebody else reads it.
#pragma once

#include <memory>
#include <vector>

#include "kernels/tail.h"
#include "ops/operation.h"

namespace addax::ops {

// The operation's own attributes and `tail_steps`, `tail_immediates`, `tail_outputs` (as of `fused`), `tail_keep`.
std::vector<AttributeSpec> with_tail(std::vector<AttributeSpec> own);

// The outputs' specs, given the result's and the number of inputs before the tail's operands. float32 results only.
Specs infer_tail(const Infer& in, int own_inputs, const Spec& result);

// An epilogue is `activation` and, if `bias` says so, a bias as input 2; then the tail.
inline int epilogue_inputs(const Attributes& attributes) { return attributes.flag("bias") ? 3 : 2; }  // before the tail
Specs infer_epilogue(const Infer& in, const Spec& result);

// What a planned step keeps of its tail; empty if it has none.
struct PreparedTail {
  std::unique_ptr<const kernels::FusedCode> code;
  kernels::BroadcastLayout layout;
};
PreparedTail prepare_tail(const Run& r, int own_inputs);

// The tail of one run, and where the kernel writes its result: an output's memory, which the tail may overwrite.
class TailCall {
 public:
  TailCall(const Run& r, const PreparedTail& prepared, int own_inputs);
  float* result() const { return result_; }
  const kernels::Tail* tail() const { return tail_.code == nullptr ? nullptr : &tail_; }

 private:
  float* result_;
  kernels::Tail tail_{};
};

}  // namespace addax::ops
