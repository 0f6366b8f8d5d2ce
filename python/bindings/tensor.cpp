#include <cstring>

#include "module.h"

namespace addax::python {
namespace {

// The raw memory for the buffer protocol; 16-bit floats have no common format but 'e'.
py::buffer_info buffer_info(const Value& value) {
  const Tensor& tensor = value.tensor();
  static constexpr const char* kFormats[] = {"?", "B", "i", "q", "e", nullptr, "f", "d"};
  const char* format = kFormats[static_cast<int>(tensor.dtype())];
  if (format == nullptr) throw py::type_error("bfloat16 has no buffer format; cast the tensor to float32 first");
  const std::vector<py::ssize_t> shape(tensor.shape().begin(), tensor.shape().end());
  const py::ssize_t item = static_cast<py::ssize_t>(size_of(tensor.dtype()));
  std::vector<py::ssize_t> strides(shape.size(), item);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return py::buffer_info(tensor.data(), item, format, static_cast<py::ssize_t>(shape.size()), shape, strides, true);
}

py::object item(const Value& value) {
  const Tensor& tensor = value.tensor();
  if (tensor.elements() == 1) {
    if (tensor.dtype() == DType::boolean) return py::bool_(tensor.item() != 0);
    if (tensor.dtype() == DType::int64) return py::int_(*tensor.data_as<std::int64_t>());
    if (is_integer(tensor.dtype())) return py::int_(static_cast<std::int64_t>(tensor.item()));
  }
  return py::float_(tensor.item());
}

py::tuple dims_tuple(const Dims& dims) {
  py::tuple result(dims.size());
  for (std::size_t i = 0; i < dims.size(); ++i) result[i] = from_dim(dims[i]);
  return result;
}

void bind_dim(py::module_& m) {
  py::class_<Dim>(m, "Dim", "A size that is known only when a program runs: an expression over named unknowns.")
      .def_static("unknown", &Dim::unknown, py::arg("name"))
      .def_static("parse", [](const std::string& s) { return from_dim(Dim::parse(s)); })
      .def("__add__", [](const Dim& a, const py::object& b) { return from_dim(a + to_dim(b)); })
      .def("__radd__", [](const Dim& a, const py::object& b) { return from_dim(to_dim(b) + a); })
      .def("__sub__", [](const Dim& a, const py::object& b) { return from_dim(a - to_dim(b)); })
      .def("__rsub__", [](const Dim& a, const py::object& b) { return from_dim(to_dim(b) - a); })
      .def("__mul__", [](const Dim& a, const py::object& b) { return from_dim(a * to_dim(b)); })
      .def("__rmul__", [](const Dim& a, const py::object& b) { return from_dim(to_dim(b) * a); })
      .def("__floordiv__", [](const Dim& a, const py::object& b) { return from_dim(floor_div(a, to_dim(b))); })
      .def("__rfloordiv__", [](const Dim& a, const py::object& b) { return from_dim(floor_div(to_dim(b), a)); })
      .def("__mod__",
           [](const Dim& a, const py::object& b) { return from_dim(a - floor_div(a, to_dim(b)) * to_dim(b)); })
      .def("__neg__", [](const Dim& a) { return from_dim(Dim(0) - a); })
      .def("__eq__",
           [](const Dim& a, const py::object& b) {
             return py::isinstance<Dim>(b) ? a == b.cast<Dim>()
                                           : PyLong_Check(b.ptr()) != 0 && a == b.cast<std::int64_t>();
           })
      .def("__hash__", [](const Dim& d) { return py::hash(py::str(d.str())); })
      .def("minimum", [](const Dim& a, const py::object& b) { return from_dim(min(a, to_dim(b))); })
      .def("maximum", [](const Dim& a, const py::object& b) { return from_dim(max(a, to_dim(b))); })
      .def("evaluate",
           [](const Dim& d, const std::map<std::string, std::int64_t>& sizes) {
             return d.evaluate(Bindings(sizes.begin(), sizes.end()));
           })
      .def("__str__", &Dim::str)
      .def("__repr__", [](const Dim& d) { return "Dim(" + d.str() + ")"; });
}

}  // namespace

void bind_tensor(py::module_& m) {
  bind_dim(m);
  py::class_<Value>(m, "Tensor", py::dynamic_attr(), py::buffer_protocol(),
                    "A dense, row-major array of numbers; inside a recording, the place of one.")
      .def_property_readonly("shape", [](const Value& v) { return shape_tuple(v.dims()); })
      .def_property_readonly("dims", [](const Value& v) { return dims_tuple(v.dims()); })
      .def_property_readonly("dtype", [](const Value& v) { return std::string(name_of(v.dtype())); })
      .def_property_readonly("ndim", &Value::rank)
      .def_property_readonly("symbolic", &Value::symbolic)
      .def_property_readonly("id", &Value::id)
      .def_property_readonly("nbytes", [](const Value& v) { return v.tensor().bytes(); })
      .def(
          "numpy", [](const Value& v) { return view_of(v.tensor(), false).attr("copy")(); }, "A NumPy copy.")
      .def(
          "view", [](const Value& v) { return view_of(v.tensor(), false); }, "A read-only NumPy view of the memory.")
      .def(
          "__array__",
          [](const Value& v, const py::object& dtype, const py::object& copy) -> py::object {
            const py::array view = view_of(v.tensor(), false);
            const bool convert = !dtype.is_none() && !py::dtype::from_args(dtype).equal(view.dtype());
            if (convert) {
              if (!copy.is_none() && !copy.cast<bool>()) throw py::value_error("a change of dtype needs a copy");
              return view.attr("astype")(dtype);
            }
            return !copy.is_none() && !copy.cast<bool>() ? py::object(view) : view.attr("copy")();
          },
          py::arg("dtype") = py::none(), py::arg("copy") = py::none())
      .def_buffer(&buffer_info)
      .def("__len__",
           [](const Value& v) {
             if (v.rank() == 0) throw py::type_error("len() of a tensor of rank 0");
             return v.dim(0).value();
           })
      .def("item", &item)
      .def("__float__", [](const Value& v) { return v.tensor().item(); })
      .def("__int__", [](const Value& v) { return py::int_(item(v)); })
      .def("__bool__", [](const Value& v) { return v.tensor().item() != 0; })
      .def("__index__", [](const Value& v) {
        if (!is_integer(v.dtype())) throw py::type_error("only integer tensors of one element can be an index");
        return item(v);
      });
  m.def(
      "tensor", [](const py::handle& array) { return Value(copy_array(array)); }, py::arg("array"),
      "A tensor with a copy of a NumPy array.");
  m.def(
      "borrow", [](const py::array& array) { return Value(borrow_array(array)); }, py::arg("array"),
      "A tensor on a C-contiguous NumPy array's own memory.");
  m.def(
      "scalar",
      [](const py::handle& value, const std::string& dtype) {
        const auto parsed = parse_dtype(dtype);
        if (!parsed) throw py::value_error("unknown dtype " + dtype);
        if (*parsed == DType::int64)
          return Value(
              Tensor::scalar<std::int64_t>(py::int_(py::reinterpret_borrow<py::object>(value)).cast<std::int64_t>()));
        return Value(Tensor::scalar(*parsed, value.cast<double>()));
      },
      py::arg("value"), py::arg("dtype"), "A tensor of rank 0.");
}

}  // namespace addax::python
