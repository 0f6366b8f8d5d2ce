// Recurrent operations as a scan over single steps, to differentiate what the kernels' backward pass computes.
#include "addax/control.h"
#include "addax/ops.h"
#include "addax/tape.h"
#include "ops/composed.h"
#include "ops/recurrent.h"

namespace addax::ops {
namespace {

using kernels::Cell;

Value gate(const Value& x, int number, const Dim& units) {
  return slice(x, {0, units * number}, {x.dims()[0], units * (number + 1)}, {1, 1});
}

struct StepResult {
  Value h, c;
  Values gates;
  Value kept;
};

// One step for all rows: x is batch × gates·units.
StepResult lstm_step(const Value& x, const Value& h, const Value& c, const Value& weights) {
  const Value z = x + matmul(h, weights);
  const Dim& units = h.dims()[1];
  const Value i = sigmoid(gate(z, 0, units)), f = sigmoid(gate(z, 1, units));
  const Value g = tanh(gate(z, 2, units)), o = sigmoid(gate(z, 3, units));
  const Value next = f * c + i * g;
  return {o * tanh(next), next, {i, f, g, o}, c};
}

StepResult gru_after_step(const Value& x, const Value& h, const Value& weights, const Value& bias) {
  const Value product = matmul(h, weights) + bias;
  const Dim& units = h.dims()[1];
  const Value z = sigmoid(gate(x, 0, units) + gate(product, 0, units));
  const Value r = sigmoid(gate(x, 1, units) + gate(product, 1, units));
  const Value recurrent = gate(product, 2, units), candidate = tanh(gate(x, 2, units) + r * recurrent);
  return {z * h + (1.0 - z) * candidate, {}, {z, r, candidate}, recurrent};
}

StepResult gru_before_step(const Value& x, const Value& h, const Value& weights) {
  const Dim& units = h.dims()[1];
  const Value z = sigmoid(gate(x, 0, units) + matmul(h, gate(weights, 0, units)));
  const Value r = sigmoid(gate(x, 1, units) + matmul(h, gate(weights, 1, units)));
  const Value reset = r * h, candidate = tanh(gate(x, 2, units) + matmul(reset, gate(weights, 2, units)));
  return {z * h + (1.0 - z) * candidate, {}, {z, r, candidate}, reset};
}

StepResult simple_step(Cell cell, const Value& x, const Value& h, const Value& weights) {
  const Value z = x + matmul(h, weights);
  const Value next = cell == Cell::simple_relu ? apply_one(operation_named("relu"), {z}) : tanh(z);
  return {next, {}, {next}, {}};
}

StepResult step_of(Cell cell, const RecurrentInputs& at, std::span<const Value> in, const Value& x, const Value& h,
                   const Value& c) {
  const auto input = [&](int i) { return in[static_cast<std::size_t>(i)]; };
  switch (cell) {
    case Cell::lstm:
      return lstm_step(x, h, c, input(at.weights));
    case Cell::gru_after:
      return gru_after_step(x, h, input(at.weights), input(at.bias));
    case Cell::gru_before:
      return gru_before_step(x, h, input(at.weights));
    default:
      return simple_step(cell, x, h, input(at.weights));
  }
}

Value swap_batch_and_time(const Value& x) { return transpose(x, x.rank() == 3 ? Axes{1, 0, 2} : Axes{1, 0}); }

// All outputs of the operation, in its order.
Values by_scan(const Operation& operation, const Attributes& attributes, std::span<const Value> in) {
  const Cell cell = cell_of(operation.name, attributes);
  const RecurrentInputs at(cell, static_cast<int>(in.size()));
  const bool memory = has_memory(cell), masked = at.mask >= 0;
  const bool backwards = attributes.flag("go_backwards"), zeros = attributes.flag("zero_output_for_mask");
  const auto input = [&](int i) { return in[static_cast<std::size_t>(i)]; };

  const auto body = [&](const Values& carry, const Values& x) {
    const Value &previous = carry[0], &h = carry[1], c = memory ? carry[2] : Value();
    StepResult step = step_of(cell, at, in, x[0], h, c);
    Value gates = step.gates.size() == 1 ? step.gates[0] : concatenate(step.gates, 1);
    Value output = step.h;
    if (masked) {
      const Value seen = expand_dims(x[1], -1);
      output = where(seen, step.h, zeros ? zeros_like(step.h) : previous);
      gates = where(seen, gates, zeros_like(gates));
      step.h = where(seen, step.h, h);
      if (memory) step.c = where(seen, step.c, c);
      if (step.kept && !memory) step.kept = where(seen, step.kept, zeros_like(step.kept));
    }
    Values next{output, step.h}, ys{output, gates, h};
    if (memory) next.push_back(step.c);
    if (step.kept) ys.push_back(step.kept);
    return std::pair(next, ys);
  };
  Values init{zeros_like(input(at.h)), input(at.h)}, xs{swap_batch_and_time(input(at.x))};
  if (memory) init.push_back(input(at.c));
  if (masked) xs.push_back(swap_batch_and_time(input(at.mask)));
  ScanResult all = scan(body, init, xs, input(at.x).dims()[1], backwards);
  // The scan leaves outputs at their inputs' places.
  if (backwards) all.ys[0] = flip(all.ys[0], {0});

  const RecurrentOutputs out(cell);
  Values results(static_cast<std::size_t>(out.count));
  const auto result = [&](int i) -> Value& { return results[static_cast<std::size_t>(i)]; };
  result(out.last) = all.carry[0];
  result(out.sequence) = swap_batch_and_time(all.ys[0]);
  result(out.h) = all.carry[1];
  if (memory) result(out.c) = all.carry[2];
  result(out.gates) = swap_batch_and_time(all.ys[1]);
  result(out.entering_h) = swap_batch_and_time(all.ys[2]);
  if (out.kept >= 0) result(out.kept) = swap_batch_and_time(all.ys[3]);
  return results;
}

}  // namespace

Values recurrent_gradient_by_scan(const Gradient& g) {
  Values inputs, sources;
  Tape tape(false, false);
  for (int i = 0; i < g.count(); ++i) {
    inputs.push_back(g.input(i));
    sources.push_back(g.wanted(i) ? g.input(i) : Value());
    if (g.wanted(i)) tape.watch(g.input(i));
  }
  tape.start();
  const Values outputs = by_scan(g.operation(), g.attributes(), inputs);
  tape.stop();
  return backward(g, tape, outputs, sources);
}

}  // namespace addax::ops
