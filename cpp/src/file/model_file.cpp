#include "addax/model_file.h"

#include <string_view>

#include "base/sha256.h"
#include "file/document.h"
#include "file/files.h"
#include "file/program_json.h"
#include "file/weights.h"

namespace addax {
namespace {

using file::Json;

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

}  // namespace

void write_model(const std::string& path, const ModelFile& model) {
  file::make_folder(path);
  const file::Folder folder(path);
  const std::vector<std::uint8_t> bytes = file::pack_weights(model.weights);
  const std::string digest = sha256_hex(bytes);
  const std::string name = weights_name(digest);

  Json json = file::parse_json(model.json, file::kModelName);
  json["weightsManifest"] = file::weights_manifest(model.weights, name);
  Json& section = addax_section(json);
  section["formatVersion"] = file::kFormatVersion;
  section["weightsDigest"] = digest;
  if (!model.programs.empty()) {
    Json programs = Json::object();
    for (const auto& [title, program] : model.programs) programs[title] = file::to_json(*program);
    section["programs"] = std::move(programs);
  }
  const std::string text = json.dump();
  folder.write(name, bytes);
  folder.write(file::kModelName, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  for (const std::string& old : folder.list())
    if ((old != name && is_weights_name(old)) || folder.is_abandoned(old)) folder.remove(old);
}

LoadedModel read_model(const std::string& path, bool with_programs) {
  file::Document document = file::read_document(path, file::Memory::own);
  LoadedModel model;
  if (with_programs) model.programs = file::read_programs(document.json, file::make_state(document)).found;
  model.json = std::move(document.text);
  model.weights = std::move(document.weights);
  return model;
}

}  // namespace addax
