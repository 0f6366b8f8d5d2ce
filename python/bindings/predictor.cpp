// Predictor: a program behind one call, for those who call it a million times. A type of its own instead of pybind11's
// class: its calls arrive by the vectorcall protocol, and cost little more than the program and the result's array.
#include <Python.h>
#include <structmember.h>

#include <algorithm>
#include <array>

#include "addax/replay.h"
#include "module.h"

namespace addax::python {
namespace {

// n values, the first few without memory from the heap.
template <class T, std::size_t Most = 4>
class Few {
 public:
  explicit Few(std::size_t n) : n_(n), many_(n > Most ? n : 0) {}
  std::size_t size() const { return n_; }
  T* data() { return many_.empty() ? few_.data() : many_.data(); }
  T& operator[](std::size_t i) { return data()[i]; }
  operator std::span<const T>() { return {data(), n_}; }

 private:
  std::size_t n_;
  std::array<T, Most> few_{};
  std::vector<T> many_;
};

class Predictor {
 public:
  Predictor(py::object executable, std::vector<std::string> names, py::object assemble)
      : owner_(std::move(executable)),
        executable_(owner_.cast<Executable&>()),
        assemble_(std::move(assemble)),
        specs_(executable_.program()->input_specs()),
        names_(std::move(names)) {
    if (names_.size() != specs_.size()) throw py::value_error("a predictor needs a name for each input");
    for (const Spec& spec : specs_) in_types_.push_back(numpy_dtype(spec.dtype));
    for (const Spec& spec : executable_.program()->output_specs()) out_types_.push_back(numpy_dtype(spec.dtype));
  }

  py::object call(const py::handle& x, const py::handle& out) {
    Few<py::object> inputs(specs_.size());
    Few<Shape> shapes(specs_.size());
    Few<const void*> in(specs_.size());
    deal(x, inputs);
    for (std::size_t i = 0; i < specs_.size(); ++i) in[i] = take(i, inputs[i], shapes[i]);
    const Executable::Lease replay = acquire(shapes);
    Few<py::object> results(out_types_.size());
    Few<void*> to(out_types_.size());
    for (std::size_t i = 0; i < out_types_.size(); ++i) {
      const Shape& shape = replay->output_shape(static_cast<int>(i));
      results[i] = out ? given(i, out, shape) : fresh(out_types_[i], shape);
      to[i] = const_cast<void*>(static_cast<const py::array&>(results[i]).data());
    }
    if (out) refuse_overlap(in, shapes, to, results);
    {
      const ReleasedGil nogil;
      replay->run(in, to);
    }
    if (out) return py::reinterpret_borrow<py::object>(out);
    if (assemble_.is_none()) return results[0];
    py::list list(results.size());
    for (std::size_t i = 0; i < results.size(); ++i) list[i] = results[i];
    return assemble_(list);
  }

  std::string describe() const {
    std::string text = "<predictor of";
    for (std::size_t i = 0; i < specs_.size(); ++i) text += (i > 0 ? ", " : " ") + wanted(i);
    return text + ">";
  }

 private:
  std::string wanted(std::size_t i) const { return text("'", names_[i], "' ", specs_[i].dtype, ' ', specs_[i].dims); }

  // One object for each input.
  void deal(const py::handle& x, Few<py::object>& inputs) const {
    const std::size_t n = inputs.size();
    if (n == 1 && !PyList_Check(x.ptr()) && !PyTuple_Check(x.ptr()) && !PyDict_Check(x.ptr())) {
      inputs[0] = py::reinterpret_borrow<py::object>(x);
    } else if ((PyList_Check(x.ptr()) || PyTuple_Check(x.ptr())) &&
               PySequence_Fast_GET_SIZE(x.ptr()) == static_cast<py::ssize_t>(n)) {
      for (std::size_t i = 0; i < n; ++i)
        inputs[i] = py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(x.ptr(), static_cast<py::ssize_t>(i)));
    } else if (PyDict_Check(x.ptr()) && PyDict_GET_SIZE(x.ptr()) == static_cast<py::ssize_t>(n)) {
      for (std::size_t i = 0; i < n; ++i) {
        inputs[i] = py::reinterpret_borrow<py::object>(PyDict_GetItemString(x.ptr(), names_[i].c_str()));
        if (!inputs[i]) refuse(x);
      }
    } else {
      refuse(x);
    }
  }

  [[noreturn]] void refuse(const py::handle& x) const {
    std::string all;
    for (std::size_t i = 0; i < specs_.size(); ++i) all += (i > 0 ? ", " : "") + wanted(i);
    throw py::type_error("the predictor takes " +
                         std::string(specs_.size() == 1 ? "an array" : "a list of arrays, or a dict of them by name") +
                         ": " + all + "; received " + std::string(py::str(py::type::of(x))) +
                         (PyList_Check(x.ptr()) || PyTuple_Check(x.ptr()) || PyDict_Check(x.ptr())
                              ? " of " + std::to_string(py::len(x))
                              : ""));
  }

  // The input's memory; `object` keeps it, and may become a contiguous copy.
  const void* take(std::size_t i, py::object& object, Shape& shape) const {
    if (!py::isinstance<py::array>(object)) {
      if (!py::isinstance<Value>(object)) refuse_dtype(i, std::string(py::str(py::type::of(object))));
      const Tensor& tensor = object.cast<const Value&>().tensor();
      if (tensor.dtype() != specs_[i].dtype) refuse_dtype(i, std::string(name_of(tensor.dtype())));
      shape = tensor.shape();
      return tensor.data();
    }
    const auto* array = static_cast<const py::array*>(&object);
    const py::dtype dtype = array->dtype();
    if (!dtype.is(in_types_[i]) && !dtype.equal(in_types_[i])) refuse_dtype(i, std::string(py::str(dtype)));
    if ((array->flags() & py::array::c_style) == 0) {
      object = py::array::ensure(object, py::array::c_style);
      if (!object) throw py::error_already_set();
    }
    for (py::ssize_t axis = 0; axis < array->ndim(); ++axis) shape.push_back(array->shape(axis));
    return array->data();
  }

  [[noreturn]] void refuse_dtype(std::size_t i, const std::string& received) const {
    throw py::type_error("the predictor's input " + wanted(i) + " received " + received +
                         "; convert it, for example with `np.asarray(x, \"" + std::string(name_of(specs_[i].dtype)) +
                         "\")`");
  }

  Executable::Lease acquire(Few<Shape>& shapes) const {
    try {
      return executable_.acquire(shapes);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::value) throw;
      std::string received;
      for (std::size_t i = 0; i < shapes.size(); ++i) received += (i > 0 ? ", " : "") + text(shapes[i]);
      throw Error(error.kind(), text("the predictor ", describe(), " received shape ", received, ": ", error.what()));
    }
  }

  static py::object fresh(const py::dtype& dtype, const Shape& shape) {
    const auto& api = py::detail::npy_api::get();
    std::array<Py_intptr_t, kMaxRank> sizes{};
    std::copy(shape.begin(), shape.end(), sizes.begin());
    // Takes a reference to the dtype.
    PyObject* array = api.PyArray_NewFromDescr_(api.PyArray_Type_, dtype.inc_ref().ptr(), shape.rank(), sizes.data(),
                                                nullptr, nullptr, 0, nullptr);
    if (array == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(array);
  }

  // The array that the caller gave for a result.
  py::object given(std::size_t i, const py::handle& out, const Shape& shape) const {
    py::handle object = out;
    if (out_types_.size() != 1 || PyList_Check(out.ptr()) || PyTuple_Check(out.ptr())) {
      const bool fits = (PyList_Check(out.ptr()) || PyTuple_Check(out.ptr())) && py::len(out) == out_types_.size();
      if (!fits) throw py::type_error(text("`out` must be a list of ", out_types_.size(), " arrays"));
      object = PySequence_Fast_GET_ITEM(out.ptr(), static_cast<py::ssize_t>(i));
    }
    constexpr int kWanted = int{py::array::c_style} | int{py::detail::npy_api::NPY_ARRAY_WRITEABLE_};
    const auto* array = static_cast<const py::array*>(&object);
    const bool fits = py::isinstance<py::array>(object) && array->dtype().equal(out_types_[i]) &&
                      std::equal(array->shape(), array->shape() + array->ndim(), shape.begin(), shape.end()) &&
                      (array->flags() & kWanted) == kWanted;
    if (!fits)
      throw py::value_error(text("`out` must be a writable, C-contiguous array of dtype ",
                                 std::string(py::str(out_types_[i])), " and shape ", shape));
    return py::reinterpret_borrow<py::object>(object);
  }

  // A program may read its inputs after it has written to its outputs.
  void refuse_overlap(Few<const void*>& in, Few<Shape>& shapes, Few<void*>& to, Few<py::object>& results) const {
    std::vector<std::pair<const char*, const char*>> taken;
    for (std::size_t i = 0; i < in.size(); ++i) {
      const auto* begin = static_cast<const char*>(in[i]);
      taken.emplace_back(begin, begin + shapes[i].elements() * size_of(specs_[i].dtype));
    }
    for (std::size_t i = 0; i < to.size(); ++i) {
      const auto* begin = static_cast<const char*>(to[i]);
      const char* end = begin + static_cast<const py::array&>(results[i]).nbytes();
      for (const auto& [other, other_end] : taken)
        if (begin < other_end && other < end) throw py::value_error("`out` overlaps an input or another output");
      taken.emplace_back(begin, end);
    }
  }

  py::object owner_;
  Executable& executable_;
  py::object assemble_;  // None: the only result itself
  Specs specs_;
  std::vector<std::string> names_;
  std::vector<py::dtype> in_types_, out_types_;
};

// ---- The type

struct Object {
  PyObject head;
  vectorcallfunc call;
  Predictor* predictor;
};

Predictor& predictor_of(PyObject* self) { return *reinterpret_cast<Object*>(self)->predictor; }

// Runs f, with a C++ exception turned into Python's.
template <class F>
PyObject* guarded(const F& f) {
  try {
    return f();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const py::builtin_exception& error) {
    error.set_error();
  } catch (const Error& error) {
    set_python_error(error);
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  }
  return nullptr;
}

PyObject* vectorcall(PyObject* self, PyObject* const* arguments, std::size_t flags, PyObject* names) {
  const py::ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  const bool out_is_named = named == 1 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "out") == 0;
  if (PyVectorcall_NARGS(flags) != 1 || (named > 0 && !out_is_named)) {
    PyErr_SetString(PyExc_TypeError, "a predictor is called as predictor(x) or predictor(x, out=arrays)");
    return nullptr;
  }
  const py::handle out = out_is_named && arguments[1] != Py_None ? arguments[1] : nullptr;
  return guarded([&] { return predictor_of(self).call(arguments[0], out).release().ptr(); });
}

PyObject* repr(PyObject* self) {
  return guarded([&] { return py::str(predictor_of(self).describe()).release().ptr(); });
}

void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  delete reinterpret_cast<Object*>(self)->predictor;
  type->tp_free(self);
  Py_DECREF(type);
}

constexpr const char* kDoc =
    "A model's prediction behind one call: `predictor(x)` gives what `model.predict_on_batch(x)` does, at a fraction "
    "of "
    "its cost.\n\n"
    "`x` is an array, or a list of arrays or a dict of them by input name, of exactly the model's dtypes. The results "
    "are new arrays, or `out`, which must have their shapes and dtypes. Memory and plan are kept for each input shape. "
    "Any number of threads may call at once.";

PyTypeObject* make_type() {
  static PyMemberDef members[] = {
      {"__vectorcalloffset__", T_PYSSIZET, offsetof(Object, call), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_repr, reinterpret_cast<void*>(repr)},
      {Py_tp_members, members},
      {Py_tp_doc, const_cast<char*>(kDoc)},
      {0, nullptr},
  };
  static PyType_Spec spec = {"addax._core.Predictor", sizeof(Object), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                             slots};
  PyObject* type = PyType_FromSpec(&spec);
  if (type == nullptr) throw py::error_already_set();
  return reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace

void bind_predictor(py::module_& m) {
  PyTypeObject* type = make_type();
  m.add_object("Predictor", reinterpret_cast<PyObject*>(type));
  m.def(
      "predictor",
      [type](py::object executable, std::vector<std::string> names, py::object assemble) {
        auto predictor = std::make_unique<Predictor>(std::move(executable), std::move(names), std::move(assemble));
        PyObject* object = type->tp_alloc(type, 0);
        if (object == nullptr) throw py::error_already_set();
        reinterpret_cast<Object*>(object)->call = vectorcall;
        reinterpret_cast<Object*>(object)->predictor = predictor.release();
        return py::reinterpret_steal<py::object>(object);
      },
      py::arg("executable"), py::arg("names"), py::arg("assemble") = py::none(),
      "A callable that runs the program. `assemble` puts a list of results together; without it there is one.");
}

}  // namespace addax::python
