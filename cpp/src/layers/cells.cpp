#include "layers/cells.h"

namespace addax::layers {

using namespace addax::ops;

Values parts(const Value& x, int count) {
  const Dim width = floor_div(x.dims().back(), Dim(count));
  Values result;
  for (int i = 0; i < count; ++i) {
    Dims start(x.dims().size(), Dim(0)), stop = x.dims();
    start.back() = width * Dim(i);
    stop.back() = width * Dim(i + 1);
    result.push_back(slice(x, start, stop, Axes(start.size(), 1)));
  }
  return result;
}

namespace {

// What the cells of products share: `gates` matrices side by side.
struct Weighted {
  const Layer& layer;
  std::int64_t units;
  Value kernel, recurrent, bias;  // no bias: none

  Weighted(const Layer& l, const Dims& inputs, int gates, bool two_biases) : layer(l), units(l.config().size("units")) {
    if (!inputs.back().known()) l.config().error("the number of features must be known; received shape ", inputs);
    const std::int64_t width = gates * units;
    kernel = l.weight("kernel", {inputs.back().value(), width});
    recurrent = l.weight("recurrent_kernel", {units, width});
    if (l.config().flag("use_bias", true)) bias = l.weight("bias", two_biases ? Sizes{2, width} : Sizes{width});
  }
  Cell cell(int states) const {
    Cell cell;
    cell.states.assign(static_cast<std::size_t>(states), Dims{Dim(units)});
    cell.output = {Dim(units)};
    cell.project = [kernel = kernel, bias = bias](const Value& x) {
      const Value y = matmul(x, kernel);
      return bias ? y + bias : y;
    };
    return cell;
  }
};

// Functions of a cell outlive the layer's scope only within the layer's own call, so that they may refer to it.
Value act(const Layer& l, const Value& x) { return l.activate(x, "activation", "tanh"); }
Value gate(const Layer& l, const Value& x) { return l.activate(x, "recurrent_activation", "hard_sigmoid"); }
bool plain_gates(const Layer& l) {
  return l.config().text("activation", "tanh") == "tanh" &&
         l.config().text("recurrent_activation", "hard_sigmoid") == "sigmoid";
}

Cell simple_rnn(const Layer& l, const Dims& inputs) {
  const Weighted w(l, inputs, 1, false);
  Cell cell = w.cell(1);
  cell.step = [&l, w](const Value& projected, const Values& states) {
    const Value h = act(l, projected + matmul(states[0], w.recurrent));
    return std::pair(h, Values{h});
  };
  const std::string activation = l.config().text("activation", "tanh");
  if (activation == "tanh" || activation == "relu") {
    cell.operation = "simple_rnn";
    cell.weights = {w.recurrent};
    cell.attributes.set("activation", activation);
  }
  return cell;
}

Cell lstm(const Layer& l, const Dims& inputs) {
  const Weighted w(l, inputs, 4, false);
  Cell cell = w.cell(2);
  cell.step = [&l, w](const Value& projected, const Values& states) {
    const Values z = parts(projected + matmul(states[0], w.recurrent), 4);
    const Value c = gate(l, z[1]) * states[1] + gate(l, z[0]) * act(l, z[2]);
    const Value h = gate(l, z[3]) * act(l, c);
    return std::pair(h, Values{h, c});
  };
  if (plain_gates(l)) {
    cell.operation = "lstm";
    cell.weights = {w.recurrent};
  }
  return cell;
}

Value row(const Value& x, std::int64_t i) {
  const Value one = slice(x, {Dim(i), Dim(0)}, {Dim(i + 1), x.dim(1)}, {1, 1});
  return reshape(one, {x.dim(1)});
}

Cell gru_after(const Layer& l, const Dims& inputs) {
  const Weighted w(l, inputs, 3, true);
  const Value entering = w.bias ? row(w.bias, 0) : Value(), inside = w.bias ? row(w.bias, 1) : Value();
  Cell cell = w.cell(1);
  cell.project = [w, entering](const Value& x) {
    const Value y = matmul(x, w.kernel);
    return entering ? y + entering : y;
  };
  cell.step = [&l, w, inside](const Value& projected, const Values& states) {
    Value recurrent = matmul(states[0], w.recurrent);
    if (inside) recurrent = recurrent + inside;
    const Values x = parts(projected, 3), h = parts(recurrent, 3);
    const Value z = gate(l, x[0] + h[0]), r = gate(l, x[1] + h[1]);
    const Value next = z * states[0] + (1 - z) * act(l, x[2] + r * h[2]);
    return std::pair(next, Values{next});
  };
  if (plain_gates(l)) {
    cell.operation = "gru";
    cell.weights = {w.recurrent, inside ? inside : full({Dim(3 * w.units)}, 0, DType::float32)};
    cell.attributes.set("reset_after", true);
  }
  return cell;
}

Cell gru_before(const Layer& l, const Dims& inputs) {
  const Weighted w(l, inputs, 3, false);
  Cell cell = w.cell(1);
  const Dim both(2 * w.units), all(3 * w.units), units(w.units);
  const Value gates = slice(w.recurrent, {Dim(0), Dim(0)}, {units, both}, {1, 1});
  const Value candidate = slice(w.recurrent, {Dim(0), both}, {units, all}, {1, 1});
  cell.step = [&l, gates, candidate](const Value& projected, const Values& states) {
    const Values x = parts(projected, 3), h = parts(matmul(states[0], gates), 2);
    const Value z = gate(l, x[0] + h[0]), r = gate(l, x[1] + h[1]);
    const Value next = z * states[0] + (1 - z) * act(l, x[2] + matmul(r * states[0], candidate));
    return std::pair(next, Values{next});
  };
  if (plain_gates(l)) {
    cell.operation = "gru";
    cell.weights = {w.recurrent};
    cell.attributes.set("reset_after", false);
  }
  return cell;
}

// ---- A stack: each cell gets the output of the one below.

Cell stacked(const Layer& l, const Dims& inputs) {
  const Json* const entries = l.config().find("cells");
  if (entries == nullptr || !entries->is_array() || entries->empty())
    l.config().error("'cells' must be a list of cells");
  struct Level {
    std::shared_ptr<Layer> layer;
    Cell cell;
  };
  auto levels = std::make_shared<std::vector<Level>>();
  Dims below = inputs;
  Cell stack;
  for (std::size_t i = 0; i < entries->size(); ++i) {
    const std::string prefix = text(l.prefix(), "RNNCell_", i, "/");
    auto layer = std::make_shared<Layer>((*entries)[i], prefix, l.shared());
    Cell cell = make_cell(*layer, below);
    below = cell.output;
    stack.states.insert(stack.states.end(), cell.states.begin(), cell.states.end());
    levels->push_back({std::move(layer), std::move(cell)});
  }
  stack.output = below;
  stack.project = levels->front().cell.project;
  stack.step = [levels](const Value& projected, const Values& states) {
    Value at = projected;
    Values next;
    auto from = states.begin();
    for (std::size_t i = 0; i < levels->size(); ++i) {
      const Cell& cell = (*levels)[i].cell;
      const auto to = from + static_cast<std::ptrdiff_t>(cell.states.size());
      auto [output, new_states] = cell.step(i == 0 ? at : cell.project(at), Values(from, to));
      next.insert(next.end(), new_states.begin(), new_states.end());
      at = output;
      from = to;
    }
    return std::pair(at, next);
  };
  return stack;
}

// ---- Convolutional LSTM on images (batch, time, rows, columns, channels), Keras's order of gates. The layer turns
// images whose channels come first.

Value convolved(const Value& x, const Value& kernel, const Sizes& strides, const std::string& padding,
                const Sizes& dilation) {
  return apply("conv", {x, kernel},
               {{"strides", strides},
                {"padding", padding},
                {"pads", Sizes{}},
                {"dilation", dilation},
                {"groups", std::int64_t{1}}});
}

// The two leading axes of images as one, and back.
Value over_steps(const Value& x, const std::function<Value(const Value&)>& body) {
  Dims joined{x.dim(0) * x.dim(1)};
  joined.insert(joined.end(), x.dims().begin() + 2, x.dims().end());
  const Value y = body(reshape(x, joined));
  Dims split{x.dim(0), x.dim(1)};
  split.insert(split.end(), y.dims().begin() + 1, y.dims().end());
  return reshape(y, split);
}

Cell conv_lstm(const Layer& l, const Dims& inputs) {
  const Config& c = l.config();
  if (inputs.size() < 3 || !inputs.back().known()) c.error("its images must have known channels; received ", inputs);
  const std::int64_t filters = c.size("filters"), channels = inputs.back().value();
  if (!c.has("kernel_size")) c.error("its config lacks 'kernel_size'");
  const Sizes size = c.sizes("kernel_size", 2, 1), strides = c.sizes("strides", 2, 1);
  const Sizes dilation = c.sizes("dilation_rate", 2, 1);
  const std::string padding = c.text("padding", "valid");
  const Value kernel = l.weight("kernel", {size[0], size[1], channels, 4 * filters});
  const Value recurrent = l.weight("recurrent_kernel", {size[0], size[1], filters, 4 * filters});
  const Value bias = c.flag("use_bias", true) ? l.weight("bias", {4 * filters}) : Value();
  Cell cell;
  cell.project = [=](const Value& x) {
    return over_steps(x, [&](const Value& images) {
      const Value y = convolved(images, kernel, strides, padding, dilation);
      return bias ? y + bias : y;
    });
  };
  cell.step = [&l, recurrent](const Value& projected, const Values& states) {
    const Sizes ones{1, 1};
    const Values z = parts(projected + convolved(states[0], recurrent, ones, "same", ones), 4);
    const Value memory = gate(l, z[1]) * states[1] + gate(l, z[0]) * act(l, z[2]);
    const Value h = gate(l, z[3]) * act(l, memory);
    return std::pair(h, Values{h, memory});
  };
  // The rows and columns that the input's convolution leaves.
  const auto left = [&](const Dim& n, std::size_t i) {
    const std::int64_t reach = (size[i] - 1) * dilation[i] + 1;
    return padding == "same" ? ceil_div(n, Dim(strides[i])) : floor_div(n - Dim(reach), Dim(strides[i])) + Dim(1);
  };
  cell.output = {left(inputs[inputs.size() - 3], 0), left(inputs[inputs.size() - 2], 1), Dim(filters)};
  cell.states = {cell.output, cell.output};
  return cell;
}

}  // namespace

Cell make_cell(const Layer& layer, const Dims& inputs) {
  std::string_view name = layer.class_name();
  if (name.ends_with("Cell")) name.remove_suffix(4);
  if (name == "SimpleRNN") return simple_rnn(layer, inputs);
  if (name == "LSTM") return lstm(layer, inputs);
  // Files that do not say were written before there was another way.
  if (name == "GRU") return (layer.config().flag("reset_after", false) ? gru_after : gru_before)(layer, inputs);
  if (name == "StackedRNNCells") return stacked(layer, inputs);
  if (name == "ConvLSTM2D") return conv_lstm(layer, inputs);
  layer.config().unsupported("this class of cell is not known here");
}

}  // namespace addax::layers
