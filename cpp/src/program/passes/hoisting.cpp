// Steps that depend on state alone, on constants and on variables that the program does not assign, move into the
// program's prologue: it runs once, and again only when such a variable has changed. So weights are folded, transposed
// and packed once for any number of predictions, and the frozen part of a model once for any number of train steps.
#include <algorithm>

#include "program/passes/passes.h"
#include "program/prologue.h"

namespace addax::passes {
namespace {

// A result that is kept takes memory for as long as the program lives: at most so many times that of the state it is
// made of, unless it is small.
constexpr std::int64_t kLargestGrowth = 4;
constexpr std::int64_t kSmall = 1 << 20;  // bytes

class Hoisting {
 public:
  explicit Hoisting(Program program) : program_(std::move(program)), state_(state_only(program_)) {
    hoisted_.assign(program_.steps.size(), false);
    weight_.assign(program_.slots.size(), 0);
  }

  Program run() {
    choose();
    const std::vector<int> derived = frontier();
    if (derived.empty()) return std::move(program_);
    prologue_ = program_;
    prologue_.outputs.clear();
    prologue_.assignments.clear();
    prologue_.inputs.clear();
    prologue_.input_names.clear();
    prologue_.samples.clear();
    for (const int slot : derived) derive(slot);
    std::vector<Step> kept;
    prologue_.steps.clear();
    for (std::size_t s = 0; s < program_.steps.size(); ++s)
      (hoisted_[s] ? prologue_.steps : kept).push_back(std::move(program_.steps[s]));
    program_.steps = std::move(kept);
    prologue_ = elementwise_fusion(dead_code(std::move(prologue_)));
    program_.prologue = std::make_shared<Prologue>(std::make_shared<const Program>(std::move(prologue_)), derived_);
    return dead_code(std::move(program_));
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  const Slot& slot(int i) const { return program_.slots[at(i)]; }
  std::int64_t bytes(int i) const { return to_shape(slot(i).spec.dims).elements() * size_of(slot(i).spec.dtype); }

  // A view costs nothing, a kept copy of it would cost memory; and a step that may fail must fail in its place.
  bool hoists(const Step& step) const {
    if (step.operation->traits.view || may_fail(*step.operation, step.attributes)) return false;
    if (!state_[at(step.outputs[0])]) return false;
    std::int64_t from = 0, to = 0;
    for (const int input : step.inputs) from += weight_[at(input)];
    for (const int output : step.outputs) to += bytes(output);
    return to <= kSmall || to <= kLargestGrowth * from;
  }

  // Steps whose inputs the prologue has: constants, variables and results of hoisted steps, seen through views.
  void choose() {
    for (int i = 0; i < static_cast<int>(program_.slots.size()); ++i)
      if (slot(i).kind == SlotKind::variable || slot(i).kind == SlotKind::constant) weight_[at(i)] = bytes(i);
    std::vector<bool> there(program_.slots.size(), false);
    for (std::size_t i = 0; i < there.size(); ++i) there[i] = state_[i] && (program_.slots[i].kind != SlotKind::step);
    for (std::size_t s = 0; s < program_.steps.size(); ++s) {
      const Step& step = program_.steps[s];
      const auto known = [&](int input) { return there[at(input)]; };
      if (!std::all_of(step.inputs.begin(), step.inputs.end(), known)) continue;
      hoisted_[s] = hoists(step);
      const bool passes = hoisted_[s] || (step.operation->traits.view && state_[at(step.outputs[0])]);
      for (const int output : step.outputs) {
        there[at(output)] = passes;
        for (const int input : step.inputs) weight_[at(output)] += weight_[at(input)];
      }
      if (passes && !hoisted_[s]) views_.push_back(s);
    }
    // Views that a hoisted step reads go along; others stay.
    for (auto s = views_.rbegin(); s != views_.rend(); ++s) hoisted_[*s] = read_only_by_hoisted(program_.steps[*s]);
  }

  bool read_only_by_hoisted(const Step& view) const {
    bool read = false;
    for (std::size_t s = 0; s < program_.steps.size(); ++s) {
      const std::vector<int>& inputs = program_.steps[s].inputs;
      if (std::find(inputs.begin(), inputs.end(), view.outputs[0]) == inputs.end()) continue;
      if (!hoisted_[s]) return false;
      read = true;
    }
    const std::vector<int>& outputs = program_.outputs;
    return read && std::find(outputs.begin(), outputs.end(), view.outputs[0]) == outputs.end() &&
           std::none_of(program_.assignments.begin(), program_.assignments.end(),
                        [&](const Assignment& a) { return a.slot == view.outputs[0]; });
  }

  // Results of hoisted steps that are read outside.
  std::vector<int> frontier() const {
    std::vector<bool> outside(program_.slots.size(), false);
    for (std::size_t s = 0; s < program_.steps.size(); ++s)
      if (!hoisted_[s])
        for (const int input : program_.steps[s].inputs) outside[at(input)] = true;
    for (const int output : program_.outputs) outside[at(output)] = true;
    for (const Assignment& a : program_.assignments) outside[at(a.slot)] = true;
    std::vector<int> slots;
    for (std::size_t s = 0; s < program_.steps.size(); ++s)
      if (hoisted_[s])
        for (const int output : program_.steps[s].outputs)
          if (outside[at(output)]) slots.push_back(output);
    return slots;
  }

  // The slot becomes a variable of the program, whose value is an output of the prologue.
  void derive(int i) {
    const Spec& spec = slot(i).spec;
    const auto variable =
        std::make_shared<Variable>(Tensor(spec.dtype, to_shape(spec.dims)), text("derived_", i), false);
    prologue_.outputs.push_back(i);
    derived_.push_back(variable);
    program_.slots[at(i)].kind = SlotKind::variable;
    program_.slots[at(i)].index = static_cast<int>(program_.variables.size());
    program_.variables.push_back(variable);
    program_.variable_slots.push_back(i);
  }

  Program program_, prologue_;
  std::vector<VariablePtr> derived_;
  std::vector<bool> state_;           // per slot
  std::vector<bool> hoisted_;         // per step
  std::vector<std::int64_t> weight_;  // per slot: bytes of the state that it is made of
  std::vector<std::size_t> views_;    // steps
};

}  // namespace

Program hoisting(Program program) { return Hoisting(std::move(program)).run(); }

}  // namespace addax::passes
