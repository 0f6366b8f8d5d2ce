#include "addax/layers_model.h"

#include "base/status_of.h"
#include "file/document.h"
#include "file/model_impl.h"
#include "layers/network.h"

namespace addax {
namespace {

using file::Json;

// Of TensorFlow.js, of its converter (with "model_config" between), and where that is a text of its own in old files.
Json topology_of(const Json& document) {
  if (!document.contains("modelTopology") || !document["modelTopology"].is_object())
    fail(ErrorKind::value, "model.json has no 'modelTopology': it describes no layers");
  const Json& topology = document["modelTopology"];
  if (!topology.contains("model_config")) return topology;
  const Json& config = topology["model_config"];
  return config.is_string() ? file::parse_json(config.get<std::string>(), "model_config") : config;
}

ProgramPtr record(const layers::Layer& model) {
  const auto recording = Recording::begin();
  struct End {
    Recording& recording;
    ~End() { recording.leave(); }
  } end{*recording};
  layers::Flows inputs;
  for (const layers::NamedSpec& input : layers::inputs_of(model))
    inputs.push_back({recording->input(input.name, input.spec)});
  Values outputs;
  for (const layers::Flow& flow : model.call(inputs)) outputs.push_back(flow.value);
  return recording->finish(outputs);
}

std::shared_ptr<ModelImpl> with_layers(file::Document document) {
  const Json* const programs = file::find_in_section(document.json, "programs");
  if (programs != nullptr && !programs->empty()) return make_model(std::move(document));
  const Json topology = topology_of(document.json);
  std::shared_ptr<ModelImpl> impl = make_model(std::move(document));
  std::vector<VariablePtr> variables;
  for (const ModelImpl::Weight& weight : impl->weights)
    if (weight.group.empty()) variables.push_back(weight.variable);
  layers::Shared shared{layers::Weights(variables)};
  const layers::Layer model(topology, "", shared);
  if (!layers::is_network(model.class_name())) model.config().unsupported("the file describes no model of layers");
  const ProgramPtr program = record(model);
  shared.weights.require_all_taken();
  std::vector<std::string> names = layers::output_names_of(model, program->outputs.size());
  impl->set_predict(program, std::move(names));
  return impl;
}

}  // namespace

Model load_layers_model(const std::string& path) {
  return ModelMaker::make(with_layers(file::read_document(path, file::Memory::borrowed)));
}

Model load_layers_model(std::string_view json, std::span<const std::uint8_t> weights) {
  return ModelMaker::make(with_layers(file::parse_document(json, {nullptr, weights})));
}

Expected<Model> try_load_layers_model(const std::string& path) noexcept {
  return expected<Model>([&] { return load_layers_model(path); });
}

Expected<Model> try_load_layers_model(std::string_view json, std::span<const std::uint8_t> weights) noexcept {
  return expected<Model>([&] { return load_layers_model(json, weights); });
}

}  // namespace addax
