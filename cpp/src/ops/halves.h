// float16 and bfloat16 as arithmetic: an operation without a kernel for them is float32's between two conversions, so
// that it sums in float32 and rounds each result once; its gradient rule too. Of an element-wise operation the tapes
// see the 16-bit values, so that those are all that a gradient keeps alive; of others the operation between the
// conversions, whose statistics stay float32.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "ops/operation.h"

namespace addax {

// The 16-bit type from which the operation has to be widened, if there is one: that of all its floating inputs, or that
// of the attribute `dtype`. Inputs of several floating types are left to the shape rule, which knows what to say.
std::optional<DType> widened_half(const Operation& operation, std::span<const Spec> inputs,
                                  const Attributes& attributes);

// The operation on float32 copies of the inputs of dtype `half`, its float32 results as `half`.
Values apply_widened(const Operation& operation, std::span<const Value> inputs, const Attributes& attributes,
                     DType half);
// The same, not shown to tapes.
Values run_widened(const Operation& operation, std::span<const Value> inputs, const Attributes& attributes, DType half);

// What the operation's gradient rule gives for an entry of a tape.
Values gradient_of(const Operation& operation, const Attributes& attributes, const Values& inputs,
                   const Values& outputs, const Values& upstream, const std::vector<bool>& wanted);

// `apply` without tapes and for types that the operation takes (apply.cpp).
Values run_or_record(const Operation& operation, std::span<const Value> inputs, Attributes& attributes);

}  // namespace addax
