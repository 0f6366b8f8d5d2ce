// Models as layers: Sequential, and graphs of calls.
#include "layers/network.h"

#include <map>
#include <set>
#include <unordered_map>

namespace addax::layers {
namespace {

// An output of a call of a layer.
struct Reference {
  std::string layer;
  std::int64_t call, output;
};

const Json& layers_of(const Layer& model) {
  const auto config = model.entry().find("config");
  if (config == model.entry().end()) model.config().error("it has no config");
  const Json& layers = config->is_array()
                           ? *config  // as old files have it
                           : file::member(*config, "layers", Json::value_t::array, model.config().where());
  if (layers.empty()) model.config().error("it has no layers");
  return layers;
}

std::string name_of(const Json& entry, const Config& model) {
  const std::string name = name_in(entry);
  if (name.empty()) model.error("a layer in it has no name");
  return name;
}

Layer layer_of(const Json& entry, const Layer& model) {
  return Layer(entry, name_of(entry, model.config()) + "/", model.shared());
}

bool is_input(const Json& entry) {
  return entry.is_object() && entry.contains("class_name") && entry["class_name"] == "InputLayer";
}

// [name, call, output, kwargs?]
Reference reference_of(const Json& json, const Config& model) {
  const bool fits = json.is_array() && json.size() >= 3 && json[0].is_string() && json[1].is_number_integer() &&
                    json[2].is_number_integer();
  if (!fits) model.error("a reference to a tensor must be [layer, call, output]; found ", json.dump().substr(0, 80));
  if (json.size() > 3 && !json[3].is_null() && !json[3].empty()) {
    if (!json[3].is_object()) model.error("a call has arguments that are no object: ", json[3].dump().substr(0, 80));
    for (const auto& [key, value] : json[3].items()) {
      if (!value.is_null() && key != "training")
        model.unsupported("a call of layer '", json[0].get<std::string>().substr(0, 80), "' has the argument '",
                          key.substr(0, 60), "'");
    }
  }
  return {json[0].get<std::string>(), json[1].get<std::int64_t>(), json[2].get<std::int64_t>()};
}

// A list of references, or a single one.
std::vector<Reference> references_of(const Json& json, const Config& model) {
  if (!json.is_array() || json.empty()) model.error("a list of tensors is missing; found ", json.dump().substr(0, 80));
  if (json[0].is_string()) return {reference_of(json, model)};
  std::vector<Reference> references;
  for (const Json& one : json) references.push_back(reference_of(one, model));
  return references;
}

std::vector<Reference> references_at(const Layer& model, const char* key) {
  const Json& config = model.entry().at("config");
  if (!config.is_object() || !config.contains(key)) model.config().error("its config lacks '", key, "'");
  return references_of(config.at(key), model.config());
}

// ---- A graph: what the outputs need is called, each call once, without recursion.

class Graph {
 public:
  Graph(const Layer& model, const Flows& inputs) : model_(model) {
    for (const Json& entry : layers_of(model)) {
      const std::string name = name_of(entry, model.config());
      if (!layers_.emplace(name, Calls{&entry, {}, {}}).second)
        model.config().error("it has two layers called '", name.substr(0, 80), "'");
      read_calls(entry, layers_[name]);
    }
    const std::vector<Reference> given = references_at(model, "input_layers");
    if (given.size() != inputs.size())
      model.config().error("it takes ", given.size(), " inputs; received ", inputs.size());
    for (std::size_t i = 0; i < given.size(); ++i) {
      Calls& input = calls_of(given[i].layer);
      if (!is_input(*input.entry))
        model.config().error("its input '", given[i].layer.substr(0, 80), "' is no InputLayer");
      input.results[0] = {inputs[i]};
    }
  }

  Flows outputs() {
    Flows flows;
    for (const Reference& wanted : references_at(model_, "output_layers")) {
      compute(wanted);
      flows.push_back(*found(wanted));
    }
    return flows;
  }

 private:
  struct Calls {
    const Json* entry;
    std::map<std::int64_t, std::vector<Reference>> inputs;
    std::map<std::int64_t, Flows> results;
  };

  void read_calls(const Json& entry, Calls& calls) const {
    const auto nodes = entry.find("inbound_nodes");
    if (nodes == entry.end() || nodes->is_null()) return;
    if (!nodes->is_array()) model_.config().error("'inbound_nodes' must be a list");
    // A model's own graph is its first call.
    std::int64_t call = is_network(text_of(entry)) ? 1 : 0;
    for (const Json& node : *nodes) {
      if (node.is_object())
        model_.config().unsupported("'inbound_nodes' are those of Keras 3. Load the model in Python and save it");
      calls.inputs.emplace(call++, references_of(node, model_.config()));
    }
  }

  static std::string text_of(const Json& entry) {
    return entry.contains("class_name") && entry["class_name"].is_string() ? entry["class_name"].get<std::string>()
                                                                           : "";
  }

  Calls& calls_of(const std::string& name) {
    const auto it = layers_.find(name);
    if (it == layers_.end()) model_.config().error("it has no layer '", name.substr(0, 80), "'");
    return it->second;
  }

  const Flow* found(const Reference& r) {
    Calls& calls = calls_of(r.layer);
    const auto it = calls.results.find(r.call);
    if (it == calls.results.end()) return nullptr;
    if (r.output < 0 || static_cast<std::size_t>(r.output) >= it->second.size())
      model_.config().error("layer '", r.layer.substr(0, 80), "' has no output ", r.output);
    return &it->second[static_cast<std::size_t>(r.output)];
  }

  void compute(const Reference& wanted) {
    std::vector<Reference> open{wanted};
    std::set<std::pair<std::string, std::int64_t>> waiting;
    while (!open.empty()) {
      const Reference at = open.back();
      if (found(at) != nullptr) {
        open.pop_back();
        continue;
      }
      Calls& calls = calls_of(at.layer);
      const auto inputs = calls.inputs.find(at.call);
      if (inputs == calls.inputs.end())
        model_.config().error("layer '", at.layer.substr(0, 80), "' has no call ", at.call);
      Flows flows;
      std::vector<Reference> missing;
      for (const Reference& input : inputs->second) {
        const Flow* const flow = found(input);
        if (flow == nullptr) {
          missing.push_back(input);
        } else {
          flows.push_back(*flow);
        }
      }
      if (missing.empty()) {
        calls.results[at.call] = layer_of(*calls.entry, model_).call(flows);
      } else if (!waiting.emplace(at.layer, at.call).second) {
        model_.config().error("layer '", at.layer.substr(0, 80), "' waits for its own output: the graph has a cycle");
      }
      open.insert(open.end(), missing.begin(), missing.end());
    }
  }

  const Layer& model_;
  std::unordered_map<std::string, Calls> layers_;
};

// ---- Sequential

Flows run_stack(const Layer& model, Flows flows) {
  const Json& layers = layers_of(model);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (i == 0 && is_input(layers[i])) continue;
    flows = layer_of(layers[i], model).call(flows);
  }
  return flows;
}

// ---- Inputs and outputs of the whole

NamedSpec spec_of(const std::string& name, const Config& config) {
  const char* const key = config.has("batch_input_shape") ? "batch_input_shape" : "batch_shape";
  const Json* const shape = config.find(key);
  if (shape == nullptr || !shape->is_array() || shape->empty() || shape->size() > kMaxRank)
    config.error("it must say the shape of the model's input ('batch_input_shape')");
  NamedSpec input{name, {DType::float32, {}}};
  const std::string dtype =
      config.has("dtype") && config.find("dtype")->is_string() ? config.text("dtype", "") : "float32";
  const auto known = parse_dtype(dtype);
  if (!known) config.error("'dtype' is '", dtype.substr(0, 60), "'");
  input.spec.dtype = *known;
  for (const Json& size : *shape) {
    const std::size_t axis = input.spec.dims.size();
    if (size.is_null()) {
      input.spec.dims.push_back(Dim::unknown(axis == 0 ? "batch" : text("axis", axis)));
    } else if (size.is_number_integer() && size.get<std::int64_t>() >= 0 && size.get<std::int64_t>() < (1LL << 31)) {
      input.spec.dims.emplace_back(size.get<std::int64_t>());
    } else {
      config.error("'", key, "' must hold sizes or null; found ", size.dump().substr(0, 60));
    }
  }
  return input;
}

}  // namespace

bool is_network(std::string_view class_name) {
  return class_name == "Sequential" || class_name == "Functional" || class_name == "Model";
}

Flows call_network(const Layer& layer, const Flows& inputs) {
  return layer.class_name() == "Sequential" ? run_stack(layer, inputs) : Graph(layer, inputs).outputs();
}

std::vector<NamedSpec> inputs_of(const Layer& model) {
  const Json& layers = layers_of(model);
  if (model.class_name() == "Sequential") {
    const Layer first = layer_of(layers[0], model);
    if (is_network(first.class_name())) return inputs_of(first);
    std::string name = name_of(layers[0], model.config());
    return {spec_of(is_input(layers[0]) ? name : name + "_input", first.config())};
  }
  std::vector<NamedSpec> inputs;
  for (const Reference& input : references_at(model, "input_layers")) {
    const Json* entry = nullptr;
    for (const Json& candidate : layers)
      if (is_input(candidate) && name_of(candidate, model.config()) == input.layer) entry = &candidate;
    if (entry == nullptr) model.config().error("its input '", input.layer.substr(0, 80), "' is no InputLayer");
    inputs.push_back(spec_of(input.layer, layer_of(*entry, model).config()));
  }
  return inputs;
}

std::vector<std::string> output_names_of(const Layer& model, std::size_t count) {
  std::vector<std::string> names;
  if (model.class_name() == "Sequential") {
    names.push_back(name_of(layers_of(model).back(), model.config()));
  } else {
    for (const Reference& output : references_at(model, "output_layers")) names.push_back(output.layer);
  }
  for (std::size_t i = names.size(); i < count; ++i) names.push_back(text(names[0], "_", i));
  names.resize(count);
  return names;
}

}  // namespace addax::layers
