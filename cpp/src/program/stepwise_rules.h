// How operations treat the axis of time: for stepwise.cpp.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "addax/error.h"
#include "addax/program.h"
#include "ops/operation.h"
#include "tensor/unknowns.h"

namespace addax::stepwise {

inline std::size_t at(int i) { return static_cast<std::size_t>(i); }

inline bool any_mentions(const Dims& dims, std::string_view unknown) {
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
using Sizes = std::vector<std::int64_t>;

struct Place {
  Kind kind = Kind::fixed;
  Layout layout = {};  // of what is timed
};

inline Layout plain(const Dims& dims) {
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

// The layouts of a step's outputs, or a refusal.
using Layouts = std::vector<Layout>;
using Rule = Layouts (*)(const Reading&);

// The rule of an operation; nullptr if it is not known, so that it may look anywhere.
Rule rule_of(const Operation& operation);

}  // namespace addax::stepwise
