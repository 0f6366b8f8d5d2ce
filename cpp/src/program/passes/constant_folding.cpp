#include <algorithm>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

// Above this a result is made anew in each run rather than carried in the program and its file.
constexpr std::int64_t kLargestFolded = 1 << 16;  // elements

bool folds(const Program& program, const Step& step) {
  if (step.operation->traits.internal || step.operation->traits.may_fail || step.operation->prepare != nullptr)
    return false;
  const bool constant = std::all_of(step.inputs.begin(), step.inputs.end(), [&](int slot) {
    return program.slots[static_cast<std::size_t>(slot)].kind == SlotKind::constant;
  });
  return constant && std::all_of(step.outputs.begin(), step.outputs.end(), [&](int slot) {
           const Dims& dims = program.slots[static_cast<std::size_t>(slot)].spec.dims;
           return all_known(dims) && to_shape(dims).elements() <= kLargestFolded;
         });
}

bool symbolic(const Attributes& attributes) {
  return std::any_of(attributes.entries().begin(), attributes.entries().end(), [](const auto& entry) {
    const Dims* dims = std::get_if<Dims>(&entry.second);
    return dims != nullptr && !all_known(*dims);
  });
}

}  // namespace

Program constant_folding(Program program) {
  std::vector<Step> rest;
  for (Step& step : program.steps) {
    if (!folds(program, step) || symbolic(step.attributes)) {
      rest.push_back(std::move(step));
      continue;
    }
    Values inputs;
    for (const int slot : step.inputs)
      inputs.emplace_back(
          program.constants[static_cast<std::size_t>(program.slots[static_cast<std::size_t>(slot)].index)]);
    const Values results = apply(*step.operation, inputs, step.attributes);
    for (std::size_t i = 0; i < results.size(); ++i) {
      Slot& slot = program.slots[static_cast<std::size_t>(step.outputs[i])];
      slot.kind = SlotKind::constant;
      slot.index = static_cast<int>(program.constants.size());
      program.constants.push_back(results[i].tensor());
      program.constant_slots.push_back(step.outputs[i]);
    }
  }
  program.steps = std::move(rest);
  return compact(program);
}

}  // namespace addax::passes
