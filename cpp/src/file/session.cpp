#include "addax/session.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/status_of.h"
#include "file/model_impl.h"
#include "program/prologue.h"

namespace addax {
namespace {

// A dimension that the model leaves open: where it is read from, and between which bounds it may be.
struct Open {
  std::string name;
  std::size_t input;
  int axis;
  std::int64_t least, most;
  std::int64_t count() const { return most - least + 1; }
};

std::string title_of(Session::Kind kind) { return kind == Session::Kind::stream ? "stream" : "predict"; }

// The open dimensions of the first `count` inputs, each once.
std::vector<Open> find_open(const Program& program, std::size_t count, std::span<const Shape> least,
                            std::span<const Shape> most) {
  const Specs specs = program.input_specs();
  if (least.size() != count || most.size() != count)
    fail(ErrorKind::value, "a session needs the shapes of ", count, " inputs; received ", least.size());
  std::vector<Open> open;
  for (std::size_t i = 0; i < count; ++i) {
    const Dims& dims = specs[i].dims;
    if (least[i].rank() != static_cast<int>(dims.size()) || most[i].rank() != least[i].rank())
      fail(ErrorKind::value, "input '", program.input_names[i], "' has shape ", dims, "; received ", least[i]);
    for (int axis = 0; axis < least[i].rank(); ++axis) {
      const Dim& dim = dims[static_cast<std::size_t>(axis)];
      const std::int64_t low = least[i][axis], high = most[i][axis];
      if (low > high || low < 0)
        fail(ErrorKind::value, "input '", program.input_names[i], "', axis ", axis, ": the bounds are ", low, " and ",
             high);
      if (dim.known() && !(dim == low && dim == high))
        fail(ErrorKind::value, "input '", program.input_names[i], "' has shape ", dims, "; received ",
             dim == low ? most[i] : least[i]);
      if (dim.known()) continue;
      if (high - low >= Session::kMaxPlans)
        fail(ErrorKind::value, "input '", program.input_names[i], "', axis ", axis, ": a session keeps at most ",
             Session::kMaxPlans, " plans; the bounds ", low, " and ", high, " ask for more");
      const std::string name = dim.str();
      const auto seen = std::find_if(open.begin(), open.end(), [&](const Open& o) { return o.name == name; });
      if (seen == open.end()) {
        open.push_back({name, i, axis, low, high});
      } else if (seen->least != low || seen->most != high) {
        fail(ErrorKind::value, "input '", program.input_names[i], "', axis ", axis, ", has the size '", name,
             "' of input '", program.input_names[seen->input], "', axis ", seen->axis, "; received ", high, " and ",
             seen->most);
      }
    }
  }
  return open;
}

// Kernels read and write whole elements.
void check_address(const void* address, DType dtype, const Shape& shape, const char* what, const std::string& name) {
  const auto place = reinterpret_cast<std::uintptr_t>(address), size = static_cast<std::uintptr_t>(size_of(dtype));
  if (address == nullptr && shape.elements() > 0)
    fail(ErrorKind::value, "the address of ", what, " '", name, "' is null; its shape is ", shape);
  if (place % size != 0)
    fail(ErrorKind::value, "the address of ", what, " '", name, "' is not aligned for ", dtype,
         ": it must be a multiple of ", size, "; received a multiple of ", place & (~place + 1));
}

}  // namespace

struct Session::Impl {
  struct Plan {
    std::vector<Shape> shapes;  // of the model's inputs
    Replay replay;
  };

  std::shared_ptr<ModelImpl> model;
  Kind kind;
  const ModelProgram* program;
  ProgramPtr optimized;
  std::vector<Open> open;
  std::vector<Plan> plans;  // for every combination of open sizes; the first dimension varies slowest
  std::size_t inputs, outputs, states;
  std::vector<DType> input_dtypes;
  // Of a stream: what the next step begins with, what it leaves, and what the first begins with.
  std::vector<Tensor> state, fresh, zeros;
  std::int64_t bytes = 0;
  bool floats;  // one input and one output, both float32
  std::vector<const void*> in;
  std::vector<void*> out;

  Impl(std::shared_ptr<ModelImpl> m, std::span<const Shape> least, std::span<const Shape> most, Kind k)
      : model(std::move(m)), kind(k), program(&model->program(title_of(k))) {
    states = program->states;
    inputs = program->recorded->inputs.size() - states;
    outputs = program->recorded->outputs.size() - states;
    optimized = model->executable(title_of(k)).program();
    open = find_open(*program->recorded, inputs, least, most);
    std::int64_t count = 1;
    for (const Open& o : open) {
      if (kind == Kind::stream && o.axis == 0 && o.count() != 1)
        fail(ErrorKind::value, "the batch of a stream is fixed; received bounds ", o.least, " and ", o.most);
      count = checked_mul(count, o.count());
    }
    if (count > kMaxPlans)
      fail(ErrorKind::value, "a session keeps at most ", kMaxPlans, " plans; these bounds ask for ", count);
    make_plans(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < states; ++i) {
      const Replay& replay = plans[0].replay;
      const int output = static_cast<int>(outputs + i);
      for (auto* tensors : {&state, &fresh, &zeros})
        tensors->push_back(Tensor::zeros(replay.output_dtype(output), replay.output_shape(output)));
      bytes += 3 * zeros.back().bytes();
    }
    for (const Spec& spec : program->recorded->input_specs()) input_dtypes.push_back(spec.dtype);
    floats = inputs == 1 && outputs == 1 && input_dtypes[0] == DType::float32 &&
             plans[0].replay.output_dtype(0) == DType::float32;
    in.resize(inputs + states);
    out.resize(outputs + states);
  }

  // The largest first: the others compute in its memory.
  void make_plans(std::size_t count) {
    const Specs specs = optimized->input_specs();
    std::vector<std::optional<Plan>> made(count);
    const Replay* largest = nullptr;
    for (std::size_t i = count; i-- > 0;) {
      Bindings sizes;
      std::size_t rest = i;
      for (std::size_t d = open.size(); d-- > 0;) {
        const auto n = static_cast<std::size_t>(open[d].count());
        sizes[open[d].name] = open[d].least + static_cast<std::int64_t>(rest % n);
        rest /= n;
      }
      std::vector<Shape> shapes;
      for (const Spec& spec : specs) shapes.push_back(evaluate(spec.dims, sizes));
      const std::span<const Shape> own(shapes.data(), inputs);
      made[i].emplace(Plan{{own.begin(), own.end()},
                           largest == nullptr ? Replay(optimized, shapes) : Replay(optimized, shapes, *largest)});
      check_states(shapes, made[i]->replay, *made[count - 1]);
      const Replay& replay = made[i]->replay;
      if (largest == nullptr || !replay.shares_memory_with(*largest)) bytes += replay.arena_bytes();
      if (largest == nullptr || replay.arena_bytes() > largest->arena_bytes()) largest = &replay;
    }
    plans.reserve(count);
    for (std::optional<Plan>& plan : made) plans.push_back(std::move(*plan));
    // Packed weights are made now, not by the first run; the second look sees that nothing else was written.
    if (optimized->prologue != nullptr)
      for (int i = 0; i < 2; ++i) optimized->prologue->refresh();
    if (optimized->assignments.empty())
      for (Plan* plan : {&plans.front(), &plans.back()}) run_on_zeros(specs, plan->replay, plan->shapes);
  }

  // What a first run costs besides its arithmetic: the scratch memory of this thread and of the kernels' helpers.
  void run_on_zeros(const Specs& specs, Replay& replay, std::span<const Shape> shapes) const {
    std::vector<Tensor> tensors;
    std::vector<const void*> zeros;
    std::vector<void*> results;
    for (int i = 0; i < replay.output_count(); ++i) {
      tensors.emplace_back(replay.output_dtype(i), replay.output_shape(i));
      results.push_back(tensors.back().data());
    }
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const std::size_t state_output = outputs + i - inputs;  // a state goes out as it comes in
      const Shape& shape = i < inputs ? shapes[i] : replay.output_shape(static_cast<int>(state_output));
      tensors.push_back(Tensor::zeros(specs[i].dtype, shape));
      zeros.push_back(tensors.back().data());
    }
    try {
      replay.run(zeros, results);
    } catch (const Error&) {  // zeros may be no valid indices
    }
  }

  // What goes out as a state comes in with the next step, whichever plan that takes.
  void check_states(std::span<const Shape> shapes, const Replay& replay, const Plan& first) const {
    const Specs specs = program->recorded->input_specs();
    for (std::size_t i = 0; i < states; ++i) {
      const int output = static_cast<int>(outputs + i);
      const Shape& in = shapes[inputs + i];
      if (in != replay.output_shape(output) || in != first.replay.output_shape(output) ||
          specs[inputs + i].dtype != replay.output_dtype(output))
        fail(ErrorKind::value, "model '", model->name, "' cannot be streamed: '",
             program->recorded->input_names[inputs + i], "' is ", specs[inputs + i].dtype, in, " before a step and ",
             replay.output_dtype(output), replay.output_shape(output), " after it");
    }
  }

  // The plan whose open sizes these shapes have; nullptr if a size is out of bounds.
  Plan* find_plan(std::span<const Shape> shapes) {
    std::size_t index = 0;
    for (const Open& o : open) {
      const Shape& shape = shapes[o.input];
      if (o.axis >= shape.rank() || shape[o.axis] < o.least || shape[o.axis] > o.most) return nullptr;
      index = index * static_cast<std::size_t>(o.count()) + static_cast<std::size_t>(shape[o.axis] - o.least);
    }
    return &plans[index];
  }

  Plan& plan_for(std::span<const Shape> shapes) {
    Plan* const plan = shapes.size() == inputs ? find_plan(shapes) : nullptr;
    if (plan != nullptr && std::equal(shapes.begin(), shapes.end(), plan->shapes.begin())) return *plan;
    std::string received, bounds;
    for (const Shape& s : shapes) received += text(' ', s);
    for (std::size_t i = 0; i < inputs; ++i)
      bounds += text(' ', plans.front().shapes[i], " to ", plans.back().shapes[i]);
    fail(ErrorKind::value, "the session was made for inputs of", bounds, "; received", received);
  }

  Plan& only_plan() {
    if (plans.size() == 1) return plans[0];
    fail(ErrorKind::value, "the session was made for ", plans.size(),
         " combinations of sizes: say which, with the shapes");
  }

  void check(const Plan& plan, std::span<const void* const> given, std::span<void* const> wanted) const {
    if (given.size() != inputs || wanted.size() != outputs)
      fail(ErrorKind::value, "the session takes the addresses of ", inputs, " inputs and ", outputs,
           " outputs; received ", given.size(), " and ", wanted.size());
    for (std::size_t i = 0; i < inputs; ++i)
      check_address(given[i], input_dtypes[i], plan.shapes[i], "input", program->recorded->input_names[i]);
    for (std::size_t i = 0; i < outputs; ++i) {
      const int output = static_cast<int>(i);
      check_address(wanted[i], plan.replay.output_dtype(output), plan.replay.output_shape(output), "output",
                    program->outputs[i]);
    }
  }

  // From one of `state` and `zeros` on. What fails leaves the state as it was.
  void go_on(const std::vector<Tensor>& from, Plan& plan, std::span<const void* const> given,
             std::span<void* const> wanted) {
    check(plan, given, wanted);
    std::copy(given.begin(), given.end(), in.begin());
    std::copy(wanted.begin(), wanted.end(), out.begin());
    for (std::size_t i = 0; i < states; ++i) {
      in[inputs + i] = from[i].data();
      out[outputs + i] = fresh[i].data();
    }
    {
      const auto turn = model->take_turn(*optimized);
      plan.replay.run(in, out);
    }
    state.swap(fresh);
  }

  void run(Plan& plan, std::span<const void* const> given, std::span<void* const> wanted) {
    go_on(zeros, plan, given, wanted);
  }

  void step(Plan& plan, std::span<const void* const> given, std::span<void* const> wanted) {
    if (kind != Kind::stream)
      fail(ErrorKind::unsupported, "the session was made to predict: one of Session::Kind::stream can be stepped");
    go_on(state, plan, given, wanted);
  }

  void reset() {
    for (const Tensor& s : state) std::memset(s.data(), 0, static_cast<std::size_t>(s.bytes()));
  }

  void require_output(int output) const {
    if (output < 0 || static_cast<std::size_t>(output) >= outputs)
      fail(ErrorKind::index, "output ", output, " of ", outputs);
  }

  void require_floats() const {
    if (!floats)
      fail(ErrorKind::type, "model '", model->name, "' does not have one float32 input and one float32 output");
  }
};

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::Session(const Model& model, std::vector<Shape> shapes, Kind kind)
    : impl_(std::make_unique<Impl>(model.impl_, shapes, shapes, kind)) {}
Session::Session(const Model& model, std::vector<Shape> least, std::vector<Shape> most, Kind kind)
    : impl_(std::make_unique<Impl>(model.impl_, least, most, kind)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Expected<Session> Session::try_make(const Model& model, std::vector<Shape> shapes, Kind kind) noexcept {
  return expected<Session>([&] { return Session(model, std::move(shapes), kind); });
}

Expected<Session> Session::try_make(const Model& model, std::vector<Shape> least, std::vector<Shape> most,
                                    Kind kind) noexcept {
  return expected<Session>([&] { return Session(model, std::move(least), std::move(most), kind); });
}

int Session::input_count() const { return static_cast<int>(impl_->inputs); }
int Session::output_count() const { return static_cast<int>(impl_->outputs); }

DType Session::input_dtype(int input) const {
  if (input < 0 || input >= input_count()) fail(ErrorKind::index, "input ", input, " of ", impl_->inputs);
  return impl_->input_dtypes[static_cast<std::size_t>(input)];
}

DType Session::output_dtype(int output) const {
  impl_->require_output(output);
  return impl_->plans.back().replay.output_dtype(output);
}

const Shape& Session::output_shape(int output) const {
  impl_->require_output(output);
  return impl_->plans.back().replay.output_shape(output);
}

const Shape& Session::output_shape(int output, std::span<const Shape> inputs) const {
  impl_->require_output(output);
  return impl_->plan_for(inputs).replay.output_shape(output);
}

std::int64_t Session::bytes() const { return impl_->bytes; }

void Session::run(std::span<const void* const> inputs, std::span<void* const> outputs) {
  impl_->run(impl_->only_plan(), inputs, outputs);
}

void Session::run(std::span<const Shape> shapes, std::span<const void* const> inputs, std::span<void* const> outputs) {
  impl_->run(impl_->plan_for(shapes), inputs, outputs);
}

void Session::step(std::span<const void* const> inputs, std::span<void* const> outputs) {
  impl_->step(impl_->only_plan(), inputs, outputs);
}

void Session::step(std::span<const Shape> shapes, std::span<const void* const> inputs, std::span<void* const> outputs) {
  impl_->step(impl_->plan_for(shapes), inputs, outputs);
}

void Session::reset() { impl_->reset(); }

void Session::run(const float* input, float* output) {
  impl_->require_floats();
  const void* const in = input;
  void* const out = output;
  run(std::span(&in, 1), std::span(&out, 1));
}

void Session::step(const float* input, float* output) {
  impl_->require_floats();
  const void* const in = input;
  void* const out = output;
  step(std::span(&in, 1), std::span(&out, 1));
}

Status Session::try_run(std::span<const void* const> inputs, std::span<void* const> outputs) noexcept {
  return status_of([&] { run(inputs, outputs); });
}

Status Session::try_run(std::span<const Shape> shapes, std::span<const void* const> inputs,
                        std::span<void* const> outputs) noexcept {
  return status_of([&] { run(shapes, inputs, outputs); });
}

Status Session::try_run(const float* input, float* output) noexcept {
  return status_of([&] { run(input, output); });
}

Status Session::try_step(std::span<const void* const> inputs, std::span<void* const> outputs) noexcept {
  return status_of([&] { step(inputs, outputs); });
}

Status Session::try_step(std::span<const Shape> shapes, std::span<const void* const> inputs,
                         std::span<void* const> outputs) noexcept {
  return status_of([&] { step(shapes, inputs, outputs); });
}

Status Session::try_step(const float* input, float* output) noexcept {
  return status_of([&] { step(input, output); });
}

}  // namespace addax
