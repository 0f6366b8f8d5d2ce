#include <map>
#include <numeric>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

// Constants of one element are told apart by their value: each use of a number in Python makes its own.
std::string constant_key(const Tensor& tensor) {
  if (tensor.elements() != 1) return {};
  const auto* bytes = static_cast<const char*>(tensor.data());
  return text(tensor.dtype(), tensor.shape(), ':') + std::string(bytes, static_cast<std::size_t>(tensor.bytes()));
}

}  // namespace

Program common_subexpressions(Program program) {
  std::vector<int> replacement(program.slots.size());
  std::iota(replacement.begin(), replacement.end(), 0);

  std::map<std::string, int> constants;
  for (std::size_t i = 0; i < program.constants.size(); ++i) {
    const std::string key = constant_key(program.constants[i]);
    if (key.empty()) continue;
    const auto [it, fresh] = constants.emplace(key, program.constant_slots[i]);
    if (!fresh) replacement[static_cast<std::size_t>(program.constant_slots[i])] = it->second;
  }

  std::multimap<std::pair<const Operation*, std::vector<int>>, std::size_t> seen;  // operation and inputs → step
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    Step& step = program.steps[s];
    for (int& input : step.inputs) input = replacement[static_cast<std::size_t>(input)];
    const auto key = std::pair(step.operation, step.inputs);
    bool found = false;
    for (auto [it, end] = seen.equal_range(key); it != end && !found; ++it) {
      const Step& other = program.steps[it->second];
      if (!(other.attributes == step.attributes)) continue;
      for (std::size_t i = 0; i < step.outputs.size(); ++i)
        replacement[static_cast<std::size_t>(step.outputs[i])] = other.outputs[i];
      found = true;
    }
    if (!found) seen.emplace(key, s);
  }
  replace_slots(program, replacement);
  return dead_code(std::move(program));
}

}  // namespace addax::passes
