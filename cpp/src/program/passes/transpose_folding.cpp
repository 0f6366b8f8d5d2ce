#include <numeric>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

// Whether the permutation exchanges the last two axes and keeps the others.
bool exchanges_last_two(const std::vector<std::int64_t>& perm) {
  const std::size_t rank = perm.size();
  if (rank < 2) return false;
  for (std::size_t i = 0; i + 2 < rank; ++i)
    if (perm[i] != static_cast<std::int64_t>(i)) return false;
  return perm[rank - 2] == static_cast<std::int64_t>(rank - 1) && perm[rank - 1] == static_cast<std::int64_t>(rank - 2);
}

}  // namespace

Program transpose_folding(Program program) {
  static const Operation* const transpose = &operation_named("transpose");
  static const Operation* const matmul = &operation_named("matmul");
  std::vector<int> source(program.slots.size(), -1);  // of a slot made by such a transpose
  for (Step& step : program.steps) {
    if (step.operation == transpose && exchanges_last_two(step.attributes.integers("perm")))
      source[static_cast<std::size_t>(step.outputs[0])] = step.inputs[0];
    if (step.operation != matmul) continue;
    const char* const flags[] = {"transpose_a", "transpose_b"};
    for (std::size_t i = 0; i < 2; ++i) {
      const int from = source[static_cast<std::size_t>(step.inputs[i])];
      if (from < 0) continue;
      step.inputs[i] = from;
      step.attributes.set(flags[i], !step.attributes.flag(flags[i]));
    }
  }
  return dead_code(std::move(program));
}

}  // namespace addax::passes
