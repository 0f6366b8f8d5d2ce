// How the recurrent operations name their inputs and outputs, for their shape rules, kernels and both gradient rules.
#pragma once

#include "addax/value.h"
#include "kernels/recurrent.h"
#include "ops/operation.h"

namespace addax::ops {

// By the operation's name and attributes.
kernels::Cell cell_of(std::string_view operation, const Attributes& attributes);

inline bool has_memory(kernels::Cell cell) { return cell == kernels::Cell::lstm; }
inline bool has_recurrent_bias(kernels::Cell cell) { return cell == kernels::Cell::gru_after; }
inline bool is_gru(kernels::Cell cell) { return cell == kernels::Cell::gru_after || cell == kernels::Cell::gru_before; }

// Positions of the inputs; −1: the cell has none, or none was given.
struct RecurrentInputs {
  int x = 0, h = 1, c = -1, weights = 2, bias = -1, mask = -1;

  RecurrentInputs(kernels::Cell cell, int count) {
    int next = 2;
    if (has_memory(cell)) c = next++;
    weights = next++;
    if (has_recurrent_bias(cell)) bias = next++;
    if (count > next) mask = next;
  }
};

// Positions of the outputs: the last output, those of all steps, the last states, then what the gradient reads.
struct RecurrentOutputs {
  int last = 0, sequence = 1, h = 2, c = -1, gates, entering_h, kept = -1, count;

  explicit RecurrentOutputs(kernels::Cell cell) {
    int next = 3;
    if (has_memory(cell)) c = next++;
    gates = next++;
    entering_h = next++;
    if (has_memory(cell) || is_gru(cell)) kept = next++;
    count = next;
  }
};

// The gradients of a recurrent operation's inputs by way of the same steps written in operations that have gradients
// themselves: slow, for second derivatives, and for whoever looks into the gates.
Values recurrent_gradient_by_scan(const Gradient& g);

}  // namespace addax::ops
