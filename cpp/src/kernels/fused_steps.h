// The instructions that a fused list (fused.h) is run by: one function per opcode and way of its arguments.
//
// A list works on a block of four vectors, which stay in registers, the accumulator, from one instruction to the next.
// Whatever else an instruction reads or writes is a stream: an operand, an output, a number, or a result kept for
// later. Each function ends by calling the next one in a tail call, so the registers are handed on as arguments and a
// step costs one predicted jump.
#pragma once

#include <cstdint>

#include "kernels/elementwise.h"

namespace addax::kernels {

// Element i stands at data + i · step; step is 0 for streams that repeat one block.
struct FusedStream {
  const char* data;
  std::int64_t step;
};

// Its type depends on the instruction set: it passes vectors in registers.
using FusedFunction = void (*)();

struct FusedInstruction {
  FusedFunction function;
  std::uint32_t x, y;  // streams, as byte offsets into the table of streams
};

// Floats of a stream that repeats one block: four vectors of the widest instruction set.
inline constexpr int kFusedBlock = 64;

struct FusedFunctions {
  FusedFunction load, load_bool, load_brain;     // accumulator = x
  FusedFunction store, store_bool, store_brain;  // x = accumulator, which stays
  FusedFunction end;
  FusedFunction unary[kOpcodes];               // accumulator = f(accumulator)
  FusedFunction accumulator_first[kOpcodes];   // accumulator = f(accumulator, x)
  FusedFunction accumulator_second[kOpcodes];  // accumulator = f(x, accumulator)
  FusedFunction streams[kOpcodes];             // accumulator = f(x, y); null for long functions
  // accumulator = where(accumulator, x, y), where(x, accumulator, y), where(x, y, accumulator)
  FusedFunction where_condition, where_first, where_second;
};

struct FusedStepKernels {
  FusedFunctions block;  // for four whole vectors
  FusedFunctions tail;   // for up to one vector
  // Runs a list, given once with `block` and once with `tail` functions, over elements 0 … n − 1 of its streams.
  void (*run)(const FusedInstruction* block, const FusedInstruction* tail, const FusedStream* streams, std::int64_t n);
};

namespace baseline {
void fill(FusedStepKernels& table);
}
namespace avx2 {
void fill(FusedStepKernels& table);
}
namespace avx512 {
void fill(FusedStepKernels& table);
}
namespace neon {
void fill(FusedStepKernels& table);
}

}  // namespace addax::kernels
