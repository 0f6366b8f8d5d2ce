// A layer of a topology as operations, while a program is recorded.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "addax/attributes.h"
#include "addax/ops.h"
#include "layers/config.h"
#include "layers/weights.h"

namespace addax::layers {

// What goes from layer to layer: a value, and which of its time steps count (no value: all do).
struct Flow {
  Value value;
  Value mask = {};
};
using Flows = std::vector<Flow>;

inline constexpr std::int64_t kAnySize = -1;

// What all layers of a topology share.
struct Shared {
  Weights weights;
  std::int64_t calls = 0;  // of layers, so far
};

// One layer of the topology. `prefix` stands before the names of its weights: "dense/". Layers lie in one another no
// deeper than the JSON does.
class Layer {
 public:
  Layer(const Json& entry, std::string prefix, Shared& shared);

  const std::string& class_name() const { return class_name_; }
  const Config& config() const { return config_; }

  // The weight `prefix + leaf`; throws Error(value) unless it has this shape, in which sizes may be kAnySize, and is
  // float32.
  Value weight(const std::string& leaf, const Sizes& shape) const;
  Value activate(const Value& x, std::string_view key = "activation", std::string_view fallback = "linear") const;

  // A layer within this one, under `key` of its config, with the prefix that TensorFlow.js gives it.
  Layer inner(std::string_view key, const std::string& prefix) const;
  const std::string& prefix() const { return prefix_; }
  Shared& shared() const { return shared_; }
  const Json& entry() const { return entry_; }

  void require_rank(const Flow& x, int rank) const;
  std::int64_t known(const Value& x, int axis) const;  // the size of an axis; negative ones count from the end

  // Records the layer. Errors of operations are said of the layer. Throws Error(value) if the topology calls its layers
  // more often than any model does.
  Flows call(const Flows& inputs) const;

 private:
  const Json& entry_;
  std::string class_name_;
  Config config_;
  std::string prefix_;
  Shared& shared_;
};

// What becomes of the masks of a layer's inputs.
enum class Masks { pass, drop, own };

struct Builder {
  const char* class_name;
  int least_inputs, most_inputs;
  Masks masks;
  Flows (*build)(const Layer& layer, const Flows& inputs);
};
inline constexpr int kAnyNumber = 1 << 20;

std::span<const Builder> basic_family();
std::span<const Builder> image_family();
std::span<const Builder> merging_family();
std::span<const Builder> recurrent_family();

// The name in an entry or its config; empty if it has none.
std::string name_in(const Json& entry);

// Whether the entry is a model of its own; its layers, applied to the inputs (network.cpp).
bool is_network(std::string_view class_name);
Flows call_network(const Layer& layer, const Flows& inputs);

// ---- For the families.

Value apply(const char* operation, std::initializer_list<Value> inputs, Attributes attributes = {});
Values apply_all(const char* operation, const Values& inputs, const Attributes& attributes);
Value activation(std::string_view name, const Value& x, const Config& config);  // activation.cpp

inline int axis_of(std::int64_t axis, int rank, const Config& config) {
  if (axis < -rank || axis >= rank) config.error("it has no axis ", axis, " in an input of rank ", rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

bool channels_first(const Config& config);
Value to_channels_last(const Value& x);
Value to_channels_first(const Value& x);
// body(x) with the channels last, whatever the layer's format.
template <class Body>
Value with_channels_last(const Config& config, const Value& x, const Body& body) {
  return channels_first(config) ? to_channels_first(body(to_channels_last(x))) : body(x);
}

}  // namespace addax::layers
