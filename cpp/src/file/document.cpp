#include "file/document.h"

#include "base/build.h"
#include "base/left_out.h"
#include "base/sha256.h"
#include "file/program_json.h"

namespace addax::file {
namespace {

// TF.js keeps a user's metadata when it trains and saves a model that we wrote: what stands there for us is out of
// date.
bool is_ours(const Json& json) {
  const auto writer = json.find("generatedBy");
  return writer == json.end() || !writer->is_string() || writer->get_ref<const std::string&>().starts_with("addax");
}

// Before anything else is believed: a newer version may mean other things by the same names.
void check_section(const Json& json) {
  const auto metadata = json.find("userDefinedMetadata");
  if (metadata == json.end() || metadata->is_null()) return;
  if (!metadata->is_object()) fail(ErrorKind::value, "`userDefinedMetadata` in the file must be an object.");
  if (!is_ours(json)) return;
  const auto section = metadata->find("addax");
  if (section == metadata->end()) return;
  if (!section->is_object()) fail(ErrorKind::value, "`userDefinedMetadata.addax` in the file must be an object.");
  if (section->empty()) return;
  const auto version = section->find("formatVersion");
  if (version == section->end()) fail(ErrorKind::value, "The file has no format version.");
  if (!version->is_number_integer() || integer(*version, "formatVersion") < 1)
    fail(ErrorKind::value, "The file has the unknown format version ", version->dump().substr(0, 40), ".");
  if (integer(*version, "formatVersion") > kFormatVersion)
    fail(ErrorKind::value, "The file has format version ", version->dump(), "; this Addax reads up to ", kFormatVersion,
         ". Load it with a newer Addax.");
}

// What TensorFlow's converter makes of anything but a Keras model: operations of its own, no layers.
void refuse_graph_model(const Json& json) {
  const auto format = json.find("format"), topology = json.find("modelTopology");
  const bool nodes = topology != json.end() && topology->is_object() && topology->contains("node");
  if (nodes || (format != json.end() && *format == "graph-model"))
    fail(ErrorKind::value, "this is a graph model of TensorFlow.js: only layers models can be loaded");
}

void check_digest(const Json& json, const std::vector<Bytes>& files) {
  const Json* const digest = find_in_section(json, "weightsDigest");
  if (digest == nullptr) return;
  if (sha256_hex(joined(files).view) != string(*digest, "weightsDigest"))
    fail(ErrorKind::value, "the weights file is damaged: its digest is not the one that model.json gives");
}

Document make_document(std::string text, std::string_view what, const FindShard& find, Memory memory) {
  Document document;
  document.text = std::move(text);
  document.json = parse_json(document.text, what);
  const Json& json = document.json;
  if (!json.is_object()) fail(ErrorKind::value, what, ": expected an object; found ", json.type_name());
  refuse_graph_model(json);
  check_section(json);
  ReadWeights read;
  if (json.contains("weightsManifest")) read = read_weights(json.at("weightsManifest"), find, memory);
  check_digest(json, read.files);
  document.weights = std::move(read.weights);
  return document;
}

}  // namespace

Document read_document(const std::string& path, Memory memory) {
  if (path.empty()) fail(ErrorKind::value, "the path of the model is empty");
  std::string where = path, name = kModelName;
  if (!is_folder(path)) {
    const std::size_t slash = path.rfind('/');
    where = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    name = slash == std::string::npos ? path : path.substr(slash + 1);
  }
  const Folder folder(where);
  const Bytes text = folder.read(name, static_cast<std::int64_t>(kMaxJsonBytes));
  // What is copied anyhow is read: a file that shrinks meanwhile is then an error. What is borrowed is mapped.
  const auto find = [&](const std::string& shard, std::int64_t limit) {
    return memory == Memory::own ? folder.read(shard, limit) : folder.map(shard, limit);
  };
  return make_document({text.view.begin(), text.view.end()}, folder.path_of(name), find, memory);
}

Document parse_document(std::string_view text, const Bytes& weights) {
  std::size_t taken = 0;
  // Where one file ends and the next begins does not matter: what a group needs comes with its first.
  const auto find = [&](const std::string&, std::int64_t limit) -> Bytes {
    const std::size_t rest = weights.view.size() - taken;
    const std::size_t count = std::min(rest, static_cast<std::size_t>(limit));
    taken += count;
    return {weights.owner, weights.view.subspan(taken - count, count)};
  };
  Document document = make_document(std::string(text), kModelName, find, Memory::borrowed);
  if (taken != weights.view.size())
    fail(ErrorKind::value, "the weights have ", weights.view.size(), " bytes; the manifest accounts for ", taken);
  return document;
}

const Json* find_section(const Json& json) {
  if (!is_ours(json)) return nullptr;
  const auto metadata = json.find("userDefinedMetadata");
  if (metadata == json.end() || !metadata->is_object()) return nullptr;
  const auto section = metadata->find("addax");
  return section == metadata->end() || !section->is_object() ? nullptr : &*section;
}

Json* find_section(Json& json) { return const_cast<Json*>(find_section(std::as_const(json))); }

const Json* find_in_section(const Json& json, std::string_view key) {
  const Json* const section = find_section(json);
  if (section == nullptr) return nullptr;
  const auto found = section->find(std::string(key));
  return found == section->end() ? nullptr : &*found;
}

State make_state(const Document& document) {
  State state;
  for (const NamedTensor& w : document.weights)
    state.weights.push_back(std::make_shared<Variable>(w.tensor, w.name, w.group.empty()));
  if (const Json* const entries = find_in_section(document.json, "state"))
    for (const Json& entry : array(*entries, "state")) {
      const std::string& name = string(member(entry, "name", Json::value_t::string, "state"), "state");
      const Tensor tensor = tensor_from_json(entry, "state '" + name.substr(0, 120) + "'");
      state.small.push_back(std::make_shared<Variable>(tensor, name, false));
    }
  return state;
}

Programs read_programs(const Json& json, const State& state) {
  Programs programs;
  const Json* const section = find_in_section(json, "programs");
  if (section == nullptr) return programs;
  if (!section->is_object()) fail(ErrorKind::value, "programs: expected an object; found ", section->type_name());
  std::map<std::string, VariablePtr> variables;
  for (const auto* const part : {&state.weights, &state.small})
    for (const VariablePtr& variable : *part)
      if (!variables.emplace(variable->name(), variable).second)
        fail(ErrorKind::value, "state '", variable->name().substr(0, 120), "' is declared twice");
  const auto find = [&](const std::string& name) {
    const auto it = variables.find(name);
    if (it == variables.end())
      fail(ErrorKind::value, "a program uses variable '", name.substr(0, 120), "', which the weights do not have");
    return it->second;
  };
  for (const auto& [name, program] : section->items()) {
    if (!kTraining && name.starts_with("train")) continue;
    try {
      programs.found.emplace(name, program_from_json(program, find, "program '" + name.substr(0, 40) + "'"));
    } catch (const Error& error) {
      // A build without some operations predicts with a model that it cannot train.
      if (error.kind() != ErrorKind::unsupported || kLeftOut.empty() || name == "predict") throw;
      programs.left_out.emplace(name, error.what());
    }
  }
  return programs;
}

}  // namespace addax::file
