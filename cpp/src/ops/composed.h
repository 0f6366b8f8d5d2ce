// Gradients of operations whose kernel computes at once what could be written in several operations.
#pragma once

#include "ops/operation.h"

namespace addax {
class Tape;
}

namespace addax::ops {

// The gradients of g's inputs, taken through `composition`, the same function written in operations: from the inputs to
// the outputs. Slower than a rule by hand and as right: for derivatives that are seldom wanted, second ones above all.
Values through(const Gradient& g, Values (*composition)(const Values& inputs, const Attributes& attributes));

// The gradients of the sources for g's upstream, by a tape that wrote down how they became `outputs`, which stand for
// g's. A source may be empty; so is its gradient.
Values backward(const Gradient& g, Tape& tape, const Values& outputs, const Values& sources);

}  // namespace addax::ops
