// Control flow as operations: their bodies are recorded programs. Values and variables used inside a body are passed
// in; variables assigned inside are assigned outside when the operation is done.
#pragma once

#include <functional>
#include <utility>

#include "addax/export.h"
#include "addax/value.h"

namespace addax {
namespace ADDAX_API ops {

struct ScanResult {
  Values carry;  ///< after the last step
  Values ys;     ///< each step's, stacked along a new first axis
};
using ScanBody = std::function<std::pair<Values, Values>(const Values& carry, const Values& x)>;

/// carry, y[t] = body(carry, x[t]) for t in 0 … length − 1, or backwards. xs are sliced along their first axis, whose
/// size is `length`. Differentiable: the backward pass runs the body again from the kept carries.
ScanResult scan(const ScanBody& body, const Values& init, const Values& xs, const Dim& length, bool reverse = false);

/// values = body(values) while condition(values), a bool of rank 0. No gradient: the number of steps is not known.
Values while_loop(const std::function<Value(const Values&)>& condition,
                  const std::function<Values(const Values&)>& body, const Values& init);

/// The values of one of two branches, which must agree in number, dtypes and shapes.
Values cond(const Value& predicate, const std::function<Values()>& then, const std::function<Values()>& otherwise);

}  // namespace ops
}  // namespace addax
