#include "convert.h"

#include <cstring>

#include "addax/ops.h"
#include "gil.h"

namespace addax::python {

py::dtype numpy_dtype(DType dtype) {
  if (dtype == DType::bfloat16) throw py::type_error("NumPy has no bfloat16; cast the tensor to float32 first");
  return py::dtype(std::string(name_of(dtype)));
}

namespace {

// The dtype by NumPy's kind and size, as its name takes it microseconds to put together.
std::optional<DType> builtin_dtype(const py::dtype& dtype) {
  const auto size = dtype.itemsize();
  switch (dtype.kind()) {
    case 'f':
      if (size == 4) return DType::float32;
      if (size == 8) return DType::float64;
      if (size == 2) return DType::float16;
      break;
    case 'i':
      if (size == 4) return DType::int32;
      if (size == 8) return DType::int64;
      break;
    case 'u':
      if (size == 1) return DType::uint8;
      break;
    case 'b':
      return DType::boolean;
    default:
      break;
  }
  return std::nullopt;
}

}  // namespace

DType dtype_of(const py::dtype& dtype) {
  if (dtype.byteorder() == '>') throw py::type_error("arrays must be little-endian");
  if (const auto builtin = builtin_dtype(dtype)) return *builtin;
  const std::string name = py::str(dtype.attr("name"));
  const auto parsed = parse_dtype(name);
  if (!parsed) throw py::type_error("arrays of dtype " + name + " have no counterpart here; convert them first");
  return *parsed;
}

namespace {

Shape shape_of(const py::array& array) {
  Shape shape;
  for (py::ssize_t i = 0; i < array.ndim(); ++i) shape.push_back(array.shape(i));
  return shape;
}

}  // namespace

Tensor copy_array(const py::handle& object) {
  const py::array array = py::array::ensure(object, py::array::c_style | py::array::forcecast);
  if (!array) throw py::type_error("expected an array of numbers");
  Tensor tensor(dtype_of(array.dtype()), shape_of(array));
  std::memcpy(tensor.data(), array.data(), static_cast<std::size_t>(tensor.bytes()));
  return tensor;
}

Tensor borrow_array(const py::array& array) {
  if ((array.flags() & py::array::c_style) == 0) throw py::value_error("only C-contiguous arrays can be borrowed");
  const DType dtype = dtype_of(array.dtype());
  const Shape shape = shape_of(array);
  // The last user may be another thread: the reference is dropped under the GIL.
  std::shared_ptr<void> owner(new py::object(array), [](void* p) {
    if (gil_is_gone()) return;
    const py::gil_scoped_acquire gil;
    delete static_cast<py::object*>(p);
  });
  return Tensor(dtype, shape, Storage::borrow(const_cast<void*>(array.data()), array.nbytes(), std::move(owner)));
}

py::array view_of(const Tensor& tensor, bool writable) {
  if (tensor.dtype() == DType::bfloat16 && !writable)
    return view_of(ops::cast(Value(tensor), DType::float32).tensor(), false);
  auto* keep = new std::shared_ptr<Storage>(tensor.storage());
  const py::capsule owner(keep, [](void* p) { delete static_cast<std::shared_ptr<Storage>*>(p); });
  const std::vector<py::ssize_t> shape(tensor.shape().begin(), tensor.shape().end());
  py::array array(numpy_dtype(tensor.dtype()), shape, tensor.data(), owner);
  if (!writable) array.attr("setflags")(py::arg("write") = false);
  return array;
}

namespace {

// Python's integers have no bounds.
std::int64_t to_int64(const py::handle& integer) {
  int overflow = 0;
  const std::int64_t value = PyLong_AsLongLongAndOverflow(integer.ptr(), &overflow);
  if (overflow != 0)
    throw py::value_error("the integer " + std::string(py::str(integer)).substr(0, 40) + " is beyond 64 bits");
  if (value == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
  return value;
}

}  // namespace

Dim to_dim(const py::handle& object) {
  if (py::isinstance<Dim>(object)) return object.cast<Dim>();
  const py::object index = py::reinterpret_steal<py::object>(PyNumber_Index(object.ptr()));
  if (!index) throw py::error_already_set();
  return Dim(to_int64(index));
}

py::object from_dim(const Dim& dim) {
  if (dim.known()) return py::int_(dim.value());
  return py::cast(dim);
}

py::tuple shape_tuple(const Dims& dims) {
  py::tuple shape(dims.size());
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i].known()) {
      shape[i] = py::int_(dims[i].value());
    } else {
      shape[i] = py::none();
    }
  }
  return shape;
}

namespace {

Attribute to_list_attribute(const py::sequence& list) {
  bool dims = false, numbers = false;
  for (const py::handle item : list) {
    dims = dims || py::isinstance<Dim>(item);
    numbers = numbers || PyFloat_Check(item.ptr());
  }
  if (dims) {
    Dims result;
    for (const py::handle item : list) result.push_back(to_dim(item));
    return result;
  }
  if (numbers) {
    std::vector<double> result;
    for (const py::handle item : list) result.push_back(item.cast<double>());
    return result;
  }
  std::vector<std::int64_t> result;
  for (const py::handle item : list) result.push_back(to_dim(item).value());
  return result;
}

}  // namespace

Attribute to_attribute(const py::handle& object) {
  if (PyBool_Check(object.ptr())) return object.cast<bool>();
  if (PyLong_Check(object.ptr())) return to_int64(object);
  if (PyFloat_Check(object.ptr())) return object.cast<double>();
  if (PyUnicode_Check(object.ptr())) return object.cast<std::string>();
  if (py::isinstance<Dim>(object)) return Dims{object.cast<Dim>()};
  if (py::isinstance<Program>(object)) return ProgramPtr(object.cast<std::shared_ptr<Program>>());
  if (PyList_Check(object.ptr()) || PyTuple_Check(object.ptr()))
    return to_list_attribute(py::reinterpret_borrow<py::sequence>(object));
  if (PyIndex_Check(object.ptr())) return to_dim(object).value();
  if (PyNumber_Check(object.ptr())) return py::float_(py::reinterpret_borrow<py::object>(object)).cast<double>();
  throw py::type_error(
      "an attribute must be a number, a string, a dimension, a program or a list of numbers or dimensions; received " +
      std::string(py::str(py::type::of(object))));
}

}  // namespace addax::python
