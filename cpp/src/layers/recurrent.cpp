// Layers that go through time.
#include <array>
#include <memory>

#include "addax/control.h"
#include "layers/cells.h"

namespace addax::layers {
namespace {

using namespace addax::ops;

struct Order {
  bool backwards = false, zero_output_for_mask = false, sequences = false;
};

struct Result {
  Value last, sequence;  // (batch, …), (batch, time, …) in the order in which it was computed
  Values states;
};

Value time_first(const Value& x) {
  Axes perm{1, 0};
  for (int i = 2; i < x.rank(); ++i) perm.push_back(i);
  return transpose(x, perm);
}

// `now` for the samples that are seen, `before` for the others.
Value chosen(Value seen, const Value& now, const Value& before) {
  while (seen.rank() < now.rank()) seen = expand_dims(seen, seen.rank());
  return where(seen, now, before);
}

Result run_operation(const Cell& cell, const Value& x, const Values& states, const Value& mask, const Order& order) {
  Attributes attributes = cell.attributes;
  attributes.set("go_backwards", order.backwards);
  attributes.set("zero_output_for_mask", order.zero_output_for_mask);
  std::vector<Value> inputs{cell.project(x)};
  inputs.insert(inputs.end(), states.begin(), states.end());
  inputs.insert(inputs.end(), cell.weights.begin(), cell.weights.end());
  if (mask) inputs.push_back(mask);
  const Values out = apply_all(cell.operation, inputs, attributes);
  return {out[0], out[1], Values(out.begin() + 2, out.begin() + 2 + static_cast<std::ptrdiff_t>(states.size()))};
}

// At a masked step the states stay as they were, and the output is that of the step before, or zeros.
Result run_steps(const Cell& cell, const Value& x, const Values& states, const Value& mask, const Order& order) {
  Dims shape{x.dim(0)};
  shape.insert(shape.end(), cell.output.begin(), cell.output.end());
  Values carry = states, xs{cell.project(time_first(x))};
  carry.push_back(full(shape, 0, x.dtype()));
  if (mask) xs.push_back(time_first(mask));
  const auto body = [&](const Values& before, const Values& now) {
    auto [output, next] = cell.step(now[0], Values(before.begin(), before.end() - 1));
    if (mask) {
      for (std::size_t i = 0; i < next.size(); ++i) next[i] = chosen(now[1], next[i], before[i]);
      output = chosen(now[1], output, order.zero_output_for_mask ? zeros_like(output) : before.back());
    }
    next.push_back(output);
    return std::pair(next, order.sequences ? Values{output} : Values{});
  };
  ScanResult result = scan(body, carry, xs, x.dim(1), order.backwards);
  const Value last = result.carry.back();
  result.carry.pop_back();
  if (!order.sequences) return {last, {}, result.carry};
  const Value ys = order.backwards ? flip(result.ys[0], {0}) : result.ys[0];
  return {last, time_first(ys), result.carry};
}

// A recurrent layer, as a cell of its own or around one.
struct Recurrent {
  const Layer& layer;
  std::shared_ptr<Layer> inner;  // RNN's cell
  Cell cell;

  Recurrent(const Layer& l, const Value& x) : layer(l) {
    if (l.config().flag("time_major", false)) l.config().unsupported("'time_major' is not known here");
    if (l.class_name() == "RNN") {
      inner = std::make_shared<Layer>(l.inner("cell", l.prefix()));
      cell = make_cell(*inner, x.dims());
    } else {
      cell = make_cell(l, x.dims());
    }
  }

  Result run(const Flow& x, Values states, Order order) const {
    if (states.empty()) {
      for (const Dims& shape : cell.states) {
        Dims dims{x.value.dim(0)};
        dims.insert(dims.end(), shape.begin(), shape.end());
        states.push_back(full(dims, 0, x.value.dtype()));
      }
    }
    if (states.size() != cell.states.size())
      layer.config().error("it has ", cell.states.size(), " states; received ", states.size());
    return cell.operation == nullptr ? run_steps(cell, x.value, states, x.mask, order)
                                     : run_operation(cell, x.value, states, x.mask, order);
  }
};

void require_sequence(const Layer& l, const Flow& x) {
  if (x.value.rank() < 3) l.config().error("it takes sequences (batch, time, …); received shape ", x.value.dims());
}

Values values_of(const Flows& flows, std::size_t from, std::size_t to) {
  Values values;
  for (std::size_t i = from; i < to; ++i) values.push_back(flows[i].value);
  return values;
}

// States that a batch leaves to the next: variables of the model, zeros at first.
std::vector<VariablePtr> kept_states(const Layer& l, const Cell& cell, const Value& x) {
  const std::int64_t batch = l.known(x, 0);
  std::vector<VariablePtr> variables;
  for (const Dims& shape : cell.states) {
    Dims dims{Dim(batch)};
    dims.insert(dims.end(), shape.begin(), shape.end());
    if (!all_known(dims)) l.config().error("a stateful layer must know its sizes; received shape ", x.dims());
    const Tensor zeros = Tensor::zeros(x.dtype(), to_shape(dims));
    variables.push_back(std::make_shared<Variable>(zeros, text(l.prefix(), "state_", variables.size()), false));
  }
  return variables;
}

Flows rnn(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  require_sequence(l, in[0]);
  const bool sequences = c.flag("return_sequences", false);
  const Order order{c.flag("go_backwards", false), c.flag("zero_output_for_mask", false), sequences};
  const Recurrent recurrent(l, in[0].value);
  Values states = values_of(in, 1, in.size());
  std::vector<VariablePtr> kept;
  if (c.flag("stateful", false)) kept = kept_states(l, recurrent.cell, in[0].value);
  if (states.empty())
    for (const VariablePtr& variable : kept) states.push_back(Variable::read(variable));
  const Result result = recurrent.run(in[0], states, order);
  for (std::size_t i = 0; i < kept.size(); ++i) Variable::assign(kept[i], result.states[i]);
  Flows out{sequences ? Flow{result.sequence, in[0].mask} : Flow{result.last}};
  if (c.flag("return_state", false))
    for (const Value& state : result.states) out.push_back({state});
  return out;
}

// Images of rank 4, or sequences of them, with the channels last or behind the other leading axes.
Value turned(const Value& x, bool to_last) {
  const int leading = x.rank() - 3;
  Axes perm;
  for (int i = 0; i < leading; ++i) perm.push_back(i);
  for (const int i : to_last ? std::array{1, 2, 0} : std::array{2, 0, 1}) perm.push_back(leading + i);
  return transpose(x, perm);
}

Flows conv_lstm(const Layer& l, const Flows& in) {
  l.require_rank(in[0], 5);
  if (!channels_first(l.config())) return rnn(l, in);
  Flows images = in;
  for (Flow& flow : images) flow.value = turned(flow.value, true);
  Flows out = rnn(l, images);
  for (Flow& flow : out) flow.value = turned(flow.value, false);
  return out;
}

// ---- Bidirectional

std::string base_name(const Layer& inner) {
  std::string name = inner.config().text("name", "");
  for (const char* prefix : {"forward_", "backward_"})
    if (name.starts_with(prefix)) return name.substr(std::string_view(prefix).size());
  return name;
}

Value merged(const Layer& l, const Value& a, const Value& b) {
  const std::string mode = l.config().text("merge_mode", "concat");
  if (mode == "concat") return concatenate({a, b}, a.rank() - 1);
  if (mode == "sum") return a + b;
  if (mode == "mul") return a * b;
  if (mode == "ave") return (a + b) / 2;
  l.config().error("'merge_mode' is '", mode.substr(0, 60), "'");
}

Flows bidirectional(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  require_sequence(l, in[0]);
  const std::string base = base_name(l.inner("layer", ""));
  const Layer forward = l.inner("layer", l.prefix() + "forward_" + base + "/");
  const bool own = c.has("backward_layer");
  const Layer backward =
      l.inner(own ? "backward_layer" : "layer",
              l.prefix() + "backward_" + (own ? base_name(l.inner("backward_layer", "")) : base) + "/");
  const Config& inner = forward.config();
  if (inner.flag("stateful", false)) c.unsupported("states that a batch leaves to the next are not known here");
  const bool sequences = inner.flag("return_sequences", false), turned = inner.flag("go_backwards", false);
  // As in Keras: a masked step's output must not carry the state of the steps before.
  const bool zeros = sequences || inner.flag("zero_output_for_mask", false);
  const std::size_t half = 1 + (in.size() - 1) / 2;
  const Result a = Recurrent(forward, in[0].value).run(in[0], values_of(in, 1, half), {turned, zeros, sequences});
  const Result b =
      Recurrent(backward, in[0].value).run(in[0], values_of(in, half, in.size()), {!turned, zeros, sequences});
  const Value x = sequences ? a.sequence : a.last, y = sequences ? flip(b.sequence, {1}) : b.last;
  const Value mask = sequences ? in[0].mask : Value();
  Flows out;
  if (c.is_null("merge_mode")) {
    out = {{x, mask}, {y, mask}};
  } else {
    out = {{merged(l, x, y), mask}};
  }
  if (inner.flag("return_state", false))
    for (const Values& states : {a.states, b.states})
      for (const Value& state : states) out.push_back({state});
  return out;
}

// ---- The same layer at each step

Flows time_distributed(const Layer& l, const Flows& in) {
  require_sequence(l, in[0]);
  const Value& x = in[0].value;
  Dims joined{x.dim(0) * x.dim(1)};
  joined.insert(joined.end(), x.dims().begin() + 2, x.dims().end());
  Flows out = l.inner("layer", l.prefix()).call({{reshape(x, joined)}});
  for (Flow& flow : out) {
    Dims split{x.dim(0), x.dim(1)};
    split.insert(split.end(), flow.value.dims().begin() + 1, flow.value.dims().end());
    flow = {reshape(flow.value, split)};
  }
  return out;
}

}  // namespace

std::span<const Builder> recurrent_family() {
  static constexpr Builder table[] = {
      {"SimpleRNN", 1, kAnyNumber, Masks::own, rnn},
      {"LSTM", 1, kAnyNumber, Masks::own, rnn},
      {"GRU", 1, kAnyNumber, Masks::own, rnn},
      {"ConvLSTM2D", 1, kAnyNumber, Masks::own, conv_lstm},
      {"RNN", 1, kAnyNumber, Masks::own, rnn},
      {"Bidirectional", 1, kAnyNumber, Masks::own, bidirectional},
      {"TimeDistributed", 1, 1, Masks::pass, time_distributed},
  };
  return table;
}

}  // namespace addax::layers
