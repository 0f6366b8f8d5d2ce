// The parts of the extension module, one file each.
#pragma once

#include "convert.h"
#include "gil.h"

namespace addax::python {

void bind_tensor(py::module_& m);      // Tensor, Dim, tensor(), borrow()
void bind_operations(py::module_& m);  // op(), operation_names(), control flow
void bind_state(py::module_& m);       // Variable, Tape
void bind_program(py::module_& m);     // Recording, Program, Executable
void bind_file(py::module_& m);        // write_model, read_model

}  // namespace addax::python

namespace py = pybind11;
