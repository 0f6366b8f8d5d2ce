#include <algorithm>

#include "addax/error.h"
#include "addax/program.h"
#include "addax/tape.h"
#include "ops/operation.h"

namespace addax {
namespace {

thread_local std::shared_ptr<Recording> current_recording;

}  // namespace

std::shared_ptr<Recording> Recording::begin(Kind kind) {
  const std::shared_ptr<Recording> recording(new Recording(kind));
  recording->parent_ = current_recording;
  current_recording = recording;
  return recording;
}

std::shared_ptr<Recording> Recording::current() { return current_recording; }

void Recording::end() {
  if (current_recording.get() != this)
    fail(ErrorKind::runtime, "recordings must end in the order opposite to their beginnings");
  leave();
}

void Recording::leave() noexcept { current_recording = parent_; }

void Recording::require_open() const {
  if (finished_) fail(ErrorKind::runtime, "the recording has finished: nothing can be added to its program");
}

SuspendRecording::SuspendRecording() : saved_(std::move(current_recording)) { current_recording = nullptr; }
SuspendRecording::~SuspendRecording() { current_recording = std::move(saved_); }

Value Recording::input(const std::string& name, const Spec& spec) {
  require_open();
  const int slot = program_.add_slot(spec, SlotKind::input, static_cast<int>(program_.inputs.size()));
  program_.inputs.push_back(slot);
  program_.input_names.push_back(name);
  return Value(spec, shared_from_this(), slot);
}

// A value from outside becomes an input: the maker of this recording passes it in.
Value Recording::capture(const Value& outer, const std::string& name) {
  captured_.push_back(outer);
  return input(name, outer.spec());
}

int Recording::slot_of(const Value& value) {
  if (value.symbolic() && value.recording().get() == this) return value.slot();
  const auto found = foreign_.find(value.id());
  if (found != foreign_.end()) return found->second;
  // Concrete values are constants; in a body those that a gradient may be asked for come in as inputs.
  const bool constant =
      !value.symbolic() && (kind_ == Kind::program || (value.rank() == 0 && !Tape::any_watches(value)));
  int slot;
  if (constant) {
    slot = program_.add_slot(value.spec(), SlotKind::constant, static_cast<int>(program_.constants.size()));
    program_.constants.push_back(value.tensor());
    program_.constant_slots.push_back(slot);
  } else {
    bool outer = !value.symbolic();
    for (const Recording* r = parent_.get(); r != nullptr && !outer; r = r->parent_.get())
      outer = value.recording().get() == r;
    if (!outer)
      fail(ErrorKind::type,
           "a symbolic value of another recording is used in this one; programs exchange values through inputs, "
           "outputs and variables");
    slot = capture(value, text("captured_", captured_.size())).slot();
  }
  foreign_.emplace(value.id(), slot);
  return slot;
}

Values Recording::record(const Operation& operation, std::span<const Value> inputs, Attributes attributes,
                         const Specs& outputs) {
  require_open();
  Step step{&operation, std::move(attributes), {}, {}};
  for (const Value& value : inputs) step.inputs.push_back(slot_of(value));
  Values results;
  for (const Spec& spec : outputs) {
    const int slot = program_.add_slot(spec, SlotKind::step, static_cast<int>(program_.steps.size()));
    step.outputs.push_back(slot);
    results.emplace_back(spec, shared_from_this(), slot);
  }
  program_.steps.push_back(std::move(step));
  return results;
}

Value Recording::read(const VariablePtr& variable) {
  require_open();
  const auto found = variable_values_.find(variable.get());
  if (found != variable_values_.end()) {
    Tape::note_read(variable, found->second, this);
    return found->second;
  }
  Value value;
  int captured = -1;
  if (kind_ == Kind::body) {
    if (parent_ == nullptr) Tape::note_read(variable, variable->concrete(), nullptr);
    captured = static_cast<int>(captured_.size());
    value = capture(parent_ != nullptr ? parent_->read(variable) : variable->concrete(), variable->name());
  } else {
    const Spec spec{variable->dtype(), to_dims(variable->shape())};
    const int slot = program_.add_slot(spec, SlotKind::variable, static_cast<int>(program_.variables.size()));
    program_.variables.push_back(variable);
    program_.variable_slots.push_back(slot);
    value = Value(spec, shared_from_this(), slot);
  }
  variable_values_[variable.get()] = value;
  variables_seen_.push_back({variable, false, captured});
  Tape::note_read(variable, value, this);
  return value;
}

void Recording::assign(const VariablePtr& variable, const Value& value) {
  require_open();
  if (!variable_values_.contains(variable.get())) read(variable);
  for (Seen& seen : variables_seen_) seen.assigned = seen.assigned || seen.variable == variable;
  // As when it is assigned eagerly, what the variable holds now is a value of its own to tapes, whatever it was
  // computed from: gradients by the variable do not count other uses of `value`, and none flow on.
  variable_values_[variable.get()] = Value(value.spec(), shared_from_this(), slot_of(value));
}

std::vector<Recording::Assigned> Recording::assigned() const {
  std::vector<Assigned> result;
  for (const Seen& seen : variables_seen_)
    if (seen.assigned) result.push_back({seen.variable, variable_values_.at(seen.variable.get()), seen.captured});
  return result;
}

ProgramPtr Recording::finish(const Values& outputs) {
  require_open();
  for (const Value& output : outputs) program_.outputs.push_back(slot_of(output));
  if (kind_ == Kind::program) {
    for (const Assigned& a : assigned()) {
      const auto it = std::find(program_.variables.begin(), program_.variables.end(), a.variable);
      program_.assignments.push_back({static_cast<int>(it - program_.variables.begin()), a.value.slot()});
    }
  }
  finished_ = true;
  return std::make_shared<const Program>(std::move(program_));
}

}  // namespace addax
