// The present state of a model, written into the JSON that it came with.
#include <algorithm>

#include "file/document.h"
#include "file/model_impl.h"
#include "file/program_json.h"

namespace addax::file {
namespace {

// Where optimizers' configurations keep their rate: Keras's and TF.js's. A schedule, which is an object, stays.
void set_rate(Json& json, std::initializer_list<const char*> path, double rate) {
  Json* at = &json;
  for (const char* key : path) {
    if (!at->is_object() || !at->contains(key)) return;
    at = &(*at)[key];
  }
  if (at->is_number()) *at = rate;
}

// TF.js's momentum is a sum of gradients, ours one of steps: -rate times as much. `momentumForTfjs` says which weight
// is which one in its scale, and the rate is the one that TF.js reads.
void scale_momentum(const Json& json, std::vector<NamedTensor>& weights) {
  const Json* const made_of = find_in_section(json, "momentumForTfjs");
  const Json::json_pointer path("/trainingConfig/optimizer_config/config/learningRate");
  if (made_of == nullptr || !made_of->is_object() || !json.contains(path) || !json.at(path).is_number()) return;
  const auto rate = json.at(path).get<double>();
  const auto factor = static_cast<float>(rate == 0 ? 0 : -1 / rate);  // steps of 0 say nothing of gradients
  const auto find = [&](const std::string& name) {
    return std::find_if(weights.begin(), weights.end(), [&](const NamedTensor& w) { return w.name == name; });
  };
  for (const auto& [scaled, ours] : made_of->items()) {
    if (!ours.is_string()) continue;
    const auto to = find(scaled), from = find(ours.get_ref<const std::string&>());
    if (to == weights.end() || from == weights.end() || from->tensor.dtype() != DType::float32) continue;
    Tensor tensor(DType::float32, from->tensor.shape());
    for (std::int64_t i = 0; i < tensor.elements(); ++i)
      tensor.data_as<float>()[i] = from->tensor.data_as<float>()[i] * factor;
    to->tensor = std::move(tensor);
  }
}

void set_small(Json& section, const std::vector<NamedTensor>& small) {
  Json state = Json::array();
  for (const NamedTensor& s : small) {
    Json entry{{"name", s.name}};
    entry.update(to_json(s.tensor));
    state.push_back(std::move(entry));
  }
  section["state"] = std::move(state);
}

void set_check(Json& section, const CheckPair* check) {
  section.erase("check");
  if (check == nullptr) return;
  Json pair = Json::object();
  for (const auto& [key, tensors] : {std::pair{"inputs", &check->inputs}, std::pair{"outputs", &check->outputs}}) {
    Json list = Json::array();
    for (const Tensor& tensor : *tensors) list.push_back(to_json(tensor));
    pair[key] = std::move(list);
  }
  section["check"] = std::move(pair);
}

}  // namespace

std::string with_state(const std::string& text, const Present& present, std::vector<NamedTensor>& weights) {
  Json json = parse_json(text, kModelName);
  if (present.learning_rate) {
    for (const char* key : {"learningRate", "learning_rate"})
      set_rate(json, {"trainingConfig", "optimizer_config", "config", key}, *present.learning_rate);
    set_rate(json, {"userDefinedMetadata", "addax", "compileConfig", "optimizer", "config", "learning_rate"},
             *present.learning_rate);
  }
  if (Json* const section = find_section(json)) {
    set_small(*section, present.small);
    set_check(*section, present.check);
  }
  scale_momentum(json, weights);
  return json.dump();
}

}  // namespace addax::file
