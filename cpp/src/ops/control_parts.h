// What scan, while_loop and cond share: bodies as programs, checked, replayed in a loop, recorded.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "addax/program.h"
#include "addax/replay.h"
#include "ops/operation.h"

namespace addax::ops {

Operation scan_operation();
Operation while_operation();
Operation cond_operation();

inline std::size_t at(int i) { return static_cast<std::size_t>(i); }

// ---- Shape rules.

// Sizes that are not known on both sides may differ.
void require_specs(const Infer& in, const Spec& seen, const Spec& wanted, std::string_view what);
// Bodies are functions of their inputs: state comes in and goes out as values.
void require_no_variables(const Infer& in, const Program& body);

// ---- Runs.

// A nested program's replay with the addresses that it runs on, and two sets of buffers for what goes round.
struct Loop {
  Replay replay;
  std::vector<const void*> in;
  std::vector<void*> out;
  std::vector<Tensor> front, back;
  std::vector<Tensor> unread;  // outputs that nobody wants still need a place

  Loop(const ProgramPtr& program, std::span<const Shape> shapes, int carries);
};

std::vector<Shape> shapes_of(const Run& r, int first);
// Nothing goes to a null.
void copy_bytes(void* to, const void* from, std::int64_t bytes);

// ---- Recording bodies.

Values concat(std::initializer_list<Values> parts);
Values part(const Values& values, std::size_t first, std::size_t count);
Value or_zeros(const Value& gradient, const Value& like);

// Records f as a body; the recording is left open for reading variables, but no longer current.
template <class F>
auto record_body(const std::shared_ptr<Recording>& recording, const F& f) {
  struct Leave {
    Recording& recording;
    ~Leave() { recording.leave(); }
  } leave{*recording};
  return f();
}

// Inputs of these specs.
Values declare(Recording& recording, const Specs& specs);

}  // namespace addax::ops
