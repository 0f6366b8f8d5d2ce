// scatter_add(indices, updates) that only the fused update of a table reads becomes part of that update:
//
//   G = scatter_add(I, U);  P', M', V' = fused(G, P, M, V, …)   →   P', M', V' = sparse_update(I, U, P, M, V, …)
//
// where P, M, V are variables that get the outputs, everything else is a single value, and a gather by the same
// indices, or the mean of its rows, has checked them. Updates that were broadcast for the scattering are read as they
// were.
#include <algorithm>

#include "ops/fused.h"
#include "program/passes/passes.h"

namespace addax::passes {
namespace {

using kernels::FusedPlan;
using kernels::Opcode;

// What an optimizer's list does with its states.
class ListShape {
 public:
  explicit ListShape(const FusedPlan& plan) : plan_(plan) {}

  // Whether output j is its operand `state` plus or minus something that does not depend on it, and nothing else in the
  // list does.
  bool additive(int j, int state) const {
    const FusedStep& last = step_of(plan_.output[j].value);
    const bool first = last.argument[0] == state, second = last.argument[1] == state;
    const bool added = last.opcode == Opcode::add && first != second;
    const bool subtracted = last.opcode == Opcode::subtract && first && !second;
    return (added || subtracted) && uses(state) == 1 && uses(plan_.output[j].value) == 1;
  }

 private:
  using FusedStep = kernels::FusedStep;

  const FusedStep& step_of(int value) const { return plan_.step[value - plan_.first_step()]; }

  int uses(int value) const {
    int count = 0;
    for (int s = 0; s < plan_.steps; ++s)
      for (int i = 0; i < arity(plan_.step[s].opcode); ++i) count += plan_.step[s].argument[i] == value ? 1 : 0;
    for (int j = 0; j < plan_.outputs; ++j) count += plan_.output[j].value == value ? 1 : 0;
    return count;
  }

  const FusedPlan& plan_;
};

class SparseUpdates {
 public:
  explicit SparseUpdates(Program program) : program_(std::move(program)), reads_(count_reads(program_)) {
    maker_.assign(program_.slots.size(), -1);
    for (std::size_t s = 0; s < program_.steps.size(); ++s)
      for (const int output : program_.steps[s].outputs) maker_[at(output)] = static_cast<int>(s);
  }

  Program run() {
    for (Step& step : program_.steps)
      if (is(step, "fused")) rewrite(step);
    return dead_code(std::move(program_));
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  static bool is(const Step& step, std::string_view name) { return step.operation->name == name; }
  const Slot& slot(int i) const { return program_.slots[at(i)]; }
  const Dims& dims(int i) const { return slot(i).spec.dims; }

  // The step of this name that makes the slot; null if there is none.
  const Step* made_by(const char* name, int i) const {
    const int maker = maker_[at(i)];
    return maker >= 0 && is(program_.steps[at(maker)], name) ? &program_.steps[at(maker)] : nullptr;
  }

  // Whether a gather before `step` has found all indices to be rows of a table of this size.
  bool checked(int indices, const Dim& size, const Step& step) const {
    for (const Step& other : program_.steps) {
      if (&other == &step) return false;
      const bool mean = is(other, "gather_mean");  // always along axis 0
      if ((!mean && !is(other, "gather")) || other.inputs[1] != indices) continue;
      const int axis = mean ? 0 : other.attributes.axis("axis");
      if (dims(other.inputs[0])[at(axis)] == size) return true;
    }
    return false;
  }

  // The variable that is assigned the slot, if exactly one is.
  int assigned(int i) const {
    int variable = -1;
    for (const Assignment& a : program_.assignments) {
      if (a.slot != i) continue;
      if (variable >= 0) return -1;
      variable = a.variable;
    }
    return variable;
  }

  void rewrite(Step& step) const {
    for (std::size_t k = 0; k < step.inputs.size(); ++k) {
      const Step* const scatter = made_by("scatter_add", step.inputs[k]);
      if (scatter == nullptr || reads_[at(step.inputs[k])] != 1) continue;
      if (auto sparse = merged(step, *scatter, static_cast<int>(k))) {
        step = std::move(*sparse);
        return;
      }
    }
  }

  std::optional<Step> merged(const Step& step, const Step& scatter, int gradient) const {
    const Dims& table = dims(step.inputs[at(gradient)]);
    if (scatter.attributes.axis("axis") != 0 || !all_known(table) || table.size() < 2 ||
        !checked(scatter.inputs[0], table[0], scatter))
      return std::nullopt;
    FusedPlan plan;
    const int arity = static_cast<int>(step.inputs.size());
    if (ops::make_fused_plan(step.attributes, arity, plan) != nullptr) return std::nullopt;
    const ListShape list(plan);
    std::vector<std::int64_t> states, additive;
    Program variables;
    for (std::size_t j = 0; j < step.outputs.size(); ++j) {
      const int variable = assigned(step.outputs[j]);
      if (variable < 0 || slot(step.outputs[j]).spec.dtype != DType::float32) return std::nullopt;
      const int old = program_.variable_slots[at(variable)];
      const auto operand = std::find(step.inputs.begin(), step.inputs.end(), old);
      if (operand == step.inputs.end() || dims(step.outputs[j]) != table) return std::nullopt;
      states.push_back(operand - step.inputs.begin());
      additive.push_back(list.additive(static_cast<int>(j), static_cast<int>(states.back())) ? 1 : 0);
      variables.variables.push_back(program_.variables[at(variable)]);
      variables.variable_slots.push_back(variables.add_slot(slot(old).spec, SlotKind::variable, static_cast<int>(j)));
    }
    variables.outputs = variables.variable_slots;
    Step result{
        &operation_named("sparse_update"), step.attributes, {scatter.inputs[0], unbroadcast(scatter)}, step.outputs};
    for (int k = 0; k < arity; ++k) {
      if (k == gradient) continue;
      const int input = step.inputs[at(k)];
      const bool state = std::find(states.begin(), states.end(), k) != states.end();
      if (slot(input).spec.dtype != DType::float32 || (!state && !dims(input).empty())) return std::nullopt;
      result.inputs.push_back(input);
    }
    result.attributes.set("arity", static_cast<std::int64_t>(arity));
    result.attributes.set("gradient", static_cast<std::int64_t>(gradient));
    result.attributes.set("size", Dims{table[0]});
    result.attributes.set("states", std::move(states));
    result.attributes.set("additive", std::move(additive));
    result.attributes.set("variables", std::make_shared<const Program>(std::move(variables)));
    return result;
  }

  // The updates, or what was broadcast to them along the axes of the indices alone.
  int unbroadcast(const Step& scatter) const {
    const int updates = scatter.inputs[1];
    const Step* const broadcast = made_by("broadcast_to", updates);
    if (broadcast == nullptr) return updates;
    const int small = broadcast->inputs[0];
    if (dims(small).size() != dims(updates).size()) return updates;
    for (std::size_t d = dims(scatter.inputs[0]).size(); d < dims(small).size(); ++d)
      if (dims(small)[d] != dims(updates)[d]) return updates;
    return small;
  }

  Program program_;
  std::vector<int> reads_;
  std::vector<int> maker_;  // per slot: the step that makes it, or −1
};

}  // namespace

Program sparse_updates(Program program) { return SparseUpdates(std::move(program)).run(); }

}  // namespace addax::passes
