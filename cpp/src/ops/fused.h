// What the fusion pass needs to know of the operation `fused`.
//
// fused(x0, x1, …){steps, immediates, outputs} computes several element-wise operations in one walk over memory. Inputs
// are float32, bfloat16 or bool of shapes that broadcast together; every output has the broadcast shape.
//
// - `steps` has four integers per step: the opcode (kernels::Opcode) and up to three arguments, 0 where it takes fewer.
// - `immediates` has numbers.
// - `outputs` has two integers per output: the value, and 0 for float32, 1 for bool or 2 for bfloat16.
//
// Arguments and outputs name values: inputs 0 … I − 1, immediates I … I + M − 1, the results of the steps from I + M
// on. Limits stand in kernels/fused.h. A bool is 0 or 1 as a value; so `cast` from bool to float32 is the step
// identity, to bool it is not_equal with an immediate 0.
#pragma once

#include <optional>
#include <string_view>

#include "addax/attributes.h"
#include "kernels/fused.h"
#include "ops/operation.h"

namespace addax::ops {

// The opcode of an operation's step, if lists may have it: every operation of elementwise.cpp but `cast` and those of
// integers' bits.
std::optional<kernels::Opcode> fused_opcode(std::string_view operation_name);

// The number of a type among a list's outputs; of float32, bool or bfloat16.
std::int64_t output_code(DType dtype);
DType output_dtype(const kernels::FusedOutput& output);
// Whether an operand or output of a list may have the type.
bool fusable(DType dtype);

// Operations made of lists, each in its own file; they stand in fused.cpp's family.
Operation fused_segments_operation();
Operation sparse_update_operation();

// Whether an output of a step that works in place may lie over this input. Operations on one array may do what they
// like: they read an element before they write it.
bool may_share_memory(const Operation& operation, const Attributes& attributes, int input, int output);
// The same for fused_segments.
bool segments_may_share_memory(const Attributes& attributes, int input, int output);

// The attributes of a fused step as a plan for its kernel. Returns null, or what is wrong with them.
const char* make_fused_plan(const Attributes& attributes, int inputs, kernels::FusedPlan& plan);

}  // namespace addax::ops
