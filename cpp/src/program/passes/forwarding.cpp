#include <numeric>
#include <string_view>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

// Operations that give their input back if the output has its dtype and shape.
constexpr std::string_view kPassing[] = {"identity", "stop_gradient", "cast", "reshape", "broadcast_to", "sum_to"};

bool passes_on(const Program& program, const Step& step) {
  for (const std::string_view name : kPassing)
    if (step.operation->name == name)
      return program.slots[static_cast<std::size_t>(step.inputs[0])].spec ==
             program.slots[static_cast<std::size_t>(step.outputs[0])].spec;
  return false;
}

}  // namespace

Program forwarding(Program program) {
  std::vector<int> replacement(program.slots.size());
  std::iota(replacement.begin(), replacement.end(), 0);
  for (const Step& step : program.steps)
    if (passes_on(program, step)) replacement[static_cast<std::size_t>(step.outputs[0])] = step.inputs[0];
  replace_slots(program, replacement);
  return dead_code(std::move(program));
}

}  // namespace addax::passes
