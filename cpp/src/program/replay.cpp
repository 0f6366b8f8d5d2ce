#include "addax/replay.h"

#include <algorithm>
#include <cstring>

#include "base/cpu.h"
#include "program/plan.h"
#include "program/profile.h"
#include "program/prologue.h"

namespace addax {
namespace {

struct BoundStep {
  const Operation* operation;
  const Attributes* attributes;
  std::vector<Buffer> inputs, outputs;
  void* workspace;
  std::shared_ptr<void> prepared;

  Run call() const { return Run(*operation, *attributes, inputs, outputs, workspace, prepared.get()); }
  void run() const { operation->run(call()); }
};

// An operand whose address the caller, or a variable, decides.
struct Patch {
  Buffer* buffer;
  int index;
};

}  // namespace

struct Replay::Impl {
  ProgramPtr program;
  Plan plan;
  std::shared_ptr<Storage> arena;
  std::vector<BoundStep> steps;
  std::vector<Patch> inputs, outputs, variables;
  std::vector<bool> assigned;                  // per variable
  std::vector<void*> variable_data;            // as bound last
  std::vector<std::shared_ptr<Storage>> held;  // the variables' memory while a run lasts
  std::vector<const void*> input_data;
  std::vector<void*> output_data;
  std::shared_ptr<Profile> profile;  // null unless asked for

  Impl(ProgramPtr p, std::span<const Shape> shapes, const Impl* other)
      : program(std::move(p)), plan(make_plan(*program, shapes)) {
    arena = other != nullptr && other->arena->bytes() >= plan.arena_bytes
                ? other->arena
                : Storage::allocate(plan.arena_bytes, [&] { return largest_value(); });
    assigned.assign(program->variables.size(), false);
    for (const Assignment& a : program->assignments) assigned[static_cast<std::size_t>(a.variable)] = true;
    variable_data.assign(program->variables.size(), nullptr);
    held.resize(program->variables.size());
    input_data.assign(program->inputs.size(), nullptr);
    output_data.assign(program->outputs.size(), nullptr);
    steps.reserve(plan.steps.size());
    for (const PlannedStep& step : plan.steps) steps.push_back(bind(step));
    collect_patches();
    profile = Profile::make(title(), describe_steps());
  }

  // ---- For profiles.

  std::string title() const {
    std::string out = text("program of ", steps.size(), " steps, inputs");
    for (const int slot : program->inputs) out += text(' ', plan.shapes[static_cast<std::size_t>(slot)]);
    return out;
  }

  std::vector<ProfiledStep> describe_steps() const {
    std::vector<ProfiledStep> described;
    for (const BoundStep& step : steps) {
      ProfiledStep d{step.operation->name, {}, 0, 0};
      for (const Buffer& b : step.inputs) d.shapes += text(b.shape, ' ');
      d.shapes += "->";
      for (const Buffer& b : step.outputs) d.shapes += text(' ', b.shape);
      for (const auto* buffers : {&step.inputs, &step.outputs})
        for (const Buffer& b : *buffers) d.bytes += b.bytes();
      if (step.operation->flops != nullptr) {
        d.flops = step.operation->flops(step.call());
      } else if (step.operation->traits.elementwise) {
        d.flops = step.outputs[0].elements();
      }
      described.push_back(std::move(d));
    }
    return described;
  }

  // What the arena is for, in words of its largest value.
  std::string largest_value() const {
    const Shape* largest = nullptr;
    const Operation* operation = nullptr;
    for (const PlannedStep& step : plan.steps) {
      for (const int slot : step.outputs) {
        const Shape& shape = plan.shapes[static_cast<std::size_t>(slot)];
        if (plan.places[static_cast<std::size_t>(slot)].home != Home::arena) continue;
        if (largest != nullptr && shape.elements() <= largest->elements()) continue;
        largest = &shape;
        operation = step.operation;
      }
    }
    if (largest == nullptr) return "the values of a program";
    return text("the values of a program, the largest of them the output of ", operation->name, ", of shape ", *largest,
                "; a smaller batch needs less");
  }

  BoundStep bind(const PlannedStep& step) {
    BoundStep bound{step.operation, &step.attributes, {}, {}, nullptr, nullptr};
    for (const int slot : step.inputs) bound.inputs.push_back(buffer(slot));
    for (const int slot : step.outputs) bound.outputs.push_back(buffer(slot));
    if (step.workspace_bytes > 0) bound.workspace = arena_at(step.workspace_offset);
    if (step.operation->prepare != nullptr)
      bound.prepared = step.operation->prepare(Run(*step.operation, step.attributes, bound.inputs, bound.outputs));
    return bound;
  }

  char* arena_at(std::int64_t offset) const { return static_cast<char*>(arena->data()) + offset; }
  const Place& place(int slot) const { return plan.places[static_cast<std::size_t>(slot)]; }

  Buffer buffer(int slot) const {
    const std::size_t i = static_cast<std::size_t>(slot);
    return {address(place(slot)), program->slots[i].spec.dtype, plan.shapes[i]};
  }

  // Where a place is now; inputs, outputs and variables as bound last.
  void* address(const Place& place) const {
    const std::size_t i = static_cast<std::size_t>(place.index);
    switch (place.home) {
      case Home::arena:
        return arena_at(place.offset);
      case Home::constant:
        return program->constants[i].data();
      case Home::input:
        return const_cast<void*>(input_data[i]);
      case Home::output:
        return output_data[i];
      case Home::variable:
        return variable_data[i];
      case Home::none:
        break;
    }
    return nullptr;
  }

  void collect_patches() {
    for (std::size_t s = 0; s < steps.size(); ++s) {
      const auto collect = [&](const std::vector<int>& slots, std::vector<Buffer>& buffers) {
        for (std::size_t i = 0; i < slots.size(); ++i) {
          const Place& home = place(slots[i]);
          if (home.home == Home::input) inputs.push_back({&buffers[i], home.index});
          if (home.home == Home::output) outputs.push_back({&buffers[i], home.index});
          if (home.home == Home::variable) variables.push_back({&buffers[i], home.index});
        }
      };
      collect(plan.steps[s].inputs, steps[s].inputs);
      collect(plan.steps[s].outputs, steps[s].outputs);
    }
  }

  // While a run lasts the variables' memory stays, whoever assigns them meanwhile.
  struct Release {
    std::vector<std::shared_ptr<Storage>>& held;
    ~Release() { std::fill(held.begin(), held.end(), nullptr); }
  };

  void bind_variables() {
    bool moved = false;
    for (std::size_t i = 0; i < variable_data.size(); ++i) {
      Variable& variable = *program->variables[i];
      held[i] = assigned[i] ? variable.hold_for_writing() : variable.hold();
      void* data = held[i]->data();
      moved = moved || data != variable_data[i];
      variable_data[i] = data;
    }
    if (!moved) return;
    for (const Patch& patch : variables) patch.buffer->data = variable_data[static_cast<std::size_t>(patch.index)];
  }

  void copy(const Copy& c) const {
    const Place& from = c.staged >= 0 ? plan.staged[static_cast<std::size_t>(c.staged)].to : place(c.slot);
    const std::size_t i = static_cast<std::size_t>(c.slot);
    const std::int64_t bytes = plan.shapes[i].elements() * size_of(program->slots[i].spec.dtype);
    if (bytes > 0) std::memcpy(address(c.to), address(from), static_cast<std::size_t>(bytes));
  }

  void run_profiled() {
    profile->count_run();
    for (std::size_t s = 0; s < steps.size(); ++s)
      if (!steps[s].operation->traits.view) profile->time(s, [&] { steps[s].run(); });
  }

  void run(std::span<const void* const> in, std::span<void* const> out) {
    if (in.size() != input_data.size() || out.size() != output_data.size())
      fail(ErrorKind::value, "the replay takes the addresses of ", input_data.size(), " inputs and ",
           output_data.size(), " outputs; received ", in.size(), " and ", out.size());
    if (program->prologue != nullptr) program->prologue->refresh();
    const FlushDenormals flush;
    const Release release{held};
    std::copy(in.begin(), in.end(), input_data.begin());
    std::copy(out.begin(), out.end(), output_data.begin());
    for (const Patch& patch : inputs)
      patch.buffer->data = const_cast<void*>(input_data[static_cast<std::size_t>(patch.index)]);
    for (const Patch& patch : outputs) patch.buffer->data = output_data[static_cast<std::size_t>(patch.index)];
    bind_variables();
    if (profile == nullptr) {
      for (const BoundStep& step : steps)
        if (!step.operation->traits.view) step.run();
    } else {
      run_profiled();
    }
    for (const Copy& c : plan.staged) copy(c);
    for (const Copy& c : plan.copies) copy(c);
    for (std::size_t i = 0; i < assigned.size(); ++i)
      if (assigned[i]) program->variables[i]->note_written();
  }
};

Replay::Replay(ProgramPtr program, std::span<const Shape> input_shapes)
    : impl_(std::make_unique<Impl>(std::move(program), input_shapes, nullptr)) {}
Replay::Replay(ProgramPtr program, std::span<const Shape> input_shapes, const Replay& other)
    : impl_(std::make_unique<Impl>(std::move(program), input_shapes, other.impl_.get())) {}
Replay::~Replay() = default;
Replay::Replay(Replay&&) noexcept = default;

const Shape& Replay::output_shape(int i) const {
  return impl_->plan.shapes[static_cast<std::size_t>(impl_->program->outputs[static_cast<std::size_t>(i)])];
}

DType Replay::output_dtype(int i) const {
  return impl_->program->slots[static_cast<std::size_t>(impl_->program->outputs[static_cast<std::size_t>(i)])]
      .spec.dtype;
}

int Replay::output_count() const { return static_cast<int>(impl_->program->outputs.size()); }
std::int64_t Replay::arena_bytes() const { return impl_->plan.arena_bytes; }
bool Replay::shares_memory_with(const Replay& other) const { return impl_->arena == other.impl_->arena; }
void Replay::run(std::span<const void* const> inputs, std::span<void* const> outputs) { impl_->run(inputs, outputs); }

}  // namespace addax
