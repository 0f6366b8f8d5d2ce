// Dense layers, activations, embeddings, normalizations, and what only moves values.
#include <algorithm>

#include "layers/layer.h"

namespace addax::layers {
namespace {

using namespace addax::ops;

Flows same(const Layer&, const Flows& in) { return {in.front()}; }

Flows dense(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  const std::int64_t units = c.size("units");
  Value y = matmul(in[0].value, l.weight("kernel", {l.known(in[0].value, -1), units}));
  if (c.flag("use_bias", true)) y = y + l.weight("bias", {units});
  return {{l.activate(y)}};
}

// ---- Activations

Flows activation_layer(const Layer& l, const Flows& in) { return {{l.activate(in[0].value)}}; }

// Of Keras 2 (`alpha`) or 3 (`negative_slope`).
double slope_of(const Config& c, double fallback) { return c.number("negative_slope", c.number("alpha", fallback)); }

Flows relu(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  const Value& x = in[0].value;
  const double threshold = c.number("threshold", 0), slope = slope_of(c, 0);
  if (threshold == 0 && slope == 0) {
    const Value y = apply("relu", {x});
    return {{c.has("max_value") ? minimum(y, constant_like(y, c.number("max_value", 0))) : y}};
  }
  const Value above = c.has("max_value") ? minimum(x, constant_like(x, c.number("max_value", 0))) : x;
  return {{where(greater_equal(x, constant_like(x, threshold)), above, (x - threshold) * slope)}};
}

Flows leaky_relu(const Layer& l, const Flows& in) {
  const Value& x = in[0].value;
  return {{where(greater(x, constant_like(x, 0)), x, x * slope_of(l.config(), 0.3))}};
}

Flows thresholded_relu(const Layer& l, const Flows& in) {
  const Value& x = in[0].value;
  // Not the other way about: NaN shall pass.
  return {{where(less_equal(x, constant_like(x, l.config().number("theta", 1))), constant_like(x, 0), x)}};
}

Flows elu(const Layer& l, const Flows& in) {
  const Value &x = in[0].value, zero = constant_like(x, 0);
  return {{where(greater(x, zero), x, apply("expm1", {minimum(x, zero)}) * l.config().number("alpha", 1))}};
}

Flows prelu(const Layer& l, const Flows& in) {
  const Value& x = in[0].value;
  const Value alpha = l.weight("alpha", Sizes(static_cast<std::size_t>(std::max(0, x.rank() - 1)), kAnySize));
  return {{apply("relu", {x}) - alpha * apply("relu", {-x})}};
}

Flows softmax_layer(const Layer& l, const Flows& in) {
  const Value& x = in[0].value;
  return {{softmax(x, axis_of(l.config().integer("axis", -1), x.rank(), l.config()))}};
}

// ---- Embedding, masking

Flows embedding(const Layer& l, const Flows& in) {
  const Value& x = in[0].value;
  const Value ids = is_floating(x.dtype()) ? cast(x, DType::int32) : x;
  const Value table = l.weight("embeddings", {l.config().size("input_dim"), l.config().size("output_dim")});
  Flow out{apply("gather", {table, ids}, {{"axis", std::int64_t{0}}, {"nonnegative", true}})};
  if (l.config().flag("mask_zero", false)) out.mask = not_equal(x, constant_like(x, 0));
  return {out};
}

Flows masking(const Layer& l, const Flows& in) {
  const Value& x = in[0].value;
  const Value seen = not_equal(x, constant_like(x, l.config().number("mask_value", 0)));
  const auto any = [&](bool keep) { return apply("any", {seen}, {{"axes", Axes{x.rank() - 1}}, {"keepdims", keep}}); };
  return {{x * cast(any(true), x.dtype()), any(false)}};
}

// ---- Shapes

Flows flatten(const Layer& l, const Flows& in) {
  Value x = in[0].value;
  if (x.rank() > 2 && channels_first(l.config())) x = to_channels_last(x);
  const Dims& dims = x.dims();
  return {{reshape(x, {dims[0], product(std::span(dims).subspan(1))})}};
}

Flows reshape_layer(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  const Value& x = in[0].value;
  const Json* const target = c.find("target_shape");
  if (target == nullptr || !target->is_array() || target->size() >= kMaxRank)
    c.error("'target_shape' must be a list of at most ", kMaxRank - 1, " sizes");
  Dims shape{x.dim(0)};
  std::size_t open = 0;
  Dim known = 1;
  for (const Json& size : *target) {
    if (!size.is_null() && !size.is_number_integer()) c.error("'target_shape' must hold whole numbers or null");
    const std::int64_t n = size.is_null() ? -1 : size.get<std::int64_t>();
    if (n < 0) {
      if (n != -1 || open != 0) c.error("'target_shape' may leave one size open; found ", target->dump().substr(0, 60));
      open = shape.size();
      shape.emplace_back(0);
    } else {
      known = known * Dim(n);
      shape.emplace_back(n);
    }
  }
  if (open != 0) {
    if (known == 0) c.error("'target_shape' leaves a size open beside one of 0");
    shape[open] = floor_div(product(std::span(x.dims()).subspan(1)), known);
  }
  return {{reshape(x, shape)}};
}

Flows permute(const Layer& l, const Flows& in) {
  Axes perm{0};
  for (const std::int64_t axis : l.config().integers("dims")) perm.push_back(axis);
  return {{transpose(in[0].value, perm)}};
}

Flows repeat_vector(const Layer& l, const Flows& in) {
  l.require_rank(in[0], 2);
  const Value& x = in[0].value;
  return {{broadcast_to(expand_dims(x, 1), {x.dim(0), l.config().size("n"), x.dim(1)})}};
}

// ---- Normalization

Flows batch_normalization(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  const Value& x = in[0].value;
  const Sizes given = c.has("axis") ? c.integers("axis") : Sizes{-1};
  if (given.size() != 1) c.unsupported("it normalizes several axes");
  const int axis = axis_of(given[0], x.rank(), c);
  const std::int64_t channels = l.known(x, axis);
  const auto parameter = [&](const char* leaf) {
    const Value w = l.weight(leaf, {channels});
    if (axis == x.rank() - 1) return w;
    Dims shape(static_cast<std::size_t>(x.rank()), Dim(1));
    shape[static_cast<std::size_t>(axis)] = channels;
    return reshape(w, shape);
  };
  const Value mean = parameter("moving_mean");
  Value factor = rsqrt(parameter("moving_variance") + c.number("epsilon", 1e-3));
  if (c.flag("scale", true)) factor = factor * parameter("gamma");
  const Value y = (x - mean) * factor;
  return {{c.flag("center", true) ? y + parameter("beta") : y}};
}

Flows layer_normalization(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  const Value& x = in[0].value;
  Sizes axes = c.has("axis") ? c.integers("axis") : Sizes{-1}, shape;
  for (std::int64_t& axis : axes) axis = axis_of(axis, x.rank(), c);
  std::sort(axes.begin(), axes.end());
  Dims beside(x.dims().size(), Dim(1));  // the parameters' shape beside x
  for (const std::int64_t axis : axes) {
    shape.push_back(l.known(x, static_cast<int>(axis)));
    beside[static_cast<std::size_t>(axis)] = shape.back();
  }
  const double epsilon = c.number("epsilon", 1e-3);
  const Dims dims(shape.begin(), shape.end());
  const Value gamma = c.flag("scale", true) ? l.weight("gamma", shape) : full(dims, 1, x.dtype());
  const Value beta = c.flag("center", true) ? l.weight("beta", shape) : full(dims, 0, x.dtype());
  if (!axes.empty() && axes.front() == x.rank() - static_cast<std::int64_t>(axes.size()))
    return {{apply("layer_normalization", {x, gamma, beta}, {{"epsilon", epsilon}})}};
  const Value centred = x - mean(x, axes, KeepDims::yes);
  const Value inverse = rsqrt(mean(square(centred), axes, KeepDims::yes) + epsilon);
  return {{centred * inverse * reshape(gamma, beside) + reshape(beta, beside)}};
}

// ---- Inputs

Flows rescaling(const Layer& l, const Flows& in) {
  const Value x = is_floating(in[0].value.dtype()) ? in[0].value : cast(in[0].value, DType::float32);
  return {{x * l.config().number("scale", 1) + l.config().number("offset", 0)}};
}

Flows category_encoding(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  std::string mode = c.text("output_mode", "multi_hot");
  if (mode == "oneHot") mode = "one_hot";
  if (mode == "multiHot") mode = "multi_hot";
  const std::int64_t count = c.size("num_tokens");
  const Value& x = in[0].value;
  const Value ids = is_floating(x.dtype()) ? cast(x, DType::int32) : x;
  const Value ones = one_hot(ids, count, -1, DType::float32);
  if (mode == "one_hot") {
    // A last axis of size 1 holds the ids themselves.
    if (x.rank() < 2 || !(x.dim(-1 + x.rank()) == 1)) return {{ones}};
    Dims shape(x.dims().begin(), x.dims().end() - 1);
    shape.emplace_back(count);
    return {{reshape(ones, shape)}};
  }
  if (x.rank() < 2) c.unsupported("it counts the tokens of a single row");
  if (mode == "multi_hot") return {{max(ones, {x.rank() - 1})}};
  if (mode == "count") return {{sum(ones, {x.rank() - 1})}};
  c.unsupported("'output_mode' '", mode.substr(0, 60), "' is not known here");
}

}  // namespace

std::span<const Builder> basic_family() {
  static constexpr Builder table[] = {
      {"Dense", 1, 1, Masks::pass, dense},
      {"Activation", 1, 1, Masks::pass, activation_layer},
      {"ReLU", 1, 1, Masks::pass, relu},
      {"LeakyReLU", 1, 1, Masks::pass, leaky_relu},
      {"ThresholdedReLU", 1, 1, Masks::pass, thresholded_relu},
      {"ELU", 1, 1, Masks::pass, elu},
      {"PReLU", 1, 1, Masks::pass, prelu},
      {"Softmax", 1, 1, Masks::pass, softmax_layer},
      {"Dropout", 1, 1, Masks::pass, same},
      {"SpatialDropout1D", 1, 1, Masks::pass, same},
      {"SpatialDropout2D", 1, 1, Masks::pass, same},
      {"SpatialDropout3D", 1, 1, Masks::pass, same},
      {"AlphaDropout", 1, 1, Masks::pass, same},
      {"GaussianDropout", 1, 1, Masks::pass, same},
      {"GaussianNoise", 1, 1, Masks::pass, same},
      {"ActivityRegularization", 1, 1, Masks::pass, same},
      {"Embedding", 1, 1, Masks::own, embedding},
      {"Masking", 1, 1, Masks::own, masking},
      {"Flatten", 1, 1, Masks::drop, flatten},
      {"Reshape", 1, 1, Masks::drop, reshape_layer},
      {"Permute", 1, 1, Masks::drop, permute},
      {"RepeatVector", 1, 1, Masks::drop, repeat_vector},
      {"BatchNormalization", 1, 1, Masks::pass, batch_normalization},
      {"LayerNormalization", 1, 1, Masks::pass, layer_normalization},
      {"Rescaling", 1, 1, Masks::pass, rescaling},
      {"CategoryEncoding", 1, 1, Masks::drop, category_encoding},
  };
  return table;
}

}  // namespace addax::layers
