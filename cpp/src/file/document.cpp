#include "file/document.h"

#include "base/left_out.h"
#include "base/sha256.h"
#include "file/program_json.h"

namespace addax::file {
namespace {

constexpr const char* kModelName = "model.json";

std::string digest_of(const std::vector<Bytes>& files) {
  if (files.size() == 1) return sha256_hex(files[0].view);
  std::vector<std::uint8_t> all;
  for (const Bytes& file : files) all.insert(all.end(), file.view.begin(), file.view.end());
  return sha256_hex(all);
}

void check_digest(const Json& json, const std::vector<Bytes>& files) {
  const Json* const digest = find_in_section(json, "weightsDigest");
  if (digest == nullptr) return;
  if (digest_of(files) != string(*digest, "weightsDigest"))
    fail(ErrorKind::value, "the weights file is damaged: its digest is not the one that model.json gives");
}

Document make_document(std::string text, std::string_view what, const FindShard& find, Memory memory) {
  Document document;
  document.text = std::move(text);
  document.json = parse_json(document.text, what);
  const Json& json = document.json;
  if (!json.is_object()) fail(ErrorKind::value, what, ": expected an object; found ", json.type_name());
  ReadWeights read;
  if (json.contains("weightsManifest")) read = read_weights(json.at("weightsManifest"), find, memory);
  check_digest(json, read.files);
  document.weights = std::move(read.weights);
  return document;
}

}  // namespace

Document read_document(const std::string& path, Memory memory) {
  std::string where = path, name = kModelName;
  if (!is_folder(path)) {
    const std::size_t slash = path.rfind('/');
    where = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    name = slash == std::string::npos ? path : path.substr(slash + 1);
  }
  const Folder folder(where);
  const std::vector<std::uint8_t> text = folder.read(name, static_cast<std::int64_t>(kMaxJsonBytes));
  const auto find = [&](const std::string& shard, std::int64_t limit) { return folder.map(shard, limit); };
  return make_document({text.begin(), text.end()}, where + "/" + name, find, memory);
}

Document parse_document(std::string_view text, const Bytes& weights) {
  std::size_t taken = 0;
  // Where one file ends and the next begins does not matter: what a group needs comes with its first.
  const auto find = [&](const std::string& name, std::int64_t limit) -> Bytes {
    check_relative(name);
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

const Json* find_in_section(const Json& json, std::string_view key) {
  const auto metadata = json.find("userDefinedMetadata");
  if (metadata == json.end() || !metadata->is_object()) return nullptr;
  const auto section = metadata->find("addax");
  if (section == metadata->end() || !section->is_object()) return nullptr;
  const auto found = section->find(std::string(key));
  return found == section->end() ? nullptr : &*found;
}

Json* find_in_section(Json& json, std::string_view key) {
  return const_cast<Json*>(find_in_section(std::as_const(json), key));
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

std::map<std::string, ProgramPtr> read_programs(const Json& json, const State& state) {
  std::map<std::string, ProgramPtr> programs;
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
    try {
      programs.emplace(name, program_from_json(program, find, "program '" + name.substr(0, 40) + "'"));
    } catch (const Error& error) {
      // A build without some operations predicts with a model that it cannot train.
      if (error.kind() != ErrorKind::unsupported || kLeftOut.empty() || name == "predict") throw;
    }
  }
  return programs;
}

}  // namespace addax::file
