// A walk over the recorded steps that keeps, for each value, whether it has a time axis and where. Products of sizes
// are kept apart ("merged axes"), since samples and time may trade places only by a transpose.
#include "program/stepwise.h"

#include "ops/recurrent.h"
#include "program/stepwise_rules.h"

namespace addax::stepwise {
namespace {

// ---- Loops over time.

bool speaks_of(const Program& program, std::string_view time);

bool speaks_of(const Attributes& attributes, std::string_view time) {
  return std::any_of(attributes.entries().begin(), attributes.entries().end(), [&](const auto& entry) {
    if (const auto* dims = std::get_if<Dims>(&entry.second)) return any_mentions(*dims, time);
    const auto* program = std::get_if<ProgramPtr>(&entry.second);
    return program != nullptr && speaks_of(**program, time);
  });
}

bool speaks_of(const Program& program, std::string_view time) {
  return std::any_of(program.slots.begin(), program.slots.end(),
                     [&](const Slot& slot) { return any_mentions(slot.spec.dims, time); }) ||
         std::any_of(program.steps.begin(), program.steps.end(),
                     [&](const Step& step) { return speaks_of(step.attributes, time); });
}

bool reads(const Program& program, int slot) {
  return std::find(program.outputs.begin(), program.outputs.end(), slot) != program.outputs.end() ||
         std::any_of(program.steps.begin(), program.steps.end(), [&](const Step& step) {
           return std::find(step.inputs.begin(), step.inputs.end(), slot) != step.inputs.end();
         });
}

// A loop goes over an axis that is time and nothing else, and carries nothing but states from one piece to the next.
void require_time(const Reading& r, int input, std::size_t axis) {
  const Layout& layout = r.in[at(input)].layout;
  for (std::size_t i = 0; i < layout.size(); ++i)
    if (r.timed(layout[i]) != (i == axis) || (i == axis && layout[i].size() != 1)) r.refuse("does not go through time");
}

std::vector<Place> by_dims(const Reading& r) {
  std::vector<Place> places;
  for (const int slot : r.step.outputs) {
    const Dims& dims = r.dims(slot);
    places.push_back(r.timed(dims) ? Place{Kind::timed, plain(dims)} : Place{Kind::last, {}});
  }
  return places;
}

std::vector<Place> recurrence(const Reading& r) {
  const ops::RecurrentInputs inputs(ops::cell_of(r.step.operation->name, r.attributes()),
                                    static_cast<int>(r.in.size()));
  if (r.attributes().flag("go_backwards")) r.refuse("goes backwards");
  for (int i = 0; i < static_cast<int>(r.in.size()); ++i) {
    const Kind kind = r.in[at(i)].kind;
    if (i == inputs.x || i == inputs.mask) {
      if (kind != Kind::timed) r.refuse("gets its input from the end of a sequence");
      require_time(r, i, 1);
    } else if (kind != (i == inputs.h || i == inputs.c ? Kind::state : Kind::fixed)) {
      r.refuse("does not begin with its own states");
    }
  }
  return by_dims(r);
}

std::vector<Place> scan(const Reading& r) {
  const Program& body = *r.attributes().program("body");
  const int carries = r.attributes().axis("carries"), sequences = r.attributes().axis("sequences");
  if (r.attributes().flag("reverse")) r.refuse("goes backwards");
  if (speaks_of(body, r.time)) r.refuse("asks how long the sequence is");
  for (int i = 0; i < static_cast<int>(r.in.size()); ++i) {
    const Kind kind = r.in[at(i)].kind;
    if (i >= carries && i < carries + sequences) {
      if (kind != Kind::timed) r.refuse("goes over something without time");
      require_time(r, i, 0);
    } else if (i >= carries ? kind != Kind::fixed
                            : kind != Kind::state && (kind != Kind::fixed || reads(body, body.inputs[at(i)]))) {
      r.refuse("does not begin with its own states");
    }
  }
  return by_dims(r);
}

bool is_loop(std::string_view name) {
  return name == "lstm" || name == "gru" || name == "simple_rnn" || name == "scan";
}

// ---- The walk.

class Walk {
 public:
  Walk(const Program& program, std::string_view time) : program_(program), time_(time), places_(program.slots.size()) {}

  // `position`: the axis of the outputs on which the pieces follow one another.
  void run(std::size_t position) {
    if (!program_.assignments.empty())
      fail(ErrorKind::unsupported, "a sequence in pieces would give something else: the model assigns variables");
    int states = 0;
    for (const int slot : program_.inputs) {
      const Dims& dims = program_.slots[at(slot)].spec.dims;
      const bool timed = any_mentions(dims, time_);
      states += !timed;
      places_[at(slot)] = timed ? Place{Kind::timed, plain(dims)} : Place{Kind::state, {}};
    }
    for (const Step& step : program_.steps) visit(step);
    check_outputs(program_.outputs.size() - std::min(at(states), program_.outputs.size()), position);
  }

 private:
  void visit(const Step& step) {
    Reading r{program_, step, {}, time_};
    for (const int slot : step.inputs) r.in.push_back(places_[at(slot)]);
    const std::vector<Place> out = places_of(r);
    for (std::size_t i = 0; i < out.size(); ++i) places_[at(step.outputs[i])] = out[i];
  }

  static std::vector<Place> places_of(const Reading& r) {
    const auto any = [&](Kind kind) {
      return std::any_of(r.in.begin(), r.in.end(), [&](const Place& place) { return place.kind == kind; });
    };
    const std::string_view name = r.step.operation->name;
    if (is_loop(name) && any(Kind::timed)) return name == "scan" ? scan(r) : recurrence(r);
    if (any(Kind::state)) r.refuse("looks into a state");
    if (!any(Kind::timed)) return without_time(r, any(Kind::last) ? Kind::last : Kind::fixed);
    if (any(Kind::last)) r.refuse("brings the end of a sequence back into it");
    const Rule rule = rule_of(*r.step.operation);
    if (rule == nullptr) r.refuse("may look elsewhere in time");
    std::vector<Place> places;
    for (Layout& layout : rule(r)) places.push_back({Kind::timed, std::move(layout)});
    return places;
  }

  // What is the same for every step may be given to each.
  static std::vector<Place> without_time(const Reading& r, Kind kind) {
    const std::string_view name = r.step.operation->name;
    if (kind == Kind::fixed && (name == "full" || name == "broadcast_to") && r.timed(r.out_dims(0)))
      return {{Kind::timed, plain(r.out_dims(0))}};
    if (speaks_of(r.attributes(), r.time)) r.refuse("asks how long the sequence is");
    for (const int slot : r.step.outputs)
      if (r.timed(r.dims(slot))) r.refuse("makes a sequence");
    return std::vector<Place>(r.step.outputs.size(), Place{kind, {}});
  }

  // The model's outputs have time at its position or not at all; the states are what the loops ended with.
  void check_outputs(std::size_t own, std::size_t position) const {
    for (std::size_t i = 0; i < program_.outputs.size(); ++i) {
      const Place& place = places_[at(program_.outputs[i])];
      bool fits = place.kind == Kind::last || (i < own && place.kind == Kind::fixed);
      if (i < own && place.kind == Kind::timed) {
        fits = place.layout.size() > position;
        for (std::size_t axis = 0; axis < place.layout.size(); ++axis) {
          const Axis& sizes = place.layout[axis];
          fits = fits && any_mentions(sizes, time_) == (axis == position) && (axis != position || sizes.size() == 1);
        }
      }
      if (!fits)
        fail(ErrorKind::unsupported, "a sequence in pieces would give something else: output ", i,
             " does not have time as its ", position == 0 ? "first" : "second", " axis");
    }
  }

  const Program& program_;
  const std::string_view time_;
  std::vector<Place> places_;
};

}  // namespace
}  // namespace addax::stepwise

void addax::require_stepwise(const Program& program, std::string_view time) { stepwise::Walk(program, time).run(1); }

std::string addax::independent_samples(const Program& program) {
  if (program.inputs.empty() || program.outputs.empty()) return {};
  const auto dims_of = [&](int slot) -> const Dims& { return program.slots[stepwise::at(slot)].spec.dims; };
  const Dims& first = dims_of(program.inputs[0]);
  if (first.empty() || first[0].known()) return {};
  const std::string samples = first[0].str();
  const auto counted = [&](int slot) {
    const Dims& dims = dims_of(slot);
    return !dims.empty() && dims[0] == first[0] &&
           std::none_of(dims.begin() + 1, dims.end(), [&](const Dim& dim) { return mentions(dim, samples); });
  };
  const auto fails = [](const Step& step) { return may_fail(*step.operation, step.attributes); };
  if (!std::all_of(program.inputs.begin(), program.inputs.end(), counted) ||
      !std::all_of(program.outputs.begin(), program.outputs.end(), counted) ||
      std::any_of(program.steps.begin(), program.steps.end(), fails))
    return {};
  try {
    stepwise::Walk(program, samples).run(0);
  } catch (const Error&) {  // the answer, not a fault
    return {};
  }
  return samples;
}
