#include "program/bound_plan.h"

#include <cstring>
#include <utility>

#include "ops/operation.h"

namespace addax {

BoundPlan::BoundPlan(const Program& program, Plan plan, char* arena)
    : program_(program), plan_(std::move(plan)), arena_(arena) {
  steps_.reserve(plan_.steps.size());
  for (const PlannedStep& step : plan_.steps) steps_.push_back(bind(step));
  collect_patches();
  profile_ = Profile::make(title(), describe_steps());
}

BoundPlan::BoundStep BoundPlan::bind(const PlannedStep& step) {
  BoundStep bound{step.operation, &step.attributes, {}, {}, nullptr, nullptr};
  for (const int slot : step.inputs) bound.inputs.push_back(buffer(slot));
  for (const int slot : step.outputs) bound.outputs.push_back(buffer(slot));
  if (step.workspace_bytes > 0) bound.workspace = arena_ + step.workspace_offset;
  if (step.operation->prepare != nullptr)
    bound.prepared = step.operation->prepare(Run(*step.operation, step.attributes, bound.inputs, bound.outputs));
  return bound;
}

Buffer BoundPlan::buffer(int slot) const {
  const std::size_t i = static_cast<std::size_t>(slot);
  return {address(place(slot)), program_.slots[i].spec.dtype, plan_.shapes[i]};
}

// Where a place is now; inputs, outputs and variables only while a run lasts.
void* BoundPlan::address(const Place& place) const {
  const std::size_t i = static_cast<std::size_t>(place.index);
  switch (place.home) {
    case Home::arena:
      return arena_ + place.offset;
    case Home::constant:
      return program_.constants[i].data();
    case Home::input:
      return addresses_.inputs == nullptr ? nullptr : const_cast<void*>(addresses_.inputs[i]);
    case Home::output:
      return addresses_.outputs == nullptr ? nullptr : addresses_.outputs[i];
    case Home::variable:
      return addresses_.variables == nullptr ? nullptr : addresses_.variables[i];
    case Home::none:
      break;
  }
  return nullptr;
}

void BoundPlan::collect_patches() {
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const auto collect = [&](const std::vector<int>& slots, std::vector<Buffer>& buffers) {
      for (std::size_t i = 0; i < slots.size(); ++i) {
        const Place& home = place(slots[i]);
        if (home.home == Home::input) inputs_.push_back({&buffers[i], home.index});
        if (home.home == Home::output) outputs_.push_back({&buffers[i], home.index});
        if (home.home == Home::variable) variables_.push_back({&buffers[i], home.index});
      }
    };
    collect(plan_.steps[s].inputs, steps_[s].inputs);
    collect(plan_.steps[s].outputs, steps_[s].outputs);
  }
}

void BoundPlan::take(const Addresses& addresses) {
  for (const Patch& patch : inputs_)
    patch.buffer->data = const_cast<void*>(addresses.inputs[static_cast<std::size_t>(patch.index)]);
  for (const Patch& patch : outputs_) patch.buffer->data = addresses.outputs[static_cast<std::size_t>(patch.index)];
  if (addresses.variables_version != addresses_.variables_version)
    for (const Patch& patch : variables_)
      patch.buffer->data = addresses.variables[static_cast<std::size_t>(patch.index)];
  addresses_ = addresses;
}

void BoundPlan::run(const Addresses& addresses) {
  take(addresses);
  if (profile_ == nullptr) {
    for (const BoundStep& step : steps_)
      if (!step.operation->traits.view) step.run();
  } else {
    run_profiled();
  }
  for (const Copy& c : plan_.staged) copy(c);
  for (const Copy& c : plan_.copies) copy(c);
}

void BoundPlan::copy(const Copy& c) const {
  const Place& from = c.staged >= 0 ? plan_.staged[static_cast<std::size_t>(c.staged)].to : place(c.slot);
  const std::size_t i = static_cast<std::size_t>(c.slot);
  const std::int64_t bytes = plan_.shapes[i].elements() * size_of(program_.slots[i].spec.dtype);
  if (bytes > 0) std::memcpy(address(c.to), address(from), static_cast<std::size_t>(bytes));
}

// ---- For profiles.

void BoundPlan::run_profiled() {
  profile_->count_run();
  for (std::size_t s = 0; s < steps_.size(); ++s)
    if (!steps_[s].operation->traits.view) profile_->time(s, [&] { steps_[s].run(); });
}

std::string BoundPlan::title() const {
  std::string out = text("program of ", steps_.size(), " steps, inputs");
  for (const int slot : program_.inputs) out += text(' ', plan_.shapes[static_cast<std::size_t>(slot)]);
  return out;
}

std::vector<ProfiledStep> BoundPlan::describe_steps() const {
  std::vector<ProfiledStep> described;
  for (const BoundStep& step : steps_) {
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

}  // namespace addax
