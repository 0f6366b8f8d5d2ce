#include "addax/program.h"

#include <sstream>

#include "addax/error.h"
#include "ops/operation.h"
#include "program/prologue.h"

namespace addax {
namespace {

Dims evaluated(const Dims& dims, const Bindings& bindings) {
  Dims result;
  for (const Dim& dim : dims) result.emplace_back(dim.evaluate(bindings));
  return result;
}

std::string names(const std::vector<int>& slots) {
  std::string out;
  for (const int slot : slots) out += text(out.empty() ? "" : ", ", "%", slot);
  return out;
}

void write_attribute(std::ostream& out, const Attribute& attribute) {
  std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, ProgramPtr>) {
          out << "program of " << value->steps.size() << " steps";
        } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>> || std::is_same_v<T, std::vector<double>>) {
          out << '[';
          for (std::size_t i = 0; i < value.size(); ++i) out << (i == 0 ? "" : ", ") << value[i];
          out << ']';
        } else {
          out << std::boolalpha << value;
        }
      },
      attribute);
}

}  // namespace

int Program::add_slot(Spec spec, SlotKind kind, int index) {
  slots.push_back({std::move(spec), kind, index});
  return static_cast<int>(slots.size()) - 1;
}

Specs Program::input_specs() const {
  Specs specs;
  for (const int slot : inputs) specs.push_back(slots[static_cast<std::size_t>(slot)].spec);
  return specs;
}

Specs Program::output_specs() const {
  Specs specs;
  for (const int slot : outputs) specs.push_back(slots[static_cast<std::size_t>(slot)].spec);
  return specs;
}

std::string Program::str() const {
  std::ostringstream out;
  const auto declare = [&](int slot, std::string_view what) {
    out << '%' << slot << " = " << what << " : " << slots[static_cast<std::size_t>(slot)].spec << '\n';
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) declare(inputs[i], "input " + input_names[i]);
  for (std::size_t i = 0; i < variables.size(); ++i) declare(variable_slots[i], "variable " + variables[i]->name());
  for (const int slot : constant_slots) declare(slot, "constant");
  for (const Step& step : steps) {
    out << names(step.outputs) << " = " << step.operation->name << '(' << names(step.inputs) << ')';
    for (const auto& [name, attribute] : step.attributes.entries()) {
      out << ' ' << name << '=';
      write_attribute(out, attribute);
    }
    out << " : ";
    for (std::size_t i = 0; i < step.outputs.size(); ++i)
      out << (i == 0 ? "" : ", ") << slots[static_cast<std::size_t>(step.outputs[i])].spec;
    out << '\n';
  }
  for (const Assignment& a : assignments)
    out << variables[static_cast<std::size_t>(a.variable)]->name() << " := %" << a.slot << '\n';
  out << "return " << names(outputs) << '\n';
  return out.str();
}

ProgramPtr bind_dims(const ProgramPtr& program, const Bindings& bindings) {
  auto bound = std::make_shared<Program>(*program);
  bound->samples.clear();  // a number by now
  for (Slot& slot : bound->slots) slot.spec.dims = evaluated(slot.spec.dims, bindings);
  for (Step& step : bound->steps) {
    for (auto& [name, attribute] : step.attributes.entries()) {
      if (auto* dims = std::get_if<Dims>(&attribute)) *dims = evaluated(*dims, bindings);
      if (auto* nested = std::get_if<ProgramPtr>(&attribute)) *nested = bind_dims(*nested, bindings);
    }
  }
  return bound;
}

Values inline_program(const Program& program, const Values& inputs) {
  if (inputs.size() != program.inputs.size())
    fail(ErrorKind::value, "the program takes ", program.inputs.size(), " inputs; received ", inputs.size());
  if (program.prologue != nullptr) program.prologue->refresh();
  Values values(program.slots.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) values[static_cast<std::size_t>(program.inputs[i])] = inputs[i];
  for (std::size_t i = 0; i < program.variables.size(); ++i)
    values[static_cast<std::size_t>(program.variable_slots[i])] = Variable::read(program.variables[i]);
  for (std::size_t i = 0; i < program.constants.size(); ++i)
    values[static_cast<std::size_t>(program.constant_slots[i])] = Value(program.constants[i]);
  for (const Step& step : program.steps) {
    Values arguments;
    for (const int slot : step.inputs) arguments.push_back(values[static_cast<std::size_t>(slot)]);
    const Values results = apply(*step.operation, arguments, step.attributes);
    for (std::size_t i = 0; i < results.size(); ++i) values[static_cast<std::size_t>(step.outputs[i])] = results[i];
  }
  for (const Assignment& a : program.assignments)
    Variable::assign(program.variables[static_cast<std::size_t>(a.variable)], values[static_cast<std::size_t>(a.slot)]);
  Values results;
  for (const int slot : program.outputs) results.push_back(values[static_cast<std::size_t>(slot)]);
  return results;
}

}  // namespace addax
