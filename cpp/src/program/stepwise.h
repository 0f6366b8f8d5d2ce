// Whether a program over a sequence, or over a batch of samples, may be fed it in pieces.
#pragma once

#include <string>
#include <string_view>

#include "addax/program.h"

namespace addax {

// Returns if feeding `program` a sequence in pieces, its states going from one piece to the next, gives what the whole
// sequence gives: every step in time depends on that step and the states alone.
//
// `time` is the unknown that stands for the number of steps. Inputs without it are states, and as many of the last
// outputs are what becomes of them. An output either has time as its second axis, and the pieces' follow one another,
// or is that of the last piece. The program is as it was recorded, not optimised.
//
// Throws Error(unsupported) that names the first step that may look elsewhere in time. An operation that is not known
// here may, so that the answer is never wrong in the other direction.
void require_stepwise(const Program& program, std::string_view time);

// The unknown that counts samples: the first size of every input and output, where each row of the outputs depends on
// the same row of the inputs, on constants and variables alone. Empty if there is none or if the program has an
// operation that is not known here, one that may fail or assignments. The program is as it was recorded.
std::string independent_samples(const Program& program);

}  // namespace addax
