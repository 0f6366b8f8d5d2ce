// A walk over the recorded steps that keeps, for each value, whether it has a time axis and where. Products of sizes
// are kept apart ("merged axes"), since samples and time may trade places only by a transpose.
#include "program/stepwise.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "addax/error.h"
#include "ops/operation.h"
#include "ops/recurrent.h"
#include "tensor/unknowns.h"

namespace addax {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

bool any_mentions(const Dims& dims, std::string_view unknown) {
  return std::any_of(dims.begin(), dims.end(), [&](const Dim& dim) { return mentions(dim, unknown); });
}

enum class Kind {
  fixed,  // the same for every piece
  state,  // what the piece before left
  timed,  // something for each step in time
  last    // of the steps so far: only the last piece's counts
};

using Axis = Dims;  // the sizes that were merged into it, the slowest first
using Layout = std::vector<Axis>;

struct Place {
  Kind kind = Kind::fixed;
  Layout layout = {};  // of what is timed
};

Layout plain(const Dims& dims) {
  Layout layout;
  for (const Dim& dim : dims) layout.push_back({dim});
  return layout;
}

// A step of the program as the rules see it. Inputs are timed or fixed, at least one of them timed.
struct Reading {
  const Program& program;
  const Step& step;
  std::vector<Place> in;
  std::string_view time;

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(ErrorKind::unsupported, "a sequence in pieces would give something else: '", step.operation->name, "' ",
         parts...);
  }
  const Dims& dims(int slot) const { return program.slots[at(slot)].spec.dims; }
  const Dims& in_dims(int i) const { return dims(step.inputs[at(i)]); }
  const Dims& out_dims(int i) const { return dims(step.outputs[at(i)]); }
  int rank(int i) const { return static_cast<int>(in_dims(i).size()); }
  bool timed(int i) const { return in[at(i)].kind == Kind::timed; }
  bool timed(const Dim& dim) const { return mentions(dim, time); }
  bool timed(const Dims& dims) const { return any_mentions(dims, time); }
  const Attributes& attributes() const { return step.attributes; }
};

// Where the axes of a result come from: `from[i]` is the input's axis that axis i goes on with; -1: none.
Layout moved(const Reading& r, int input, const std::vector<int>& from, const Dims& out) {
  const Layout& layout = r.in[at(input)].layout;
  Layout result = plain(out);
  std::vector<bool> kept(layout.size(), false);
  for (const int axis : from)
    if (axis >= 0) kept[at(axis)] = true;
  for (std::size_t axis = 0; axis < layout.size(); ++axis)
    if (!kept[axis] && r.timed(layout[axis])) r.refuse("works along time");
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (from[i] < 0) {
      if (r.timed(out[i])) r.refuse("makes an axis of time");
      continue;
    }
    const Axis& axis = layout[at(from[i])];
    if (!r.timed(axis)) continue;
    if (!(out[i] == product(axis))) r.refuse("changes the number of steps");
    result[i] = axis;
  }
  return result;
}

// Several inputs' layouts of one result: where two have time, they have it in the same way.
Layout together(const Reading& r, const std::vector<Layout>& layouts) {
  Layout result = layouts.front();
  for (const Layout& other : layouts)
    for (std::size_t axis = 0; axis < result.size(); ++axis) {
      if (!r.timed(other[axis])) continue;
      if (r.timed(result[axis]) && !(result[axis] == other[axis])) r.refuse("joins axes of time that differ");
      result[axis] = other[axis];
    }
  return result;
}

// Axes from `first` of `rank` on, counted from the last: as broadcasting aligns them.
std::vector<int> aligned(std::size_t out_rank, int rank) {
  std::vector<int> from(out_rank);
  for (std::size_t i = 0; i < out_rank; ++i)
    from[i] = std::max(static_cast<int>(i) - static_cast<int>(out_rank) + rank, -1);
  return from;
}

std::vector<int> all_but(int rank, int axis) {
  std::vector<int> from(at(rank));
  for (int i = 0; i < rank; ++i) from[at(i)] = i == axis ? -1 : i;
  return from;
}

// ---- One rule for each kind of operation: the layouts of the outputs.

using Layouts = std::vector<Layout>;

Layouts aligned_inputs(const Reading& r) {
  std::vector<Layout> layouts;
  const Dims& out = r.out_dims(0);
  for (int i = 0; i < static_cast<int>(r.in.size()); ++i)
    if (r.timed(i)) layouts.push_back(moved(r, i, aligned(out.size(), r.rank(i)), out));
  return {together(r, layouts)};
}

Layouts reduction(const Reading& r) {
  const bool keep = r.attributes().flag("keepdims");
  const std::vector<std::int64_t> axes = r.attributes().has("axes")
                                             ? r.attributes().integers("axes")
                                             : std::vector<std::int64_t>{r.attributes().integer("axis")};
  std::vector<int> from;
  for (int axis = 0; axis < r.rank(0); ++axis) {
    const bool reduced = std::find(axes.begin(), axes.end(), axis) != axes.end();
    if (!reduced || keep) from.push_back(reduced ? -1 : axis);
  }
  return {moved(r, 0, from, r.out_dims(0))};
}

// Along one axis, which stays or takes another size.
Layouts along_axis(const Reading& r) {
  return {moved(r, 0, all_but(r.rank(0), r.attributes().axis("axis")), r.out_dims(0))};
}

Layouts top_k(const Reading& r) {
  const std::vector<int> from = all_but(r.rank(0), r.rank(0) - 1);
  return {moved(r, 0, from, r.out_dims(0)), moved(r, 0, from, r.out_dims(1))};
}

Layouts normalization(const Reading& r) {
  if (!r.timed(0)) r.refuse("has parameters that change in time");
  for (std::size_t i = 1; i < r.in.size(); ++i)
    if (r.timed(static_cast<int>(i))) r.refuse("has parameters that change in time");
  Layouts layouts{moved(r, 0, all_but(r.rank(0), r.rank(0) - 1), r.out_dims(0))};
  const Layout rows(layouts[0].begin(), layouts[0].end() - 1);
  layouts.resize(r.step.outputs.size(), rows);
  return layouts;
}

Layouts matmul(const Reading& r) {
  if (!r.timed(0) || r.timed(1)) r.refuse("has a second operand that changes in time");
  if (r.attributes().flag("transpose_a")) r.refuse("sums over rows");
  const Dims& out = r.out_dims(0);
  std::vector<int> from = aligned(out.size(), r.rank(0));
  from.back() = -1;
  return {moved(r, 0, from, out)};
}

// A convolution whose windows are single pixels is a product.
Layouts conv(const Reading& r) {
  const int rank = r.rank(0);
  if (!r.timed(0) || r.timed(1)) r.refuse("has a kernel that changes in time");
  for (int axis = 0; axis < rank - 2; ++axis)
    if (!(r.in_dims(1)[at(axis)] == 1)) r.refuse("has windows that reach over several steps");
  for (const char* name : {"strides", "pads"})
    for (const std::int64_t n : r.attributes().integers(name))
      if (n != (name[0] == 's')) r.refuse("skips steps, or pads them");
  return {moved(r, 0, all_but(rank, rank - 1), r.out_dims(0))};
}

Layouts transpose(const Reading& r) {
  std::vector<int> from;
  for (const std::int64_t axis : r.attributes().integers("perm")) from.push_back(static_cast<int>(axis));
  return {moved(r, 0, from, r.out_dims(0))};
}

// The smallest groups of old and new sizes with equal products; in one with time, sizes are merged or stay.
Layouts reshape(const Reading& r) {
  Axis old;
  for (const Axis& axis : r.in[0].layout)
    std::copy_if(axis.begin(), axis.end(), std::back_inserter(old), [](const Dim& dim) { return !(dim == 1); });
  const Dims& out = r.out_dims(0);
  Layout result;
  std::size_t used = 0;
  const auto group = [&](std::size_t olds, std::size_t news) {
    if (used + olds > old.size() || result.size() + news > out.size()) return false;
    const auto from = old.begin() + static_cast<std::ptrdiff_t>(used);
    const auto to = out.begin() + static_cast<std::ptrdiff_t>(result.size());
    const Axis before(from, from + static_cast<std::ptrdiff_t>(olds));
    const Dims after(to, to + static_cast<std::ptrdiff_t>(news));
    if (!(product(before) == product(after))) return false;
    if (news > 1 && r.timed(before)) r.refuse("cuts steps in pieces");
    used += olds;
    if (news == 1) {
      result.push_back(before);
    } else {
      for (const Dim& dim : after) result.push_back({dim});
    }
    return true;
  };
  const auto smallest = [&] {
    const std::size_t most = old.size() - used + out.size() - result.size();
    for (std::size_t size = 2; size <= most; ++size)
      for (std::size_t olds = 1; olds < size; ++olds)
        if (group(olds, size - olds)) return true;
    return false;
  };
  while (result.size() < out.size()) {
    if (out[result.size()] == 1) {
      result.push_back({Dim(1)});
    } else if (!smallest()) {
      r.refuse("mixes steps with other axes");
    }
  }
  if (used != old.size()) r.refuse("mixes steps with other axes");
  return {result};
}

Layouts gather(const Reading& r) {
  const int axis = r.attributes().axis("axis"), indices = r.rank(1);
  std::vector<int> of_table, of_indices;
  for (int i = 0; i < static_cast<int>(r.out_dims(0).size()); ++i) {
    const bool from_indices = i >= axis && i < axis + indices;
    of_indices.push_back(from_indices ? i - axis : -1);
    of_table.push_back(i < axis ? i : from_indices ? -1 : i - indices + 1);
  }
  if (r.timed(0) && r.timed(1)) r.refuse("looks into the sequence");
  return {r.timed(0) ? moved(r, 0, of_table, r.out_dims(0)) : moved(r, 1, of_indices, r.out_dims(0))};
}

Layouts one_hot(const Reading& r) {
  std::vector<int> from;
  const int axis = r.attributes().axis("axis"), rank = r.rank(0) + 1, made = axis < 0 ? axis + rank : axis;
  for (int i = 0; i < rank; ++i) from.push_back(i == made ? -1 : i - (i > made));
  return {moved(r, 0, from, r.out_dims(0))};
}

Layouts concatenate(const Reading& r) {
  std::vector<Layout> layouts;
  for (int i = 0; i < static_cast<int>(r.in.size()); ++i) {
    if (!r.timed(i)) r.refuse("joins the sequence with what has no time");
    layouts.push_back(moved(r, i, all_but(r.rank(i), r.attributes().axis("axis")), r.out_dims(0)));
  }
  return {together(r, layouts)};
}

Layouts slice(const Reading& r) {
  const Attributes& a = r.attributes();
  std::vector<int> from;
  for (int axis = 0; axis < r.rank(0); ++axis) {
    const bool whole = a.dims("start")[at(axis)] == 0 && a.dims("stop")[at(axis)] == r.in_dims(0)[at(axis)] &&
                       a.integers("step")[at(axis)] == 1;
    from.push_back(whole ? axis : -1);
  }
  return {moved(r, 0, from, r.out_dims(0))};
}

Layouts pad(const Reading& r) {
  std::vector<int> from;
  for (int axis = 0; axis < r.rank(0); ++axis) {
    const bool none = r.attributes().dims("low")[at(axis)] == 0 && r.attributes().dims("high")[at(axis)] == 0;
    from.push_back(none ? axis : -1);
  }
  return {moved(r, 0, from, r.out_dims(0))};
}

using Rule = Layouts (*)(const Reading&);

// The rule of an operation that is not element-wise; nullptr if it is not known.
Rule rule_of(std::string_view operation) {
  static const std::map<std::string_view, Rule> rules = {
      {"sum", reduction},
      {"mean", reduction},
      {"max", reduction},
      {"min", reduction},
      {"prod", reduction},
      {"any", reduction},
      {"all", reduction},
      {"logsumexp", reduction},
      {"argmax", reduction},
      {"argmin", reduction},
      {"softmax", along_axis},
      {"log_softmax", along_axis},
      {"sort", along_axis},
      {"argsort", along_axis},
      {"cumsum", along_axis},
      {"cumprod", along_axis},
      {"top_k", top_k},
      {"layer_normalization", normalization},
      {"matmul", matmul},
      {"conv", conv},
      {"rms_normalization", normalization},
      {"transpose", transpose},
      {"reshape", reshape},
      {"broadcast_to", aligned_inputs},
      {"gather", gather},
      {"one_hot", one_hot},
      {"concatenate", concatenate},
      {"slice", slice},
      {"pad", pad},
  };
  const auto it = rules.find(operation);
  return it == rules.end() ? nullptr : it->second;
}

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

  void run() {
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
    check_outputs(program_.outputs.size() - std::min(at(states), program_.outputs.size()));
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
    const Rule rule = r.step.operation->traits.elementwise ? aligned_inputs : rule_of(name);
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

  // The model's outputs have time second or not at all; the states are what the loops ended with.
  void check_outputs(std::size_t own) const {
    for (std::size_t i = 0; i < program_.outputs.size(); ++i) {
      const Place& place = places_[at(program_.outputs[i])];
      bool fits = place.kind == Kind::last || (i < own && place.kind == Kind::fixed);
      if (i < own && place.kind == Kind::timed) {
        fits = place.layout.size() > 1;
        for (std::size_t axis = 0; axis < place.layout.size(); ++axis) {
          const Axis& sizes = place.layout[axis];
          fits = fits && any_mentions(sizes, time_) == (axis == 1) && (axis != 1 || sizes.size() == 1);
        }
      }
      if (!fits)
        fail(ErrorKind::unsupported, "a sequence in pieces would give something else: output ", i,
             " does not have time as its second axis");
    }
  }

  const Program& program_;
  const std::string_view time_;
  std::vector<Place> places_;
};

}  // namespace

void require_stepwise(const Program& program, std::string_view time) { Walk(program, time).run(); }

}  // namespace addax
