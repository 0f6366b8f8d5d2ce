// The activations of Keras 2 and TensorFlow.js, by name.
#include <cmath>
#include <numbers>

#include "layers/layer.h"

namespace addax::layers {
namespace {

using namespace addax::ops;

Value relu(const Value& x) { return apply("relu", {x}); }
Value softplus(const Value& x) { return apply("softplus", {x}); }
// exp(x) - 1 below zero, 0 above, so that nothing overflows where it is not used.
Value expm1_below(const Value& x) { return apply("expm1", {minimum(x, constant_like(x, 0))}); }
Value elu(const Value& x, double alpha) { return where(greater(x, constant_like(x, 0)), x, expm1_below(x) * alpha); }
Value clip(const Value& x, double low, double high) {
  return minimum(maximum(x, constant_like(x, low)), constant_like(x, high));
}

struct Activation {
  std::string_view name;
  Value (*function)(const Value& x);
};

// Keras 2's hard sigmoid, which is TensorFlow.js's; that of Keras 3 has another slope.
constexpr Activation kActivations[] = {
    {"linear", [](const Value& x) { return x; }},
    {"relu", relu},
    {"relu6", [](const Value& x) { return minimum(relu(x), constant_like(x, 6)); }},
    {"elu", [](const Value& x) { return elu(x, 1); }},
    {"selu", [](const Value& x) { return elu(x, 1.6732632423543772) * 1.0507009873554805; }},
    {"sigmoid", [](const Value& x) { return sigmoid(x); }},
    {"hard_sigmoid", [](const Value& x) { return clip(x * 0.2 + 0.5, 0, 1); }},
    {"tanh", [](const Value& x) { return ops::tanh(x); }},
    {"softmax", [](const Value& x) { return softmax(x, -1); }},
    {"log_softmax", [](const Value& x) { return log_softmax(x, -1); }},
    {"softplus", softplus},
    {"softsign", [](const Value& x) { return x / (ops::abs(x) + 1); }},
    {"exponential", [](const Value& x) { return ops::exp(x); }},
    {"swish", [](const Value& x) { return x * sigmoid(x); }},
    {"silu", [](const Value& x) { return x * sigmoid(x); }},
    {"mish", [](const Value& x) { return x * ops::tanh(softplus(x)); }},
    {"gelu", [](const Value& x) { return apply("gelu", {x}); }},
    {"gelu_new",
     [](const Value& x) {
       const Value inner = (x + square(x) * x * 0.044715) * std::sqrt(2 / std::numbers::pi);
       return x * 0.5 * (ops::tanh(inner) + 1);
     }},
};

}  // namespace

Value activation(std::string_view name, const Value& x, const Config& config) {
  if (name == "hardSigmoid") name = "hard_sigmoid";
  if (name == "logSoftmax") name = "log_softmax";
  for (const Activation& known : kActivations)
    if (known.name == name) return known.function(x);
  config.unsupported("the activation '", name.substr(0, 60), "' is not known here");
}

}  // namespace addax::layers
