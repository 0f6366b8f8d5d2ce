#include "file/program_json.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/checked.h"
#include "base/left_out.h"
#include "ops/operation.h"

namespace addax::file {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

// ---- Writing

Json to_json(const Dim& dim) { return dim.known() ? Json(dim.value()) : Json(dim.str()); }

Json to_json(const Dims& dims) {
  Json out = Json::array();
  for (const Dim& dim : dims) out.push_back(to_json(dim));
  return out;
}

Json number_json(double x) {
  if (std::isfinite(x)) return Json(x);
  return Json(std::isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

Json to_json(const Attribute& attribute) {
  return std::visit(
      [](const auto& value) -> Json {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, double>) {
          return number_json(value);
        } else if constexpr (std::is_same_v<T, std::vector<double>>) {
          Json out = Json::array();
          for (const double x : value) out.push_back(number_json(x));
          return out;
        } else if constexpr (std::is_same_v<T, Dims>) {
          return to_json(value);
        } else if constexpr (std::is_same_v<T, DType>) {
          return Json(std::string(name_of(value)));
        } else if constexpr (std::is_same_v<T, ProgramPtr>) {
          return file::to_json(*value);
        } else {
          return Json(value);
        }
      },
      attribute);
}

Json spec_json(const Spec& spec) {
  return {{"dtype", std::string(name_of(spec.dtype))}, {"shape", to_json(spec.dims)}};
}

Json named_spec_json(const std::string& name, const Spec& spec) {
  Json out{{"name", name}};
  out.update(spec_json(spec));
  return out;
}

// ---- Reading

Dim read_dim(const Json& json, std::string_view what) {
  if (json.is_string()) return Dim::parse(json.get_ref<const std::string&>());
  return integer(json, what);
}

Dims read_dims(const Json& json, std::string_view what) {
  Dims dims;
  for (const Json& size : array(json, what)) dims.push_back(read_dim(size, what));
  return dims;
}

DType read_dtype(const Json& json, std::string_view what) {
  const std::string& name = string(json, what);
  const auto dtype = parse_dtype(name);
  if (!dtype) fail(ErrorKind::value, what, ": unknown dtype '", name.substr(0, 40), "'");
  return *dtype;
}

double read_number(const Json& json, std::string_view what) {
  if (json.is_number()) return json.get<double>();
  const std::string& text = string(json, what);
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  fail(ErrorKind::value, what, ": expected a number; found '", text.substr(0, 40), "'");
}

Spec read_spec(const Json& json, std::string_view what) {
  Spec spec{read_dtype(member(json, "dtype", Json::value_t::string, what), what),
            read_dims(member(json, "shape", Json::value_t::array, what), what)};
  if (spec.dims.size() > kMaxRank) fail(ErrorKind::value, what, ": rank ", spec.dims.size(), " is above ", kMaxRank);
  for (const Dim& dim : spec.dims)
    if (dim.known() && dim.value() < 0) fail(ErrorKind::value, what, ": a size of ", dim);
  return spec;
}

Attribute read_attribute(const Json& json, AttributeKind kind, const FindVariable& find_variable, std::string_view what,
                         int depth) {
  switch (kind) {
    case AttributeKind::flag:
      if (!json.is_boolean()) fail(ErrorKind::value, what, ": expected true or false; found ", json.type_name());
      return json.get<bool>();
    case AttributeKind::integer:
      return integer(json, what);
    case AttributeKind::number:
      return read_number(json, what);
    case AttributeKind::text:
      return string(json, what);
    case AttributeKind::dims:
      return read_dims(json, what);
    case AttributeKind::dtype:
      return read_dtype(json, what);
    case AttributeKind::program:
      return program_from_json(json, find_variable, what, depth + 1);
    case AttributeKind::integers: {
      std::vector<std::int64_t> values;
      for (const Json& item : array(json, what)) values.push_back(integer(item, what));
      return values;
    }
    case AttributeKind::numbers: {
      std::vector<double> values;
      for (const Json& item : array(json, what)) values.push_back(read_number(item, what));
      return values;
    }
  }
  fail(ErrorKind::value, what, ": an attribute of unknown kind");
}

// A bool that is neither 0 nor 1 is undefined behaviour for whoever reads it.
void normalize_bools(const Tensor& tensor) {
  auto* p = static_cast<unsigned char*>(tensor.data());
  for (std::int64_t i = 0; i < tensor.elements(); ++i) p[i] = p[i] != 0 ? 1 : 0;
}

class Reader {
 public:
  Reader(const Json& json, const FindVariable& find_variable, std::string_view what, int depth)
      : json_(json), find_variable_(find_variable), what_(what), depth_(depth) {}

  ProgramPtr run() {
    if (depth_ > kMaxProgramDepth) fail(ErrorKind::value, what_, ": programs nested deeper than ", kMaxProgramDepth);
    read_inputs();
    read_variables();
    read_constants();
    const Json& steps = list("steps");
    if (steps.size() > kMaxProgramSteps) fail(ErrorKind::value, what_, ": ", steps.size(), " steps");
    for (const Json& step : steps) read_step(step);
    for (const Json& slot : list("outputs")) program_.outputs.push_back(read_slot(slot, what_));
    for (const Json& pair : list("assign")) read_assignment(pair);
    return std::make_shared<const Program>(std::move(program_));
  }

 private:
  const Json& list(std::string_view key) const { return member(json_, key, Json::value_t::array, what_); }

  int read_slot(const Json& json, std::string_view what) const {
    const std::int64_t slot = integer(json, what);
    if (slot < 0 || slot >= static_cast<std::int64_t>(program_.slots.size()))
      fail(ErrorKind::value, what, ": there is no value ", slot, " at this point");
    return static_cast<int>(slot);
  }

  void read_inputs() {
    for (const Json& input : list("inputs")) {
      program_.inputs.push_back(
          program_.add_slot(read_spec(input, what_), SlotKind::input, static_cast<int>(program_.inputs.size())));
      program_.input_names.push_back(string(member(input, "name", Json::value_t::string, what_), what_));
    }
  }

  void read_variables() {
    for (const Json& entry : list("variables")) {
      const Spec spec = read_spec(entry, what_);
      const std::string& name = string(member(entry, "name", Json::value_t::string, what_), what_);
      const VariablePtr variable = find_variable_(name);
      if (std::find(program_.variables.begin(), program_.variables.end(), variable) != program_.variables.end())
        fail(ErrorKind::value, what_, ": variable '", name, "' is declared twice");
      if (spec != Spec{variable->dtype(), to_dims(variable->shape())})
        fail(ErrorKind::value, what_, ": variable '", name, "' is declared as ", spec, " but is ",
             Spec{variable->dtype(), to_dims(variable->shape())});
      program_.variable_slots.push_back(
          program_.add_slot(spec, SlotKind::variable, static_cast<int>(program_.variables.size())));
      program_.variables.push_back(variable);
    }
  }

  void read_constants() {
    for (const Json& entry : list("constants")) {
      Tensor tensor = tensor_from_json(entry, what_);
      program_.constant_slots.push_back(program_.add_slot({tensor.dtype(), to_dims(tensor.shape())}, SlotKind::constant,
                                                          static_cast<int>(program_.constants.size())));
      program_.constants.push_back(std::move(tensor));
    }
  }

  void read_step(const Json& json) {
    const std::string& name = string(member(json, "op", Json::value_t::string, what_), what_);
    const std::string where = text(what_, ", step ", program_.steps.size(), " (", name.substr(0, 40), ")");
    const Operation* operation = find_operation(name);
    if (operation == nullptr || operation->traits.internal)
      fail(kLeftOut.empty() ? ErrorKind::value : ErrorKind::unsupported, where, ": there is no such operation",
           left_out_note());
    Step step{operation, {}, {}, {}};
    Specs specs;
    for (const Json& slot : member(json, "in", Json::value_t::array, where)) {
      step.inputs.push_back(read_slot(slot, where));
      specs.push_back(program_.slots[at(step.inputs.back())].spec);
    }
    const Json& attributes = member(json, "attributes", Json::value_t::object, where);
    for (const AttributeSpec& spec : operation->attributes) {
      const auto it = attributes.find(spec.name);
      if (it != attributes.end())
        step.attributes.set(spec.name, read_attribute(*it, spec.kind, find_variable_, where, depth_));
    }
    Specs out;
    try {
      step.attributes = normalize(*operation, std::move(step.attributes));
      out = infer(*operation, specs, step.attributes);
    } catch (const Error& error) {
      fail(ErrorKind::value, where, ": ", error.what());
    }
    for (const Spec& spec : out)
      step.outputs.push_back(program_.add_slot(spec, SlotKind::step, static_cast<int>(program_.steps.size())));
    program_.steps.push_back(std::move(step));
  }

  void read_assignment(const Json& pair) {
    if (!pair.is_array() || pair.size() != 2)
      fail(ErrorKind::value, what_, ": an assignment must be [variable, value]");
    const std::int64_t variable = integer(pair[0], what_);
    if (variable < 0 || variable >= static_cast<std::int64_t>(program_.variables.size()))
      fail(ErrorKind::value, what_, ": there is no variable ", variable);
    for (const Assignment& a : program_.assignments)
      if (a.variable == variable) fail(ErrorKind::value, what_, ": variable ", variable, " is assigned twice");
    const int slot = read_slot(pair[1], what_);
    const Spec& wanted = program_.slots[at(program_.variable_slots[static_cast<std::size_t>(variable)])].spec;
    // Sizes are compared when the program is planned.
    if (program_.slots[at(slot)].spec.dtype != wanted.dtype)
      fail(ErrorKind::value, what_, ": a variable of ", wanted, " is assigned ", program_.slots[at(slot)].spec);
    program_.assignments.push_back({static_cast<int>(variable), slot});
  }

  const Json& json_;
  const FindVariable& find_variable_;
  std::string_view what_;
  int depth_;
  Program program_;
};

}  // namespace

Tensor tensor_from_json(const Json& json, std::string_view what) {
  const Spec spec = read_spec(json, what);
  const Shape shape = to_shape(spec.dims);
  const std::string bytes = from_base64(string(member(json, "data", Json::value_t::string, what), what), what);
  if (checked_mul(shape.elements(), size_of(spec.dtype)) != static_cast<std::int64_t>(bytes.size()))
    fail(ErrorKind::value, what, ": a tensor of ", spec, " has ", bytes.size(), " bytes of data");
  Tensor tensor(spec.dtype, shape);
  if (!bytes.empty()) std::memcpy(tensor.data(), bytes.data(), bytes.size());
  if (spec.dtype == DType::boolean) normalize_bools(tensor);
  return tensor;
}

Json to_json(const Tensor& tensor) {
  Json json = spec_json({tensor.dtype(), to_dims(tensor.shape())});
  json["data"] = to_base64(tensor.data(), tensor.bytes());
  return json;
}

Json to_json(const Program& program) {
  Json inputs = Json::array(), variables = Json::array(), constants = Json::array(), steps = Json::array();
  std::vector<int> number(program.slots.size(), -1);
  int next = 0;
  const auto spec = [&](int slot) { return program.slots[at(slot)].spec; };
  const auto numbers = [&](const std::vector<int>& slots) {
    Json out = Json::array();
    for (const int slot : slots) out.push_back(number[at(slot)]);
    return out;
  };
  for (std::size_t i = 0; i < program.inputs.size(); ++i) {
    number[at(program.inputs[i])] = next++;
    inputs.push_back(named_spec_json(program.input_names[i], spec(program.inputs[i])));
  }
  for (std::size_t i = 0; i < program.variables.size(); ++i) {
    number[at(program.variable_slots[i])] = next++;
    variables.push_back(named_spec_json(program.variables[i]->name(), spec(program.variable_slots[i])));
  }
  for (std::size_t i = 0; i < program.constants.size(); ++i) {
    number[at(program.constant_slots[i])] = next++;
    constants.push_back(to_json(program.constants[i]));
  }
  for (const Step& step : program.steps) {
    Json attributes = Json::object();
    for (const auto& [name, attribute] : step.attributes.entries()) attributes[name] = to_json(attribute);
    steps.push_back(
        {{"op", step.operation->name}, {"in", numbers(step.inputs)}, {"attributes", std::move(attributes)}});
    for (const int output : step.outputs) number[at(output)] = next++;
  }
  Json assign = Json::array();
  for (const Assignment& a : program.assignments) assign.push_back(Json::array({a.variable, number[at(a.slot)]}));
  return {{"inputs", std::move(inputs)}, {"variables", std::move(variables)},   {"constants", std::move(constants)},
          {"steps", std::move(steps)},   {"outputs", numbers(program.outputs)}, {"assign", std::move(assign)}};
}

ProgramPtr program_from_json(const Json& json, const FindVariable& find_variable, std::string_view what, int depth) {
  return Reader(json, find_variable, what, depth).run();
}

}  // namespace addax::file
