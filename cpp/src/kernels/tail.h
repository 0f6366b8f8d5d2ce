// Tail: element-wise steps that a product or a convolution applies to each finished block of its result while the block
// is in cache: a residual, a scale, an activation, a mask. The same lists as in fused.h, the same code.
#pragma once

#include <cstdint>

#include "kernels/fused.h"

namespace addax::kernels {

// Operand 0 of the list is the result, as the kernel wrote it; the layout is that of the whole result, its last
// dimension the result's columns. Outputs are arrays of the result's shape; one may be the result's own memory.
struct Tail {
  const FusedCode* code;
  const BroadcastLayout* layout;
  const void* operands[kMaxOperands];
  void* outputs[kMaxFusedOutputs];
  std::int64_t first_row = 0;  // of the whole result at which the kernel's result begins
};

// Runs the steps on a block of the result: rows are counted over all dimensions but the last, `row_length` is the last
// one's size. Blocks may be given in any order and from any thread, each once, when all of their elements are final.
// Blocks of all columns are the quickest; some thousand elements amortise the call.
void run_tail(const Tail& tail, std::int64_t row_length, std::int64_t first_row, std::int64_t rows,
              std::int64_t first_column, std::int64_t columns);

}  // namespace addax::kernels
