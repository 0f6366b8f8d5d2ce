// The extension module: what Python sees of the core. Conversions, the GIL and exceptions; no logic.
#include "module.h"

#include <string_view>

#include "addax/replay.h"
#include "base/cpu.h"
#include "base/parallel.h"

namespace addax::python {

void set_python_error(const Error& error) {
  PyObject* type = PyExc_RuntimeError;
  switch (error.kind()) {
    case ErrorKind::value:
      type = PyExc_ValueError;
      break;
    case ErrorKind::type:
      type = PyExc_TypeError;
      break;
    case ErrorKind::index:
      type = PyExc_IndexError;
      break;
    case ErrorKind::memory:
      type = PyExc_MemoryError;
      break;
    case ErrorKind::io:
      type = PyExc_OSError;
      break;
    case ErrorKind::unsupported:
      type = PyExc_NotImplementedError;
      break;
    case ErrorKind::runtime:
      break;
  }
  // A message may quote bytes of a file that are no UTF-8.
  const std::string_view words(error.what());
  const auto message = py::reinterpret_steal<py::object>(
      PyUnicode_DecodeUTF8(words.data(), static_cast<py::ssize_t>(words.size()), "backslashreplace"));
  if (message) PyErr_SetObject(type, message.ptr());
}

namespace {

void translate(std::exception_ptr pointer) {  // NOLINT(performance-unnecessary-value-param): pybind11 passes a copy
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const Error& error) {
    set_python_error(error);
  }
}

}  // namespace
}  // namespace addax::python

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
  using namespace addax;
  using namespace addax::python;
  m.doc() = "The native core of addax.";
  m.attr("__version__") = ADDAX_VERSION;
  py::register_exception_translator(&translate);

  bind_tensor(m);
  bind_operations(m);
  bind_state(m);
  bind_program(m);
  bind_batch_loop(m);
  bind_predictor(m);
  bind_file(m);

  m.def("thread_count", &thread_count, "Number of threads that kernels may use.");
  m.def("set_thread_count", &set_thread_count, py::arg("count"));
  m.def(
      "isa", [] { return std::string(name_of(active_isa())); },
      "The instruction set in use: baseline, avx2, avx512 or neon.");
  m.def("stop_threads", &stop_threads, "Ends the pool's threads; what runs later is serial.");
  prepare_gil_returns();
  py::module_::import("atexit").attr("register")(py::cpp_function([] {
    stop_threads();
    end_gil_returns();
  }));
}
