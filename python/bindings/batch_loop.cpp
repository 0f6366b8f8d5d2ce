// The inside of an epoch over arrays in memory.
#include "addax/batch_loop.h"

#include "module.h"

namespace addax::python {
namespace {

Column column_of(const py::array& array) {
  Column column{array.data(), dtype_of(array.dtype()), {}, 0};
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) column.shape.push_back(array.shape(axis));
  py::ssize_t bytes = array.itemsize();
  for (py::ssize_t axis = array.ndim(); axis-- > 1;) {
    if (array.shape(axis) != 1 && array.strides(axis) != bytes)
      throw py::value_error("the numbers of a row must lie together");
    bytes *= array.shape(axis);
  }
  if (array.ndim() > 0) column.row_stride = array.shape(0) == 1 ? bytes : array.strides(0);
  return column;
}

std::vector<Column> columns_of(const std::vector<py::array>& arrays) {
  std::vector<Column> columns;
  for (const py::array& array : arrays) columns.push_back(column_of(array));
  return columns;
}

using Order = py::array_t<std::int64_t, py::array::c_style>;

// The core's loop with what its memory belongs to.
struct Loop {
  Loop(py::object executable, std::vector<py::array> columns, std::int64_t batch_size, BatchLoop::Keep keep)
      : executable(std::move(executable)),
        arrays(std::move(columns)),
        loop(this->executable.cast<Executable&>(), columns_of(arrays), batch_size, keep) {}

  void begin(const std::optional<Order>& next) {
    if (next && next->ndim() != 1) throw py::value_error("the order must have one axis");
    order = next;
    if (order) {
      loop.begin({order->data(), static_cast<std::size_t>(order->size())});
    } else {
      loop.begin();
    }
  }

  std::int64_t run(std::int64_t most, double seconds) {
    const ReleasedGil nogil;
    return loop.run(most, std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
  }

  py::object executable;
  std::vector<py::array> arrays;
  std::optional<Order> order;
  BatchLoop loop;
};

}  // namespace

void bind_batch_loop(py::module_& m) {
  py::class_<Loop>(m, "BatchLoop", "Runs a program over the rows of arrays, many steps a call.")
      .def(py::init([](py::object executable, std::vector<py::array> columns, std::int64_t batch_size, bool keep_all) {
             return std::make_unique<Loop>(std::move(executable), std::move(columns), batch_size,
                                           keep_all ? BatchLoop::Keep::all : BatchLoop::Keep::last);
           }),
           py::arg("executable"), py::arg("columns"), py::arg("batch_size"), py::arg("keep_all") = false)
      .def("begin", &Loop::begin, py::arg("order") = py::none(), "Starts a pass over the rows in this order.")
      .def("run", &Loop::run, py::arg("most"), py::arg("seconds"),
           "Runs at most so many steps, or until the time is over, but one; how many it ran.")
      .def_property_readonly("done", [](const Loop& l) { return l.loop.done(); })
      .def("results", [](const Loop& l) { return Values(l.loop.results().begin(), l.loop.results().end()); })
      .def(
          "arrays",
          [](const Loop& l) {
            std::vector<py::array> arrays;
            for (const Tensor& result : l.loop.results()) arrays.push_back(view_of(result, true));
            return arrays;
          },
          "The results as arrays on the same memory.");
}

}  // namespace addax::python
