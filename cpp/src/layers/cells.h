// Recurrent cells: the part of a step that does not depend on the states, and the rest.
#pragma once

#include <functional>
#include <utility>

#include "layers/layer.h"

namespace addax::layers {

struct Cell {
  std::vector<Dims> states;  // shapes without the batch
  Dims output;               // likewise
  // Of the inputs of all steps, (time, batch, …) or (batch, time, …).
  std::function<Value(const Value& inputs)> project;
  // Output and new states of a step.
  std::function<std::pair<Value, Values>(const Value& projected, const Values& states)> step;
  // The operation that runs all steps at once, its weights behind the states, and its attributes; null if there is
  // none for this cell's activations.
  const char* operation = nullptr;
  Values weights = {};
  Attributes attributes = {};
};

// The cell that an entry describes: a cell, a stack of cells or a recurrent layer. `inputs` are those of all steps, the
// features last.
Cell make_cell(const Layer& layer, const Dims& inputs);

// `count` equal parts of the last axis.
Values parts(const Value& x, int count);

}  // namespace addax::layers
