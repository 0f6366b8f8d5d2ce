#include "addax/model_file.h"

#include <map>
#include <string_view>

#include "base/sha256.h"
#include "file/files.h"
#include "file/program_json.h"
#include "file/weights.h"

namespace addax {
namespace {

using file::Json;

constexpr const char* kModelName = "model.json";
constexpr std::size_t kDigestLetters = 16;  // of the digest in the file's name

std::string weights_name(const std::string& digest) { return "weights-" + digest.substr(0, kDigestLetters) + ".bin"; }

// A weights file that an earlier save of ours left.
bool is_weights_name(const std::string& name) {
  if (name.size() != weights_name(std::string(kDigestLetters, '0')).size()) return false;
  const std::string digest = name.substr(std::string_view("weights-").size(), kDigestLetters);
  return digest.find_first_not_of("0123456789abcdef") == std::string::npos && name == weights_name(digest);
}

Json& addax_section(Json& json) {
  Json& metadata = json["userDefinedMetadata"];
  if (!metadata.is_object()) metadata = Json::object();
  return metadata["addax"];
}

// The member of our section in the file's metadata; nullptr if there is none.
const Json* find_in_section(const Json& json, const char* key) {
  const auto metadata = json.find("userDefinedMetadata");
  if (metadata == json.end() || !metadata->is_object()) return nullptr;
  const auto section = metadata->find("addax");
  if (section == metadata->end() || !section->is_object()) return nullptr;
  const auto found = section->find(key);
  return found == section->end() ? nullptr : &*found;
}

void check_digest(const Json& json, const std::vector<NamedTensor>& weights) {
  const Json* const digest = find_in_section(json, "weightsDigest");
  if (digest == nullptr) return;
  const std::string& wanted = file::string(*digest, "weightsDigest");
  if (sha256_hex(file::pack_weights(weights)) != wanted)
    fail(ErrorKind::value, "the weights file is damaged: its digest is not the one that model.json gives");
}

std::map<std::string, ProgramPtr> read_programs(const Json& json, const std::vector<NamedTensor>& weights) {
  std::map<std::string, ProgramPtr> programs;
  const Json* section = find_in_section(json, "programs");
  if (section == nullptr) return programs;
  if (!section->is_object()) fail(ErrorKind::value, "programs: expected an object; found ", section->type_name());
  std::map<std::string, VariablePtr> variables;
  for (const NamedTensor& w : weights)
    variables.emplace(w.name, std::make_shared<Variable>(w.tensor, w.name, w.group.empty()));
  // Small state that is no weight stands in the JSON: counters, seeds, totals of metrics.
  if (const Json* const state = find_in_section(json, "state"))
    for (const Json& entry : file::array(*state, "state")) {
      const std::string& name = file::string(file::member(entry, "name", Json::value_t::string, "state"), "state");
      const Tensor tensor = file::tensor_from_json(entry, "state '" + name.substr(0, 120) + "'");
      if (!variables.emplace(name, std::make_shared<Variable>(tensor, name, false)).second)
        fail(ErrorKind::value, "state '", name.substr(0, 120), "' is declared twice");
    }
  const auto find = [&](const std::string& name) {
    const auto it = variables.find(name);
    if (it == variables.end())
      fail(ErrorKind::value, "a program uses variable '", name.substr(0, 120), "', which the weights do not have");
    return it->second;
  };
  for (const auto& [name, program] : section->items())
    programs.emplace(name, file::program_from_json(program, find, "program '" + name.substr(0, 40) + "'"));
  return programs;
}

}  // namespace

void write_model(const std::string& path, const ModelFile& model) {
  file::make_folder(path);
  const file::Folder folder(path);
  const std::vector<std::uint8_t> bytes = file::pack_weights(model.weights);
  const std::string digest = sha256_hex(bytes);
  const std::string name = weights_name(digest);

  Json json = file::parse_json(model.json, "model.json");
  json["weightsManifest"] = file::weights_manifest(model.weights, name);
  Json& section = addax_section(json);
  section["weightsDigest"] = digest;
  if (!model.programs.empty()) {
    Json programs = Json::object();
    for (const auto& [title, program] : model.programs) programs[title] = file::to_json(*program);
    section["programs"] = std::move(programs);
  }
  const std::string text = json.dump();
  folder.write(name, bytes);
  folder.write(kModelName, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  for (const std::string& old : folder.list())
    if ((old != name && is_weights_name(old)) || folder.is_abandoned(old)) folder.remove(old);
}

LoadedModel read_model(const std::string& path, bool with_programs) {
  std::string where = path, name = kModelName;
  if (!file::is_folder(path)) {
    const std::size_t slash = path.rfind('/');
    where = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    name = slash == std::string::npos ? path : path.substr(slash + 1);
  }
  const file::Folder folder(where);
  const std::vector<std::uint8_t> bytes = folder.read(name, static_cast<std::int64_t>(file::kMaxJsonBytes));
  LoadedModel model;
  model.json.assign(bytes.begin(), bytes.end());
  const Json json = file::parse_json(model.json, where + "/" + name);
  if (!json.is_object()) fail(ErrorKind::value, where, "/", name, ": expected an object; found ", json.type_name());
  if (json.contains("weightsManifest")) model.weights = file::read_weights(json.at("weightsManifest"), folder);
  check_digest(json, model.weights);
  if (with_programs) model.programs = read_programs(json, model.weights);
  return model;
}

}  // namespace addax
