#include "layers/layer.h"

#include <algorithm>
#include <cctype>
#include <unordered_map>

#include "ops/operation.h"

namespace addax::layers {
namespace {

// A model within a model within a model, each called twice by the one around it: a short file is without end.
constexpr std::int64_t kMostCalls = 100'000;

const Builder* find_builder(std::string_view class_name) {
  static const auto* const builders = [] {
    auto* map = new std::unordered_map<std::string_view, const Builder*>;
    for (const auto family : {basic_family(), image_family(), merging_family(), recurrent_family()})
      for (const Builder& builder : family) map->emplace(builder.class_name, &builder);
    return map;
  }();
  const auto it = builders->find(class_name);
  return it == builders->end() ? nullptr : it->second;
}

std::string class_in(const Json& entry) {
  if (!entry.is_object()) fail(ErrorKind::value, "modelTopology: a layer must be an object; found ", entry.type_name());
  return file::string(file::member(entry, "class_name", Json::value_t::string, "modelTopology: a layer"), "class_name");
}

// Old files have a list of layers for the config of a Sequential.
const Json& config_in(const Json& entry) {
  static const Json kEmpty = Json::object();
  const auto found = entry.find("config");
  return found == entry.end() || found->is_array() ? kEmpty : *found;
}

}  // namespace

std::string name_in(const Json& entry) {
  if (!entry.is_object()) return "";
  const auto name = entry.find("name");
  if (name != entry.end() && name->is_string()) return name->get<std::string>();
  const auto config = entry.find("config");
  return config == entry.end() ? "" : name_in(*config);
}

Layer::Layer(const Json& entry, std::string prefix, Shared& shared)
    : entry_(entry),
      class_name_(class_in(entry)),
      config_(config_in(entry), text("layer '", name_in(entry).substr(0, 80), "' (", class_name_.substr(0, 80), ")")),
      prefix_(std::move(prefix)),
      shared_(shared) {}

Value Layer::weight(const std::string& leaf, const Sizes& shape) const {
  const VariablePtr& found = shared_.weights.take(prefix_ + leaf);
  const Shape& seen = found->shape();
  bool fits = seen.rank() == static_cast<int>(shape.size());
  for (int i = 0; fits && i < seen.rank(); ++i) {
    const std::int64_t wanted = shape[static_cast<std::size_t>(i)];
    fits = wanted == kAnySize || seen[i] == wanted;
  }
  if (!fits) {
    std::string wanted;
    for (const std::int64_t size : shape)
      wanted += (wanted.empty() ? "" : ", ") + (size == kAnySize ? std::string("any") : std::to_string(size));
    config_.error("weight '", found->name().substr(0, 120), "' has shape ", seen, "; wanted (", wanted, ")");
  }
  if (found->dtype() != DType::float32)
    config_.error("weight '", found->name().substr(0, 120), "' must be float32; it is ", found->dtype());
  return Variable::read(found);
}

Value Layer::activate(const Value& x, std::string_view key, std::string_view fallback) const {
  const Json* const found = config_.find(key);
  if (found == nullptr) return activation(fallback, x, config_);
  if (found->is_string()) return activation(found->get<std::string>(), x, config_);
  // {"class_name": …, "config": …}: a layer with its options, or a function.
  if (found->is_object() && found->contains("class_name") && (*found)["class_name"].is_string()) {
    auto name = (*found)["class_name"].get<std::string>();
    if (find_builder(name) != nullptr) return inner(key, prefix_).call({{x}}).front().value;
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    return activation(name, x, config_);
  }
  config_.error("'", key, "' must name a function; found ", found->dump().substr(0, 60));
}

Layer Layer::inner(std::string_view key, const std::string& prefix) const {
  const Json* const found = config_.find(key);
  if (found == nullptr || !found->is_object()) config_.error("its config lacks '", key, "'");
  return Layer(*found, prefix, shared_);
}

void Layer::require_rank(const Flow& x, int rank) const {
  if (x.value.rank() != rank) config_.error("it takes inputs of rank ", rank, "; received shape ", x.value.dims());
}

std::int64_t Layer::known(const Value& x, int axis) const {
  const Dim& size = x.dim(axis < 0 ? axis + x.rank() : axis);
  if (!size.known()) config_.error("axis ", axis, " of its input must have a known size; received shape ", x.dims());
  return size.value();
}

Flows Layer::call(const Flows& inputs) const {
  if (++shared_.calls > kMostCalls) config_.error("the model calls its layers more than ", kMostCalls, " times");
  if (is_network(class_name_)) return call_network(*this, inputs);
  const Builder* const builder = find_builder(class_name_);
  if (builder == nullptr)
    config_.unsupported(
        "this class of layer is not known here. Load the model in Python and save it: the file then "
        "holds a program, which needs no layers");
  const int count = static_cast<int>(inputs.size());
  if (count < builder->least_inputs || count > builder->most_inputs)
    config_.error("it takes ", builder->least_inputs, builder->most_inputs > builder->least_inputs ? " or more" : "",
                  " inputs; received ", count);
  try {
    Flows outputs = builder->build(*this, inputs);
    if (builder->masks == Masks::pass) outputs.front().mask = inputs.front().mask;
    return outputs;
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with("layer '")) throw;
    fail(error.kind(), config_.where(), ": ", error.what());
  }
}

Value apply(const char* operation, std::initializer_list<Value> inputs, Attributes attributes) {
  return apply_one(operation_named(operation), inputs, std::move(attributes));
}

Values apply_all(const char* operation, const Values& inputs, const Attributes& attributes) {
  return addax::apply(operation_named(operation), inputs, attributes);
}

bool channels_first(const Config& config) {
  const std::string format = config.text("data_format", "channels_last");
  if (format == "channels_first" || format == "channelsFirst") return true;
  if (format != "channels_last" && format != "channelsLast")
    config.error("'data_format' is '", format.substr(0, 60), "'");
  return false;
}

Value to_channels_last(const Value& x) {
  ops::Axes perm{0};
  for (int i = 2; i < x.rank(); ++i) perm.push_back(i);
  perm.push_back(1);
  return ops::transpose(x, perm);
}

Value to_channels_first(const Value& x) {
  ops::Axes perm{0, x.rank() - 1};
  for (int i = 1; i < x.rank() - 1; ++i) perm.push_back(i);
  return ops::transpose(x, perm);
}

}  // namespace addax::layers
