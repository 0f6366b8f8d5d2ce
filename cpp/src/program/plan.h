// Plan: where every value of a program lives for given input shapes. Values share one arena; a value's place is reused
// once its last reader has run. Elementwise steps overwrite an input that dies with them, outputs go straight into the
// caller's memory, new values of variables straight into the variable where all readers of the old value come before
// and nothing after may fail: a run that throws has changed no variable.
#pragma once

#include <span>
#include <vector>

#include "addax/program.h"
#include "ops/operation.h"

namespace addax {

enum class Home { arena, input, output, variable, constant, none };

struct Place {
  Home home = Home::none;
  int index = 0;            // which input, output, variable or constant
  std::int64_t offset = 0;  // bytes into the arena
};

// After the steps: from a slot's place, or from where it was staged, to an output or a variable.
struct Copy {
  int slot;
  Place to;
  int staged = -1;  // index into Plan::staged
};

struct PlannedStep {
  const Operation* operation;
  Attributes attributes;  // every dimension known
  std::vector<int> inputs, outputs;
  std::int64_t workspace_offset = 0;
  std::int64_t workspace_bytes = 0;
};

struct Plan {
  std::vector<Shape> shapes;  // per slot
  std::vector<Place> places;  // per slot
  std::vector<PlannedStep> steps;
  std::vector<Copy> staged;  // variables whose old value is assigned to another: saved before any is overwritten
  std::vector<Copy> copies;
  std::int64_t arena_bytes = 0;
};

// Throws if the shapes do not fit the program. All shape rules run again, with real sizes.
Plan make_plan(const Program& program, std::span<const Shape> input_shapes);

}  // namespace addax
