// Whether a program over a sequence may be fed the sequence in pieces.
#pragma once

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

}  // namespace addax
