// One fused list on several arrays, as one loop.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/fused.h"

namespace addax::kernels {

// A list's operands and outputs on one of several arrays: n elements each, or one value where the operand's bit is set
// in `single`.
struct FusedSegment {
  std::int64_t n;
  std::uint32_t single;
  const void* const* operands;
  void* const* outputs;
};

// Runs the list on every segment, as one loop. Outputs may share the memory of operands of their own segment alone.
void run_fused_segments(const FusedCode& code, std::span<const FusedSegment> segments);

}  // namespace addax::kernels
