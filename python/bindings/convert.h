// Conversions between Python objects and the core's values.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "addax/program.h"
#include "addax/value.h"
#include "ops/operation.h"

namespace addax::python {

namespace py = pybind11;

py::dtype numpy_dtype(DType dtype);  // bfloat16 has none: TypeError
DType dtype_of(const py::dtype& dtype);

// The array's data copied into a new tensor.
Tensor copy_array(const py::handle& object);
// The array's own memory, kept alive by the tensor; must be C-contiguous.
Tensor borrow_array(const py::array& array);
// A NumPy view of the tensor's memory, read-only unless `writable`. NumPy has no bfloat16: its values come as a copy in
// float32, and cannot be had to write to.
py::array view_of(const Tensor& tensor, bool writable);

// A Python int, float, bool, str, Dim, Program, or a list of ints, floats or Dims.
Attribute to_attribute(const py::handle& object);
Dim to_dim(const py::handle& object);
py::object from_dim(const Dim& dim);      // int or Dim
py::tuple shape_tuple(const Dims& dims);  // None where unknown

}  // namespace addax::python
