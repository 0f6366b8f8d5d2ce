#include "addax/c_api.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "addax/layers_model.h"
#include "addax/session.h"
#include "addax/threads.h"
#include "base/status_of.h"

using addax::DType;
using addax::ErrorKind;
using addax::fail;
using addax::Model;
using addax::Session;
using addax::Shape;
using addax::Tensor;

// What the handles point to. Names that C++ gives by value are kept, so that C may keep their addresses.
struct addax_model {
  struct Metric {
    const char* name;
    double value;
  };

  Model model;
  std::vector<addax::WeightInfo> weights;
  std::vector<Metric> metrics;         // of the last step
  std::set<std::string> metric_names;  // of all steps; the nodes of a set stay where they are

  explicit addax_model(Model m) : model(std::move(m)), weights(model.weights()) {}
};

struct addax_session {
  Session session;
  // Filled anew by each call, never resized.
  std::vector<Shape> shapes;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;

  explicit addax_session(Session s)
      : session(std::move(s)),
        shapes(static_cast<std::size_t>(session.input_count())),
        inputs(shapes.size()),
        outputs(static_cast<std::size_t>(session.output_count())) {}
};

namespace {

// ---- Errors
static_assert(static_cast<int>(DType::boolean) == ADDAX_BOOL && static_cast<int>(DType::float64) == ADDAX_FLOAT64);
static_assert(addax::kMaxRank == ADDAX_MAX_RANK);
// A fixed buffer: an error must find room when there is no memory left.
thread_local char last_error[2048] = "";

void keep_error(const char* text) noexcept {
  std::size_t n = std::min(std::strlen(text), sizeof last_error - 1);
  if (text[n] != '\0')
    while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xC0) == 0x80) --n;  // not within a character
  std::memcpy(last_error, text, n);
  last_error[n] = '\0';
}

addax_status c_status(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::value:
      return ADDAX_ERROR_VALUE;
    case ErrorKind::type:
      return ADDAX_ERROR_TYPE;
    case ErrorKind::index:
      return ADDAX_ERROR_INDEX;
    case ErrorKind::memory:
      return ADDAX_ERROR_MEMORY;
    case ErrorKind::io:
      return ADDAX_ERROR_IO;
    case ErrorKind::unsupported:
      return ADDAX_ERROR_UNSUPPORTED;
    case ErrorKind::runtime:
      break;
  }
  return ADDAX_ERROR_RUNTIME;
}

template <class Function>
addax_status guarded(const Function& function) noexcept {
  const addax::Status status = addax::status_of(function);
  if (status.ok()) return ADDAX_OK;
  keep_error(status.message().c_str());
  return c_status(status.kind());
}

// The same for functions that return what they were asked for.
template <class Result, class Function>
Result guarded_or(Result failed, const Function& function) noexcept {
  Result result = failed;
  return guarded([&] { result = function(); }) == ADDAX_OK ? result : failed;
}

template <class T>
T& need(T* pointer, const char* name) {
  if (pointer == nullptr) fail(ErrorKind::value, "'", name, "' is NULL");
  return *pointer;
}

template <class T>
std::span<T> need_array(T* first, std::int32_t count, const char* name) {
  if (count < 0) fail(ErrorKind::value, "the count of '", name, "' is ", count);
  if (first == nullptr && count > 0) fail(ErrorKind::value, "'", name, "' is NULL; its count is ", count);
  return {first, static_cast<std::size_t>(count)};
}

template <class List>
auto& at(const List& list, std::int32_t index, const char* what) {
  if (index < 0 || static_cast<std::size_t>(index) >= list.size())
    fail(ErrorKind::index, what, " ", index, " of ", list.size());
  return list[static_cast<std::size_t>(index)];
}

// ---- Values

DType dtype_of(addax_dtype dtype) {
  if (dtype < ADDAX_BOOL || dtype > ADDAX_FLOAT64) fail(ErrorKind::type, "there is no dtype ", static_cast<int>(dtype));
  return static_cast<DType>(dtype);
}

addax_dtype c_dtype(DType dtype) { return static_cast<addax_dtype>(dtype); }

Shape shape_of(const addax_shape& shape) {
  if (shape.rank < 0 || shape.rank > ADDAX_MAX_RANK)
    fail(ErrorKind::value, "a shape has 0 to ", ADDAX_MAX_RANK, " sizes; received ", shape.rank);
  return Shape(std::span(shape.sizes, static_cast<std::size_t>(shape.rank)));
}

std::vector<Shape> shapes_of(std::span<const addax_shape> shapes) {
  std::vector<Shape> list;
  for (const addax_shape& shape : shapes) list.push_back(shape_of(shape));
  return list;
}

addax_shape c_shape(const Shape& shape) {
  addax_shape c{shape.rank(), {}};
  std::copy(shape.begin(), shape.end(), c.sizes);
  return c;
}

addax_shape c_shape(const addax::Dims& dims) {
  addax_shape c{static_cast<std::int32_t>(std::min<std::size_t>(dims.size(), ADDAX_MAX_RANK)), {}};
  for (std::int32_t i = 0; i < c.rank; ++i) {
    const addax::Dim& dim = dims[static_cast<std::size_t>(i)];
    c.sizes[i] = dim.known() ? dim.value() : -1;
  }
  return c;
}

addax_port c_port(const addax::Port& port) { return {port.name.c_str(), c_dtype(port.dtype), c_shape(port.shape)}; }

// A tensor on the caller's memory.
Tensor borrow(const addax_tensor& given, const char* what) {
  const DType dtype = dtype_of(given.dtype);
  const Shape shape = shape_of(given.shape);
  const std::int64_t elements = shape.elements();
  if (given.data == nullptr && elements > 0)
    fail(ErrorKind::value, "the data of a tensor of '", what, "' are NULL; its shape is ", shape);
  static std::max_align_t nothing;
  void* const data = elements > 0 ? const_cast<void*>(given.data) : &nothing;
  return Tensor(dtype, shape, addax::Storage::borrow(data, elements * addax::size_of(dtype), nullptr));
}

std::vector<Tensor> borrow_all(const addax_tensor* first, std::int32_t count, const char* name) {
  std::vector<Tensor> tensors;
  for (const addax_tensor& given : need_array(first, count, name)) {
    Tensor tensor = borrow(given, name);
    // Kernels read whole elements; what lies askew in the caller's memory is copied.
    if (reinterpret_cast<std::uintptr_t>(tensor.data()) % static_cast<std::uintptr_t>(addax::size_of(tensor.dtype())))
      tensor = tensor.clone();
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

}  // namespace

// ---- The library

int32_t addax_c_api_version(void) { return ADDAX_C_API_VERSION; }

const char* addax_last_error(void) { return last_error; }

const char* addax_dtype_name(addax_dtype dtype) {
  return guarded_or<const char*>(nullptr, [&] { return addax::name_of(dtype_of(dtype)).data(); });
}

int64_t addax_dtype_size(addax_dtype dtype) {
  return guarded_or<int64_t>(-1, [&] { return addax::size_of(dtype_of(dtype)); });
}

int32_t addax_thread_count(void) {
  return guarded_or<int32_t>(-1, [] { return addax::thread_count(); });
}

addax_status addax_set_thread_count(int32_t count) {
  return guarded([&] { addax::set_thread_count(count); });
}

void addax_stop_threads(void) { addax::stop_threads(); }

// ---- Loading

addax_status addax_model_load(const char* path, addax_model** model) {
  return guarded([&] {
    addax_model*& result = need(model, "model");
    result = new addax_model(addax::load_layers_model(&need(path, "path")));
  });
}

addax_status addax_model_load_memory(const char* json, size_t json_bytes, const void* weights, size_t weights_bytes,
                                     addax_model** model) {
  return guarded([&] {
    addax_model*& result = need(model, "model");
    const std::string_view text(&need(json, "json"), json_bytes);
    if (weights == nullptr && weights_bytes > 0)
      fail(ErrorKind::value, "'weights' is NULL; it has ", weights_bytes, " bytes");
    result = new addax_model(
        addax::load_layers_model(text, std::span(static_cast<const std::uint8_t*>(weights), weights_bytes)));
  });
}

void addax_model_free(addax_model* model) { delete model; }

// ---- Inspecting

const char* addax_model_name(const addax_model* model) {
  return guarded_or<const char*>(nullptr, [&] { return need(model, "model").model.name().c_str(); });
}

const char* addax_model_metadata(const addax_model* model) {
  return guarded_or<const char*>(nullptr, [&] { return need(model, "model").model.metadata().c_str(); });
}

int64_t addax_model_parameters(const addax_model* model) {
  return guarded_or<int64_t>(-1, [&] { return need(model, "model").model.parameters(); });
}

int32_t addax_model_streams(const addax_model* model) {
  return guarded_or<int32_t>(-1, [&] { return need(model, "model").model.streams(); });
}

int32_t addax_model_trains(const addax_model* model) {
  return guarded_or<int32_t>(-1, [&] { return need(model, "model").model.trains(); });
}

namespace {

template <class List>
int32_t count_of(const addax_model* model, const List& list) noexcept {
  return guarded_or<int32_t>(-1, [&] { return static_cast<int32_t>(list(need(model, "model")).size()); });
}

const std::vector<addax::Port>& inputs_of(const addax_model& m) { return m.model.inputs(); }
const std::vector<addax::Port>& outputs_of(const addax_model& m) { return m.model.outputs(); }
const std::vector<addax::Port>& targets_of(const addax_model& m) { return m.model.targets(); }
const std::vector<addax::LayerInfo>& layers_of(const addax_model& m) { return m.model.layers(); }
const std::vector<addax::WeightInfo>& weights_of(const addax_model& m) { return m.weights; }
const std::vector<addax_model::Metric>& metrics_of(const addax_model& m) { return m.metrics; }

}  // namespace

int32_t addax_model_input_count(const addax_model* model) { return count_of(model, inputs_of); }
int32_t addax_model_output_count(const addax_model* model) { return count_of(model, outputs_of); }
int32_t addax_model_target_count(const addax_model* model) { return count_of(model, targets_of); }
int32_t addax_model_layer_count(const addax_model* model) { return count_of(model, layers_of); }
int32_t addax_model_weight_count(const addax_model* model) { return count_of(model, weights_of); }
int32_t addax_model_metric_count(const addax_model* model) { return count_of(model, metrics_of); }

addax_status addax_model_input(const addax_model* model, int32_t index, addax_port* input) {
  return guarded([&] { need(input, "input") = c_port(at(inputs_of(need(model, "model")), index, "input")); });
}

addax_status addax_model_output(const addax_model* model, int32_t index, addax_port* output) {
  return guarded([&] { need(output, "output") = c_port(at(outputs_of(need(model, "model")), index, "output")); });
}

addax_status addax_model_target(const addax_model* model, int32_t index, addax_port* target) {
  return guarded([&] { need(target, "target") = c_port(at(targets_of(need(model, "model")), index, "target")); });
}

addax_status addax_model_layer(const addax_model* model, int32_t index, addax_layer* layer) {
  return guarded([&] {
    const addax::LayerInfo& found = at(layers_of(need(model, "model")), index, "layer");
    need(layer, "layer") = {found.name.c_str(), found.class_name.c_str()};
  });
}

addax_status addax_model_weight(const addax_model* model, int32_t index, addax_weight* weight) {
  return guarded([&] {
    const addax::WeightInfo& found = at(weights_of(need(model, "model")), index, "weight");
    need(weight, "weight") = {found.name.c_str(), found.group.c_str(), c_dtype(found.dtype), c_shape(found.shape)};
  });
}

addax_status addax_model_get_weight(const addax_model* model, const char* name, addax_buffer values) {
  return guarded([&] {
    const Tensor found = need(model, "model").model.weight(&need(name, "name"));
    const auto bytes = static_cast<std::size_t>(found.bytes());
    if (values.data == nullptr && bytes > 0) fail(ErrorKind::value, "'values' is NULL");
    if (values.bytes < bytes)
      fail(ErrorKind::value, "weight '", name, "' has ", bytes, " bytes; received room for ", values.bytes);
    if (bytes > 0) std::memcpy(values.data, found.data(), bytes);
  });
}

addax_status addax_model_set_weight(addax_model* model, const char* name, const addax_tensor* values) {
  return guarded(
      [&] { need(model, "model").model.set_weight(&need(name, "name"), borrow(need(values, "values"), "values")); });
}

addax_status addax_model_verify(const addax_model* model, double* difference) {
  return guarded([&] {
    double& result = need(difference, "difference");
    const Model& own = need(model, "model").model;
    const std::optional<double> found = own.verify();
    if (!found)
      fail(ErrorKind::unsupported, "the file of model '", own.name(), "' has no pair of input and output to check");
    result = *found;
  });
}

// ---- Training

namespace {

addax_model::Metric kept(addax_model& own, const addax::Metric& metric) {
  const bool number = metric.value.elements() == 1;
  return {own.metric_names.insert(metric.name).first->c_str(),
          number ? metric.number() : std::numeric_limits<double>::quiet_NaN()};
}

using TrainingStep = addax::Metrics (Model::*)(const addax::Batch&);

addax_status run_step(TrainingStep step, addax_model* model, const addax_tensor* x, int32_t x_count,
                      const addax_tensor* y, int32_t y_count, const addax_tensor* weight,
                      int32_t weight_count) noexcept {
  return guarded([&] {
    addax_model& own = need(model, "model");
    const addax::Batch batch{borrow_all(x, x_count, "x"), borrow_all(y, y_count, "y"),
                             borrow_all(weight, weight_count, "sample_weight")};
    std::vector<addax_model::Metric> metrics;
    for (const addax::Metric& metric : (own.model.*step)(batch)) metrics.push_back(kept(own, metric));
    own.metrics = std::move(metrics);
  });
}

}  // namespace

addax_status addax_model_train_on_batch(addax_model* model, const addax_tensor* x, int32_t x_count,
                                        const addax_tensor* y, int32_t y_count, const addax_tensor* sample_weight,
                                        int32_t sample_weight_count) {
  return run_step(&Model::train_on_batch, model, x, x_count, y, y_count, sample_weight, sample_weight_count);
}

addax_status addax_model_test_on_batch(addax_model* model, const addax_tensor* x, int32_t x_count,
                                       const addax_tensor* y, int32_t y_count, const addax_tensor* sample_weight,
                                       int32_t sample_weight_count) {
  return run_step(&Model::test_on_batch, model, x, x_count, y, y_count, sample_weight, sample_weight_count);
}

const char* addax_model_metric_name(const addax_model* model, int32_t index) {
  return guarded_or<const char*>(nullptr, [&] { return at(metrics_of(need(model, "model")), index, "metric").name; });
}

addax_status addax_model_metric_value(const addax_model* model, int32_t index, double* value) {
  return guarded([&] { need(value, "value") = at(metrics_of(need(model, "model")), index, "metric").value; });
}

addax_status addax_model_reset_metrics(addax_model* model) {
  return guarded([&] { need(model, "model").model.reset_metrics(); });
}

addax_status addax_model_get_learning_rate(const addax_model* model, double* rate) {
  return guarded([&] { need(rate, "rate") = need(model, "model").model.learning_rate(); });
}

addax_status addax_model_set_learning_rate(addax_model* model, double rate) {
  return guarded([&] { need(model, "model").model.set_learning_rate(rate); });
}

addax_status addax_model_save(const addax_model* model, const char* folder) {
  return guarded([&] { need(model, "model").model.save(&need(folder, "folder")); });
}

// ---- Session

namespace {

Session::Kind kind_of(addax_session_kind kind) {
  if (kind != ADDAX_PREDICT && kind != ADDAX_STREAM)
    fail(ErrorKind::value, "there is no kind of session ", static_cast<int>(kind));
  return kind == ADDAX_STREAM ? Session::Kind::stream : Session::Kind::predict;
}

void check_input(const addax_session& own, std::size_t i, const addax_tensor& given) {
  const DType dtype = own.session.input_dtype(static_cast<int>(i));
  if (dtype_of(given.dtype) != dtype)
    fail(ErrorKind::type, "input ", i, " must be ", dtype, "; received ", dtype_of(given.dtype));
  if (given.data == nullptr && own.shapes[i].elements() > 0)
    fail(ErrorKind::value, "the data of input ", i, " are NULL");
}

void check_output(const addax_session& own, std::size_t i, const addax_buffer& given) {
  const int output = static_cast<int>(i);
  const Shape& shape = own.session.output_shape(output, own.shapes);
  const auto bytes = static_cast<std::size_t>(shape.elements() * addax::size_of(own.session.output_dtype(output)));
  if (given.data == nullptr && bytes > 0) fail(ErrorKind::value, "the data of output ", i, " are NULL");
  if (given.bytes < bytes)
    fail(ErrorKind::value, "output ", i, " of shape ", shape, " needs ", bytes, " bytes; received ", given.bytes);
}

using SessionStep = void (Session::*)(std::span<const Shape>, std::span<const void* const>, std::span<void* const>);

addax_status run_session(SessionStep step, addax_session* session, const addax_tensor* inputs, int32_t input_count,
                         const addax_buffer* outputs, int32_t output_count) noexcept {
  return guarded([&] {
    addax_session& own = need(session, "session");
    const auto given = need_array(inputs, input_count, "inputs");
    const auto wanted = need_array(outputs, output_count, "outputs");
    if (given.size() != own.inputs.size() || wanted.size() != own.outputs.size())
      fail(ErrorKind::value, "the session takes ", own.inputs.size(), " inputs and ", own.outputs.size(),
           " outputs; received ", given.size(), " and ", wanted.size());
    for (std::size_t i = 0; i < given.size(); ++i) own.shapes[i] = shape_of(given[i].shape);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      check_output(own, i, wanted[i]);
      own.outputs[i] = wanted[i].data;
    }
    for (std::size_t i = 0; i < given.size(); ++i) {
      check_input(own, i, given[i]);
      own.inputs[i] = given[i].data;
    }
    (own.session.*step)(own.shapes, own.inputs, own.outputs);
  });
}

}  // namespace

addax_status addax_session_create(const addax_model* model, addax_session_kind kind, const addax_shape* shapes,
                                  int32_t count, addax_session** session) {
  return addax_session_create_bounded(model, kind, shapes, shapes, count, session);
}

addax_status addax_session_create_bounded(const addax_model* model, addax_session_kind kind, const addax_shape* least,
                                          const addax_shape* most, int32_t count, addax_session** session) {
  return guarded([&] {
    addax_session*& result = need(session, "session");
    const Model& own = need(model, "model").model;
    std::vector<Shape> low = shapes_of(need_array(least, count, "shapes"));
    std::vector<Shape> high = shapes_of(need_array(most, count, "shapes"));
    result = new addax_session(Session(own, std::move(low), std::move(high), kind_of(kind)));
  });
}

void addax_session_free(addax_session* session) { delete session; }

addax_status addax_session_output_shape(const addax_session* session, int32_t output, const addax_shape* shapes,
                                        int32_t count, addax_shape* shape) {
  return guarded([&] {
    addax_shape& result = need(shape, "shape");
    const Session& own = need(session, "session").session;
    const std::vector<Shape> given = shapes_of(need_array(shapes, count, "shapes"));
    result = c_shape(shapes == nullptr ? own.output_shape(output) : own.output_shape(output, given));
  });
}

int64_t addax_session_bytes(const addax_session* session) {
  return guarded_or<int64_t>(-1, [&] { return need(session, "session").session.bytes(); });
}

addax_status addax_session_run(addax_session* session, const addax_tensor* inputs, int32_t input_count,
                               const addax_buffer* outputs, int32_t output_count) {
  return run_session(&Session::run, session, inputs, input_count, outputs, output_count);
}

addax_status addax_session_step(addax_session* session, const addax_tensor* inputs, int32_t input_count,
                                const addax_buffer* outputs, int32_t output_count) {
  return run_session(&Session::step, session, inputs, input_count, outputs, output_count);
}

addax_status addax_session_run_floats(addax_session* session, const float* input, float* output) {
  return guarded([&] { need(session, "session").session.run(&need(input, "input"), &need(output, "output")); });
}

addax_status addax_session_step_floats(addax_session* session, const float* input, float* output) {
  return guarded([&] { need(session, "session").session.step(&need(input, "input"), &need(output, "output")); });
}

addax_status addax_session_reset(addax_session* session) {
  return guarded([&] { need(session, "session").session.reset(); });
}
