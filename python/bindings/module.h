// The parts of the extension module, one file each.
#pragma once

#include "convert.h"
#include "gil.h"

namespace addax::python {

void bind_tensor(py::module_& m);      // Tensor, Dim, tensor(), borrow()
void bind_operations(py::module_& m);  // op(), operation_names(), control flow
void bind_state(py::module_& m);       // Variable, Tape
void bind_program(py::module_& m);     // Recording, Program, Executable
void bind_predictor(py::module_& m);   // Predictor, predictor()
void bind_batch_loop(py::module_& m);  // BatchLoop
void bind_file(py::module_& m);        // write_model, read_model

// Raises a core error as Python's exception of its kind.
void set_python_error(const Error& error);

}  // namespace addax::python

namespace py = pybind11;
