#include <algorithm>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

// Whether all dimensions among the step's attributes are numbers.
bool attributes_known(const Step& step) {
  return std::all_of(step.attributes.entries().begin(), step.attributes.entries().end(), [](const auto& entry) {
    const Dims* dims = std::get_if<Dims>(&entry.second);
    return dims == nullptr || all_known(*dims);
  });
}

}  // namespace

std::vector<bool> state_only(const Program& program) {
  std::vector<bool> state(program.slots.size(), false);
  const auto is_state = [&](int slot) { return state[static_cast<std::size_t>(slot)]; };
  const auto has_shape = [&](int slot) { return all_known(program.slots[static_cast<std::size_t>(slot)].spec.dims); };
  for (const int slot : program.constant_slots) state[static_cast<std::size_t>(slot)] = true;
  for (const int slot : program.variable_slots) state[static_cast<std::size_t>(slot)] = true;
  for (const Assignment& a : program.assignments)
    state[static_cast<std::size_t>(program.variable_slots[static_cast<std::size_t>(a.variable)])] = false;
  for (const Step& step : program.steps) {
    if (!std::all_of(step.inputs.begin(), step.inputs.end(), is_state) || !attributes_known(step) ||
        !std::all_of(step.outputs.begin(), step.outputs.end(), has_shape))
      continue;
    for (const int output : step.outputs) state[static_cast<std::size_t>(output)] = true;
  }
  return state;
}

std::vector<int> count_reads(const Program& program) {
  std::vector<int> reads(program.slots.size(), 0);
  const auto read = [&](int slot) { ++reads[static_cast<std::size_t>(slot)]; };
  for (const Step& step : program.steps)
    for (const int input : step.inputs) read(input);
  for (const int output : program.outputs) read(output);
  for (const Assignment& a : program.assignments) read(a.slot);
  return reads;
}

std::vector<int> only_readers(const Program& program) {
  std::vector<int> reader(program.slots.size(), -1);
  for (std::size_t s = 0; s < program.steps.size(); ++s)
    for (const int input : program.steps[s].inputs) reader[static_cast<std::size_t>(input)] = static_cast<int>(s);
  const std::vector<int> reads = count_reads(program);
  for (std::size_t slot = 0; slot < reader.size(); ++slot)
    if (reads[slot] != 1) reader[slot] = -1;
  return reader;
}

Program without(Program program, const std::vector<bool>& gone) {
  std::vector<Step> rest;
  for (std::size_t s = 0; s < program.steps.size(); ++s)
    if (!gone[s]) rest.push_back(std::move(program.steps[s]));
  program.steps = std::move(rest);
  return dead_code(std::move(program));
}

void replace_slots(Program& program, const std::vector<int>& replacement) {
  const auto replace = [&](int& slot) {
    while (replacement[static_cast<std::size_t>(slot)] != slot) slot = replacement[static_cast<std::size_t>(slot)];
  };
  for (Step& step : program.steps)
    for (int& input : step.inputs) replace(input);
  for (int& output : program.outputs) replace(output);
  for (Assignment& a : program.assignments) replace(a.slot);
}

Program compact(const Program& program) {
  const std::vector<int> reads = count_reads(program);
  std::vector<bool> assigned(program.variables.size(), false);
  for (const Assignment& a : program.assignments) assigned[static_cast<std::size_t>(a.variable)] = true;

  Program result;
  result.prologue = program.prologue;
  result.samples = program.samples;
  std::vector<int> renumbered(program.slots.size(), -1);
  const auto keep = [&](int slot, SlotKind kind, int index) {
    const int fresh = result.add_slot(program.slots[static_cast<std::size_t>(slot)].spec, kind, index);
    renumbered[static_cast<std::size_t>(slot)] = fresh;
    return fresh;
  };
  const auto renumber = [&](int slot) { return renumbered[static_cast<std::size_t>(slot)]; };
  for (std::size_t i = 0; i < program.inputs.size(); ++i) {
    result.inputs.push_back(keep(program.inputs[i], SlotKind::input, static_cast<int>(i)));
    result.input_names.push_back(program.input_names[i]);
  }
  std::vector<int> variable_index(program.variables.size(), -1);
  for (std::size_t i = 0; i < program.variables.size(); ++i) {
    if (reads[static_cast<std::size_t>(program.variable_slots[i])] == 0 && !assigned[i]) continue;
    variable_index[i] = static_cast<int>(result.variables.size());
    result.variable_slots.push_back(keep(program.variable_slots[i], SlotKind::variable, variable_index[i]));
    result.variables.push_back(program.variables[i]);
  }
  for (std::size_t i = 0; i < program.constants.size(); ++i) {
    if (reads[static_cast<std::size_t>(program.constant_slots[i])] == 0) continue;
    result.constant_slots.push_back(
        keep(program.constant_slots[i], SlotKind::constant, static_cast<int>(result.constants.size())));
    result.constants.push_back(program.constants[i]);
  }
  for (const Step& step : program.steps) {
    Step copy{step.operation, step.attributes, {}, {}};
    for (const int input : step.inputs) copy.inputs.push_back(renumber(input));
    for (const int output : step.outputs)
      copy.outputs.push_back(keep(output, SlotKind::step, static_cast<int>(result.steps.size())));
    result.steps.push_back(std::move(copy));
  }
  for (const int output : program.outputs) result.outputs.push_back(renumber(output));
  for (const Assignment& a : program.assignments)
    result.assignments.push_back({variable_index[static_cast<std::size_t>(a.variable)], renumber(a.slot)});
  return result;
}

}  // namespace addax::passes
