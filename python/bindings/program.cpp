// Recordings, programs and their execution.
#include <algorithm>

#include "addax/replay.h"
#include "module.h"
#include "program/stepwise.h"

namespace addax::python {
namespace {

// What an Executable takes: a tensor, or a C-contiguous array whose memory is used as it is.
Tensor to_input(const py::handle& object) {
  if (py::isinstance<Value>(object)) return object.cast<const Value*>()->tensor();
  const py::array array = py::array::ensure(object, py::array::c_style);
  if (!array) throw py::type_error("inputs must be tensors or arrays");
  return borrow_array(array);
}

Products products_named(const std::string& name) {
  if (name == "float32") return Products::float32;
  if (name == "bfloat16") return Products::bfloat16;
  throw py::value_error("products are of float32 or bfloat16; received " + name);
}

std::vector<Value> run(Executable& executable, const py::sequence& arguments) {
  std::vector<Tensor> inputs, outputs;
  inputs.reserve(arguments.size());
  for (const py::handle argument : arguments) inputs.push_back(to_input(argument));
  const Specs wanted = executable.program()->input_specs();
  if (wanted.size() != inputs.size())
    throw py::type_error("the program takes " + std::to_string(wanted.size()) + " inputs; received " +
                         std::to_string(inputs.size()));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].dtype != inputs[i].dtype())
      fail(ErrorKind::type, "input '", executable.program()->input_names[i], "' must be ", wanted[i].dtype,
           "; received ", inputs[i].dtype());
  }
  {
    const ReleasedGil nogil;
    outputs = executable.run(inputs);
  }
  std::vector<Value> results;
  for (Tensor& tensor : outputs) results.emplace_back(std::move(tensor));
  return results;
}

Dims input_dims(const std::string& name, const py::sequence& shape) {
  Dims dims;
  int axis = 0;
  for (const py::handle size : shape) {
    dims.push_back(size.is_none() ? Dim::unknown(axis == 0 ? "batch" : text(name, "_", axis)) : to_dim(size));
    ++axis;
  }
  return dims;
}

bool is_per_sample(const Program& program) {
  const Specs inputs = program.input_specs(), outputs = program.output_specs();
  if (inputs.empty() || inputs[0].dims.empty()) return false;
  return std::all_of(outputs.begin(), outputs.end(), [&](const Spec& output) {
    return !output.dims.empty() && output.dims[0] == inputs[0].dims[0] && output.dtype != DType::bfloat16;
  });
}

struct Suspension {
  std::optional<SuspendRecording> scope;
};

}  // namespace

void bind_program(py::module_& m) {
  py::class_<Program, std::shared_ptr<Program>>(m, "Program")
      .def("__str__", &Program::str)
      .def("__len__", [](const Program& p) { return p.steps.size(); })
      .def_property_readonly("variables", [](const Program& p) { return p.variables; })
      .def_property_readonly("input_names", [](const Program& p) { return p.input_names; })
      .def_property_readonly("input_specs",
                             [](const Program& p) {
                               py::list specs;  // (dtype, sizes), a size being a number or a Dim
                               for (const Spec& spec : p.input_specs()) {
                                 py::tuple sizes(spec.dims.size());
                                 for (std::size_t i = 0; i < spec.dims.size(); ++i) sizes[i] = from_dim(spec.dims[i]);
                                 specs.append(py::make_tuple(std::string(name_of(spec.dtype)), sizes));
                               }
                               return specs;
                             })
      .def_property_readonly("step_names",
                             [](const Program& p) {
                               std::vector<std::string> names;
                               for (const Step& step : p.steps) names.emplace_back(step.operation->name);
                               return names;
                             })
      .def_property_readonly("is_per_sample", &is_per_sample,
                             "Whether every output has the first input's first axis, and a dtype that NumPy has.")
      .def("optimize", [](const std::shared_ptr<Program>& p) { return std::const_pointer_cast<Program>(optimize(p)); });

  py::class_<Recording, std::shared_ptr<Recording>>(m, "Recording")
      .def(py::init([] { return Recording::begin(); }),
           "Begins at once; leave the `with` block, or call end(), to stop.")
      .def("__enter__", [](const std::shared_ptr<Recording>& r) { return r; })
      .def("__exit__", [](Recording& r, const py::args&) { r.end(); })
      .def("end", &Recording::end)
      .def(
          "input",
          [](Recording& r, const std::string& name, const std::string& dtype, const py::sequence& shape) {
            const auto parsed = parse_dtype(dtype);
            if (!parsed) throw py::value_error("unknown dtype " + dtype);
            return r.input(name, {*parsed, input_dims(name, shape)});
          },
          py::arg("name"), py::arg("dtype"), py::arg("shape"))
      .def(
          "finish",
          [](Recording& r, const Values& outputs) { return std::const_pointer_cast<Program>(r.finish(outputs)); },
          py::arg("outputs"));
  m.def(
      "require_stepwise", [](const Program& p, const Dim& time) { require_stepwise(p, time.str()); },
      py::arg("program"), py::arg("time"),
      "Raises NotImplementedError if the program may look elsewhere in time than at each step and the states.");
  m.def("is_recording", [] { return Recording::current() != nullptr; });

  py::class_<Suspension>(m, "suspend_recording",
                         "A `with` block in which operations run at once and variables are concrete.")
      .def(py::init<>())
      .def("__enter__", [](Suspension& s) { s.scope.emplace(); })
      .def("__exit__", [](Suspension& s, const py::args&) { s.scope.reset(); });

  py::class_<Executable>(m, "Executable")
      .def(py::init([](const std::shared_ptr<Program>& program, bool optimized, const std::string& products) {
             return std::make_unique<Executable>(optimized ? optimize(program, products_named(products))
                                                           : ProgramPtr(program));
           }),
           py::arg("program"), py::arg("optimize") = true, py::arg("products") = "float32")
      .def("run", &run, py::arg("inputs"))
      .def_property_readonly("program",
                             [](const Executable& e) { return std::const_pointer_cast<Program>(e.program()); });
}

}  // namespace addax::python
