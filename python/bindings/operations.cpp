// The one door to the operation table, and control flow.
#include "addax/control.h"
#include "module.h"

namespace addax::python {
namespace {

// One operation, callable: tensors as positional arguments, attributes as keywords.
struct Handle {
  const Operation* operation;
};

py::object call(const Handle& handle, const py::args& args, const py::kwargs& kwargs) {
  Values inputs;
  inputs.reserve(args.size());
  for (const py::handle argument : args) {
    const Value* value = py::isinstance<Value>(argument) ? argument.cast<const Value*>() : nullptr;
    if (value == nullptr)
      throw py::type_error(std::string(handle.operation->name) + ": inputs must be tensors; received " +
                           std::string(py::str(py::type::of(argument))));
    inputs.push_back(*value);
  }
  Attributes attributes;
  for (const auto& [name, value] : kwargs) {
    // The kind decides for an empty list, which could be dims, integers or numbers.
    attributes.set(name.cast<std::string>(), to_attribute(value));
  }
  Values outputs;
  {
    const ReleasedGil nogil;
    outputs = apply(*handle.operation, inputs, std::move(attributes));
  }
  if (outputs.size() == 1) return py::cast(outputs[0]);
  py::tuple result(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) result[i] = py::cast(outputs[i]);
  return result;
}

Values to_values(const py::object& sequence) {
  Values values;
  for (const py::handle item : sequence) values.push_back(item.cast<Value>());
  return values;
}

void bind_control(py::module_& m) {
  m.def(
      "scan",
      [](const py::function& body, const Values& init, const Values& xs, const py::object& length, bool reverse) {
        const ops::ScanBody call_body = [&](const Values& carry, const Values& x) {
          const py::tuple result = body(carry, x);
          return std::pair(to_values(result[0]), to_values(result[1]));
        };
        const Dim steps = length.is_none() ? xs.at(0).dim(0) : to_dim(length);
        ops::ScanResult result = ops::scan(call_body, init, xs, steps, reverse);
        return py::make_tuple(result.carry, result.ys);
      },
      py::arg("body"), py::arg("init"), py::arg("xs"), py::arg("length") = py::none(), py::arg("reverse") = false);
  m.def(
      "while_loop",
      [](const py::function& condition, const py::function& body, const Values& init) {
        return ops::while_loop([&](const Values& values) { return condition(values).cast<Value>(); },
                               [&](const Values& values) { return to_values(body(values)); }, init);
      },
      py::arg("condition"), py::arg("body"), py::arg("init"));
  m.def(
      "cond",
      [](const Value& predicate, const py::function& then, const py::function& otherwise) {
        return ops::cond(predicate, [&] { return to_values(then()); }, [&] { return to_values(otherwise()); });
      },
      py::arg("predicate"), py::arg("then"), py::arg("otherwise"));
}

}  // namespace

void bind_operations(py::module_& m) {
  py::class_<Handle>(m, "Operation")
      .def("__call__", &call)
      .def_property_readonly("name", [](const Handle& h) { return h.operation->name; })
      .def_property_readonly("min_inputs", [](const Handle& h) { return h.operation->min_inputs; })
      .def_property_readonly("max_inputs", [](const Handle& h) { return h.operation->max_inputs; })
      .def_property_readonly("attributes",
                             [](const Handle& h) {
                               std::vector<std::string> names;
                               for (const AttributeSpec& spec : h.operation->attributes) names.emplace_back(spec.name);
                               return names;
                             })
      .def_property_readonly(
          "differentiable",
          [](const Handle& h) { return h.operation->gradient != nullptr && h.operation->no_gradient == nullptr; })
      .def_property_readonly("no_gradient", [](const Handle& h) { return h.operation->no_gradient; })
      .def_property_readonly("internal", [](const Handle& h) { return h.operation->traits.internal; })
      .def("__repr__", [](const Handle& h) { return std::string("<operation ") + h.operation->name + ">"; });
  m.def("op", [](const std::string& name) { return Handle{&operation_named(name)}; }, py::arg("name"));
  m.def("operation_names", [] {
    std::vector<std::string> names;
    for (const Operation* operation : operations()) names.emplace_back(operation->name);
    return names;
  });
  bind_control(m);
}

}  // namespace addax::python
