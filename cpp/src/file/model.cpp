#include "addax/model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "addax/ops.h"
#include "base/build.h"
#include "base/left_out.h"
#include "base/status_of.h"
#include "file/document.h"
#include "file/model_impl.h"
#include "file/program_json.h"

namespace addax {
namespace {

using file::Json;

// ---- Reading the description

std::string text_or_empty(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// The model's own config: of Keras 3 in our section, else TF.js's topology.
const Json* find_config(const Json& json) {
  if (const Json* own = file::find_in_section(json, "config"); own != nullptr && own->is_object()) {
    const auto config = own->find("config");
    return config != own->end() && config->is_object() ? &*config : nullptr;
  }
  const Json* at = &json;
  for (const char* key : {"modelTopology", "model_config", "config"}) {
    const auto next = at->find(key);
    if (next == at->end() || !next->is_object()) {
      if (key == std::string_view("model_config")) continue;  // some files leave this level out
      return nullptr;
    }
    at = &*next;
  }
  return at;
}

void read_description(const Json& json, ModelImpl& model) {
  if (const Json* config = find_config(json)) {
    model.name = text_or_empty(*config, "name");
    if (const auto layers = config->find("layers"); layers != config->end() && layers->is_array())
      for (const Json& layer : *layers) {
        if (!layer.is_object()) continue;
        std::string name = text_or_empty(layer, "name");
        if (const auto own = layer.find("config"); name.empty() && own != layer.end() && own->is_object())
          name = text_or_empty(*own, "name");
        model.layers.push_back({std::move(name), text_or_empty(layer, "class_name")});
      }
  }
  Json metadata = Json::object();
  if (const auto found = json.find("userDefinedMetadata"); found != json.end() && found->is_object()) {
    metadata = *found;
    metadata.erase("addax");
  }
  model.metadata = metadata.dump();
}

std::vector<std::string> names_of(const Json& signature, const char* key, std::size_t count, std::string_view what) {
  std::vector<std::string> names;
  for (const Json& name : file::member(signature, key, Json::value_t::array, what))
    names.push_back(file::string(name, what));
  if (names.size() != count)
    fail(ErrorKind::value, what, ": ", names.size(), " ", key, " are named; the program has ", count);
  return names;
}

std::size_t count_of(const Json& signature, const char* key, std::size_t most, std::string_view what) {
  const auto it = signature.find(key);
  if (it == signature.end()) return 0;
  const std::int64_t count = file::integer(*it, what);
  if (count < 0 || static_cast<std::uint64_t>(count) > most)
    fail(ErrorKind::value, what, ": '", key, "' is ", count, "; at most ", most, " are there");
  return static_cast<std::size_t>(count);
}

ModelProgram describe(const std::string& title, ProgramPtr recorded, const Json& signatures) {
  const std::string what = "signature of program '" + title.substr(0, 40) + "'";
  ModelProgram program;
  const std::size_t inputs = recorded->inputs.size();
  const Json& signature = file::member(signatures, title, Json::value_t::object, "signatures");
  program.outputs = names_of(signature, "outputs", recorded->outputs.size(), what);
  program.y = count_of(signature, "targets", inputs, what);
  program.weights = count_of(signature, "weights", inputs - program.y, what);
  program.states = count_of(signature, "states", std::min(inputs, recorded->outputs.size()), what);
  if (program.y + program.weights + program.states > inputs)
    fail(ErrorKind::value, what, ": more inputs are named than the program has");
  program.x = inputs - program.y - program.weights - program.states;
  program.recorded = std::move(recorded);
  return program;
}

std::vector<Port> input_ports(const ModelProgram& program, std::size_t first, std::size_t count) {
  std::vector<Port> ports;
  const Specs specs = program.recorded->input_specs();
  for (std::size_t i = first; i < first + count; ++i)
    ports.push_back({program.recorded->input_names[i], specs[i].dtype, specs[i].dims});
  return ports;
}

std::vector<Port> output_ports(const ModelProgram& program) {
  std::vector<Port> ports;
  const Specs specs = program.recorded->output_specs();
  for (std::size_t i = 0; i < specs.size(); ++i) ports.push_back({program.outputs[i], specs[i].dtype, specs[i].dims});
  return ports;
}

std::optional<CheckPair> read_check(const Json& json) {
  const Json* const found = file::find_in_section(json, "check");
  if (found == nullptr) return {};
  CheckPair pair;
  for (auto [key, tensors] : {std::pair{"inputs", &pair.inputs}, std::pair{"outputs", &pair.outputs}})
    for (const Json& entry : file::member(*found, key, Json::value_t::array, "check"))
      tensors->push_back(file::tensor_from_json(entry, "check"));
  return pair;
}

}  // namespace

// ---- The programs

ModelProgram& ModelImpl::program(std::string_view title) {
  const auto it = programs.find(title);
  if (it != programs.end()) return it->second;
  if (const auto reason = left_out.find(title); reason != left_out.end())
    fail(ErrorKind::unsupported, "model '", name, "' cannot do that here: ", reason->second);
  if (programs.empty())
    fail(ErrorKind::unsupported, "model '", name,
         "' holds no programs: its file was not written by Addax, or its layers "
         "could not be recorded. Load it with `addax.models.load_model` in Python and save it again");
  if (title == "predict")
    fail(ErrorKind::unsupported, "model '", name, "' holds no program '", title, "': it could not be recorded");
  if (title == "stream")
    fail(ErrorKind::unsupported, "model '", name,
         "' cannot be streamed: it has no recurrent layer, or a layer that "
         "looks at other time steps than those before");
  if (!kTraining && title.starts_with("train"))
    fail(ErrorKind::unsupported, "model '", name, "' cannot be trained", left_out_note());
  fail(ErrorKind::unsupported, "model '", name, "' holds no program '", title,
       "': compile it with a loss and an optimizer before it is saved");
}

Executable& ModelImpl::executable(std::string_view title) {
  ModelProgram& found = program(title);
  const std::lock_guard lock(mutex);
  if (found.executable == nullptr) found.executable = std::make_unique<Executable>(optimize(found.recorded));
  return *found.executable;
}

std::unique_lock<std::mutex> ModelImpl::take_turn(const Program& program) {
  return program.assignments.empty() ? std::unique_lock<std::mutex>() : std::unique_lock(turns);
}

std::vector<Tensor> ModelImpl::run(std::string_view title, std::span<const Tensor> inputs) {
  Executable& found = executable(title);
  const std::vector<Tensor> fitted = file::fit_inputs(*found.program(), inputs);
  const auto turn = take_turn(*found.program());
  return found.run(fitted);
}

const VariablePtr* ModelImpl::find(std::string_view variable) const {
  for (const Weight& w : weights)
    if (w.variable->name() == variable) return &w.variable;
  for (const VariablePtr& v : small)
    if (v->name() == variable) return &v;
  return nullptr;
}

void ModelImpl::set_predict(const ProgramPtr& recorded, std::vector<std::string> output_names) {
  ModelProgram program;
  program.recorded = recorded;
  program.outputs = std::move(output_names);
  program.x = recorded->inputs.size();
  const ModelProgram& kept = programs.insert_or_assign("predict", std::move(program)).first->second;
  inputs = input_ports(kept, 0, kept.x);
  outputs = output_ports(kept);
}

// ---- Loading

std::shared_ptr<ModelImpl> make_model(file::Document document) {
  auto model = std::make_shared<ModelImpl>();
  read_description(document.json, *model);
  const file::State state = file::make_state(document);
  auto programs = file::read_programs(document.json, state);
  static const Json kNone = Json::object();
  const Json* const signatures = file::find_in_section(document.json, "signatures");
  model->left_out = std::move(programs.left_out);
  for (auto& [title, recorded] : programs.found)
    model->programs.emplace(title, describe(title, std::move(recorded), signatures == nullptr ? kNone : *signatures));
  if (const auto it = model->programs.find("predict"); it != model->programs.end()) {
    model->inputs = input_ports(it->second, 0, it->second.x);
    model->outputs = output_ports(it->second);
  }
  if (const auto it = model->programs.find("train"); it != model->programs.end())
    model->targets = input_ports(it->second, it->second.x, it->second.y);
  model->check = read_check(document.json);
  for (std::size_t i = 0; i < state.weights.size(); ++i)
    model->weights.push_back({document.weights[i].group, state.weights[i]});
  model->small = state.small;
  model->json = std::move(document.text);
  return model;
}

Model Model::load(const std::string& path) {
  return Model(make_model(file::read_document(path, file::Memory::borrowed)));
}

Model Model::load(std::string_view json, std::span<const std::uint8_t> weights) {
  return Model(make_model(file::parse_document(json, {nullptr, weights})));
}

Expected<Model> Model::try_load(const std::string& path) noexcept {
  return expected<Model>([&] { return load(path); });
}

Expected<Model> Model::try_load(std::string_view json, std::span<const std::uint8_t> weights) noexcept {
  return expected<Model>([&] { return load(json, weights); });
}

// ---- Inspecting

const std::string& Model::name() const { return impl_->name; }
const std::vector<Port>& Model::inputs() const { return impl_->inputs; }
const std::vector<Port>& Model::outputs() const { return impl_->outputs; }
const std::vector<Port>& Model::targets() const { return impl_->targets; }
const std::vector<LayerInfo>& Model::layers() const { return impl_->layers; }
const std::string& Model::metadata() const { return impl_->metadata; }
bool Model::streams() const { return impl_->has("stream"); }
bool Model::trains() const { return impl_->has("train"); }

std::vector<WeightInfo> Model::weights() const {
  std::vector<WeightInfo> infos;
  for (const ModelImpl::Weight& w : impl_->weights)
    infos.push_back({w.variable->name(), w.group, w.variable->dtype(), w.variable->shape()});
  return infos;
}

std::int64_t Model::parameters() const {
  std::int64_t count = 0;
  for (const ModelImpl::Weight& w : impl_->weights)
    if (w.group.empty()) count += w.variable->shape().elements();
  return count;
}

namespace {

const VariablePtr& weight_of(const ModelImpl& model, std::string_view name) {
  for (const ModelImpl::Weight& w : model.weights)
    if (w.variable->name() == name) return w.variable;
  fail(ErrorKind::value, "model '", model.name, "' has no weight '", name.substr(0, 120), "'");
}

}  // namespace

Tensor Model::weight(std::string_view name) const { return weight_of(*impl_, name)->tensor().clone(); }

void Model::set_weight(std::string_view name, const Tensor& value) {
  Variable::assign(weight_of(*impl_, name), Value(value.clone()));
}

// ---- Predicting

namespace file {

std::vector<Tensor> fit_inputs(const Program& program, std::span<const Tensor> given) {
  const Specs specs = program.input_specs();
  if (given.size() != specs.size())
    fail(ErrorKind::value, "the model takes ", specs.size(), " inputs; received ", given.size());
  std::vector<Tensor> fitted;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const Tensor& x = given[i];
    const std::string& name = program.input_names[i];
    if (!x) fail(ErrorKind::value, "input '", name, "' is an empty tensor");
    const bool same_kind = (is_floating(x.dtype()) && is_floating(specs[i].dtype)) ||
                           (is_integer(x.dtype()) && is_integer(specs[i].dtype));
    if (x.dtype() != specs[i].dtype && !same_kind)
      fail(ErrorKind::type, "input '", name, "' must be ", specs[i].dtype, "; received ", x.dtype());
    fitted.push_back(x.dtype() == specs[i].dtype ? x : ops::cast(x, specs[i].dtype).tensor());
  }
  return fitted;
}

}  // namespace file

std::vector<Tensor> Model::predict(std::span<const Tensor> inputs) const { return impl_->run("predict", inputs); }

Tensor Model::predict(const Tensor& input) const {
  std::vector<Tensor> outputs = predict(std::span(&input, 1));
  if (outputs.size() != 1)
    fail(ErrorKind::value, "model '", impl_->name, "' has ", outputs.size(), " outputs: predict with a list of inputs");
  return std::move(outputs[0]);
}

namespace {

double difference(const Tensor& a, const Tensor& b) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return kInfinity;
  const Tensor x = ops::cast(a, DType::float64).tensor(), y = ops::cast(b, DType::float64).tensor();
  double worst = 0;
  for (std::int64_t i = 0; i < x.elements(); ++i) {
    const double p = x.data_as<double>()[i], q = y.data_as<double>()[i];
    if (p == q || (std::isnan(p) && std::isnan(q))) continue;
    const double d = std::abs(p - q);
    worst = std::max(worst, std::isnan(d) ? kInfinity : d);
  }
  return worst;
}

}  // namespace

std::vector<Tensor> run_check(ModelImpl& model) {
  Executable& executable = model.executable("predict");
  const Program& program = *executable.program();
  const std::vector<Tensor> inputs = file::fit_inputs(program, model.check->inputs);
  const auto turn = model.take_turn(program);
  std::vector<std::pair<VariablePtr, Tensor>> before;
  for (const Assignment& a : program.assignments) {
    const VariablePtr& variable = program.variables[static_cast<std::size_t>(a.variable)];
    before.emplace_back(variable, variable->tensor().clone());
  }
  std::vector<Tensor> outputs = executable.run(inputs);
  for (const auto& [variable, value] : before) Variable::assign(variable, Value(value));
  return outputs;
}

std::optional<double> Model::verify() const {
  if (!impl_->check) return {};
  const std::vector<Tensor> outputs = run_check(*impl_);
  const std::vector<Tensor>& wanted = impl_->check->outputs;
  if (outputs.size() != wanted.size())
    fail(ErrorKind::value, "the file's check has ", wanted.size(), " outputs; the model has ", outputs.size());
  double worst = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) worst = std::max(worst, difference(outputs[i], wanted[i]));
  return worst;
}

}  // namespace addax
