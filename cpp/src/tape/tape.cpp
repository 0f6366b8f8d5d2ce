#include "addax/tape.h"

#include <algorithm>

#include "addax/error.h"
#include "addax/ops.h"
#include "addax/program.h"
#include "ops/operation.h"

namespace addax {

struct Tape::Entry {
  const Operation* operation;  // nullptr: a custom gradient
  Attributes attributes;
  Values inputs, outputs;
  GradientFunction custom;
};

namespace {

thread_local std::vector<Tape*> active_tapes;

using GradientsById = std::unordered_map<std::uint64_t, Value>;

// Sums contributions: a value used twice gets both gradients.
void accumulate(GradientsById& gradients, const Value& value, const Value& contribution) {
  Value& total = gradients[value.id()];
  total = total ? ops::add(total, contribution) : contribution;
}

void check_gradient(const Operation& operation, const Value& input, const Value& gradient) {
  if (gradient.dims().size() != input.dims().size())
    fail(ErrorKind::runtime, "gradient of ", operation.name, ": an input of shape ", input.dims(),
         " got a gradient of shape ", gradient.dims());
}

// Takes the tape off the active list while it is walked, so that it does not write down its own walk.
class Pause {
 public:
  explicit Pause(Tape* tape) : saved_(active_tapes) { std::erase(active_tapes, tape); }
  ~Pause() { active_tapes = std::move(saved_); }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

 private:
  std::vector<Tape*> saved_;
};

}  // namespace

Tape::Tape(bool persistent, bool watch_variables) : persistent_(persistent), watch_variables_(watch_variables) {}

Tape::~Tape() { stop(); }

void Tape::start() {
  if (active()) fail(ErrorKind::value, "the tape is already recording");
  home_ = Recording::current();
  active_tapes.push_back(this);
}

void Tape::stop() { std::erase(active_tapes, this); }

bool Tape::active() const { return std::find(active_tapes.begin(), active_tapes.end(), this) != active_tapes.end(); }

void Tape::reset() {
  entries_.clear();
  watched_.clear();
  variables_.clear();
}

void Tape::watch(const Value& value) {
  if (!is_floating(value.dtype()))
    fail(ErrorKind::value, "only floating-point values can be watched; received ", value.spec());
  watched_.insert(value.id());
}

void Tape::add(Entry entry) {
  for (const Value& output : entry.outputs)
    if (is_floating(output.dtype())) watched_.insert(output.id());
  entries_.push_back(std::move(entry));
}

void Tape::write(const Operation& operation, const Attributes& attributes, std::span<const Value> inputs,
                 std::span<const Value> outputs) {
  if (operation.gradient == nullptr) return;
  for (Tape* tape : active_tapes) {
    const bool watched = std::any_of(inputs.begin(), inputs.end(), [&](const Value& v) { return tape->watches(v); });
    if (watched)
      tape->add({&operation, attributes, {inputs.begin(), inputs.end()}, {outputs.begin(), outputs.end()}, nullptr});
  }
}

void Tape::write_custom(const Values& inputs, const Values& outputs, GradientFunction gradient) {
  for (Tape* tape : active_tapes) {
    const bool watched = std::any_of(inputs.begin(), inputs.end(), [&](const Value& v) { return tape->watches(v); });
    if (watched) tape->add({nullptr, {}, inputs, outputs, gradient});
  }
}

void Tape::note_read(const VariablePtr& variable, const Value& value, const Recording* where) {
  for (Tape* tape : active_tapes) {
    if (tape->home_.get() != where) continue;
    Reads& reads = tape->variables_.try_emplace(variable.get(), Reads{variable, {}}).first->second;
    const bool seen = std::any_of(reads.values.begin(), reads.values.end(),
                                  [&](const Value& earlier) { return earlier.id() == value.id(); });
    if (!seen) reads.values.push_back(value);
    if (tape->watch_variables_ && variable->trainable() && is_floating(value.dtype()))
      tape->watched_.insert(value.id());
  }
}

bool Tape::any_active() { return !active_tapes.empty(); }

bool Tape::any_watches(const Value& value) {
  return std::any_of(active_tapes.begin(), active_tapes.end(), [&](const Tape* tape) { return tape->watches(value); });
}

Value Tape::value_of(const VariablePtr& variable) const {
  const auto it = variables_.find(variable.get());
  return it == variables_.end() ? Value() : it->second.values.front();
}

Values Tape::gradient_by(const Values& targets, const std::vector<Source>& sources, const Values& upstream) {
  Values values;
  std::vector<std::size_t> counts;
  for (const Source& source : sources) {
    const std::size_t before = values.size();
    if (const VariablePtr* variable = std::get_if<VariablePtr>(&source)) {
      const auto it = variables_.find(variable->get());
      if (it != variables_.end()) values.insert(values.end(), it->second.values.begin(), it->second.values.end());
    } else {
      values.push_back(std::get<Value>(source));
    }
    counts.push_back(values.size() - before);
  }
  const Values gradients = gradient(targets, values, upstream);
  const Pause pause(this);
  Values results;
  auto next = gradients.begin();
  for (const std::size_t count : counts) {
    Value total;
    for (std::size_t i = 0; i < count; ++i, ++next)
      if (*next) total = total ? ops::add(total, *next) : *next;
    results.push_back(total);
  }
  return results;
}

Values Tape::gradient(const Values& targets, const Values& sources, const Values& upstream) {
  const Pause pause(this);
  // Forward: which values depend on a source. Only their gradients are computed.
  std::unordered_set<std::uint64_t> needed;
  for (const Value& source : sources)
    if (source && watches(source)) needed.insert(source.id());
  std::vector<const Entry*> path;
  for (const Entry& entry : entries_) {
    const bool depends =
        std::any_of(entry.inputs.begin(), entry.inputs.end(), [&](const Value& v) { return needed.contains(v.id()); });
    if (!depends) continue;
    path.push_back(&entry);
    for (const Value& output : entry.outputs)
      if (is_floating(output.dtype())) needed.insert(output.id());
  }

  GradientsById gradients;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Value seed = i < upstream.size() && upstream[i] ? upstream[i] : ops::ones_like(targets[i]);
    accumulate(gradients, targets[i], seed);
  }
  for (auto it = path.rbegin(); it != path.rend(); ++it) {
    const Entry& entry = **it;
    Values incoming;
    bool any = false;
    for (const Value& output : entry.outputs) {
      const auto found = gradients.find(output.id());
      incoming.push_back(found == gradients.end() ? Value() : found->second);
      any = any || incoming.back();
    }
    if (!any) continue;
    std::vector<bool> wanted;
    for (const Value& input : entry.inputs) wanted.push_back(needed.contains(input.id()) && is_floating(input.dtype()));
    const Values outgoing = entry.custom ? entry.custom(incoming)
                                         : entry.operation->gradient({*entry.operation, entry.attributes, entry.inputs,
                                                                      entry.outputs, incoming, wanted});
    for (std::size_t i = 0; i < entry.inputs.size() && i < outgoing.size(); ++i) {
      if (!wanted[i] || !outgoing[i]) continue;
      if (entry.operation != nullptr) check_gradient(*entry.operation, entry.inputs[i], outgoing[i]);
      accumulate(gradients, entry.inputs[i], outgoing[i]);
    }
  }

  Values results;
  for (const Value& source : sources) {
    const auto found = source ? gradients.find(source.id()) : gradients.end();
    results.push_back(found == gradients.end() ? Value() : found->second);
  }
  if (!persistent_) reset();
  return results;
}

}  // namespace addax
