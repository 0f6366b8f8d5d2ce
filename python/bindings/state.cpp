// Variables and tapes.
#include "addax/tape.h"
#include "module.h"

namespace addax::python {
namespace {

Source source_of(const py::handle& source) {
  if (py::isinstance<Variable>(source)) return source.cast<VariablePtr>();
  return source.cast<Value>();
}

py::list optional_values(const Values& values) {
  py::list result;
  for (const Value& value : values) {
    if (value) {
      result.append(value);
    } else {
      result.append(py::none());
    }
  }
  return result;
}

Values from_optional(const py::sequence& list) {
  Values values;
  for (const py::handle item : list) values.push_back(item.is_none() ? Value() : item.cast<Value>());
  return values;
}

}  // namespace

void bind_state(py::module_& m) {
  py::class_<Variable, VariablePtr>(m, "Variable")
      .def(py::init([](const Value& value, const std::string& name, bool trainable) {
             return std::make_shared<Variable>(value.tensor().clone(), name, trainable);
           }),
           py::arg("value"), py::arg("name") = "variable", py::arg("trainable") = true)
      .def("value", &Variable::read, "The current value; inside a recording, its place in the program.")
      .def(
          "concrete", [](const Variable& v) { return v.concrete(); }, "The current value, even inside a recording.")
      .def("assign", &Variable::assign, py::arg("value"))
      .def_property("name", &Variable::name, &Variable::rename)
      .def_property("trainable", &Variable::trainable, &Variable::set_trainable)
      .def_property_readonly("shape", [](const Variable& v) { return shape_tuple(to_dims(v.shape())); })
      .def_property_readonly("dtype", [](const Variable& v) { return std::string(name_of(v.dtype())); });

  py::class_<Tape>(m, "Tape")
      .def(py::init<bool, bool>(), py::arg("persistent") = false, py::arg("watch_accessed_variables") = true)
      .def("start", &Tape::start)
      .def("stop", &Tape::stop)
      .def("reset", &Tape::reset)
      .def("watch", [](Tape& tape, const Value& value) { tape.watch(value); })
      .def("watch", [](Tape& tape, const VariablePtr& variable) { tape.watch(Variable::read(variable)); })
      .def(
          "gradient",
          [](Tape& tape, const Values& targets, const py::sequence& sources, const py::object& upstream) {
            std::vector<Source> from;
            for (const py::handle source : sources) from.push_back(source_of(source));
            return optional_values(
                tape.gradient_by(targets, from, upstream.is_none() ? Values() : from_optional(upstream)));
          },
          py::arg("targets"), py::arg("sources"), py::arg("upstream") = py::none());

  m.def(
      "record_custom_gradient",
      [](const Values& inputs, const Values& outputs, const py::function& gradient) {
        // The tape may outlive this call on another thread's stack frame: the function is released under the GIL.
        const std::shared_ptr<py::function> function(new py::function(gradient), [](py::function* f) {
          if (gil_is_gone()) return;
          const py::gil_scoped_acquire gil;
          delete f;
        });
        Tape::write_custom(inputs, outputs, [function](const Values& upstream) {
          return from_optional((*function)(optional_values(upstream)).cast<py::sequence>());
        });
      },
      py::arg("inputs"), py::arg("outputs"), py::arg("gradient"));
}

}  // namespace addax::python
