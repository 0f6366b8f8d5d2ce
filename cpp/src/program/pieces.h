// Pieces: a large batch goes through the program some samples at a time. What lies between two steps is then small
// enough to stay in the cache, and threads take whole pieces instead of meeting at the end of each step.
#pragma once

#include <cstdint>

#include "program/plan.h"

namespace addax {

// Into how many equal pieces the batch of a plan is cut; 1 if that gains nothing or if its samples are not independent
// (Program::samples). By sizes alone, so that the bits of a result do not depend on the number of threads.
std::int64_t count_pieces(const Program& program, const Plan& whole);

}  // namespace addax
