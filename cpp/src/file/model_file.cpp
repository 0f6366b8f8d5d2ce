#include "addax/model_file.h"

#include <algorithm>
#include <span>
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

constexpr std::int64_t kMostShards = 10000;
constexpr std::string_view kWeightsBegin = "weights-", kWeightsEnd = ".bin";

std::string weights_name(const std::string& digest) {
  return std::string(kWeightsBegin) + digest.substr(0, kDigestLetters) + std::string(kWeightsEnd);
}

// `weights-<digest>-1of3.bin`
std::string shard_name(const std::string& whole, std::int64_t number, std::int64_t count) {
  return whole.substr(0, whole.size() - kWeightsEnd.size()) + "-" + std::to_string(number) + "of" +
         std::to_string(count) + std::string(kWeightsEnd);
}

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

using Shards = std::vector<std::pair<std::string, std::span<const std::uint8_t>>>;

// The bytes as files of at most `limit` bytes, cut anywhere as TF.js allows; one file, whole, for a limit of 0.
Shards cut(std::span<const std::uint8_t> bytes, std::int64_t limit, const std::string& whole) {
  const auto size = static_cast<std::int64_t>(bytes.size());
  const std::int64_t count = limit == 0 ? 1 : std::max<std::int64_t>(1, (size + limit - 1) / limit);
  if (count > kMostShards)
    fail(ErrorKind::value, "shards of ", limit, " bytes would be ", count, " files; at most ", kMostShards,
         " are written");
  if (count == 1) return {{whole, bytes}};
  Shards shards;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = i * limit, length = std::min(limit, size - begin);
    shards.emplace_back(shard_name(whole, i + 1, count),
                        bytes.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(length)));
  }
  return shards;
}

bool has(const Shards& shards, std::string_view name) {
  return std::any_of(shards.begin(), shards.end(), [&](const auto& shard) { return shard.first == name; });
}

// A weights file that an earlier save of ours left, whole or a shard.
bool is_weights_name(std::string_view name) {
  if (!name.starts_with(kWeightsBegin) || !name.ends_with(kWeightsEnd)) return false;
  name.remove_prefix(kWeightsBegin.size());
  if (name.size() < kDigestLetters + kWeightsEnd.size()) return false;
  name.remove_suffix(kWeightsEnd.size());
  const std::string_view digest = name.substr(0, kDigestLetters), shard = name.substr(kDigestLetters);
  if (digest.find_first_not_of("0123456789abcdef") != std::string_view::npos) return false;
  const std::size_t of = shard.find("of");
  const auto is_number = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return shard.empty() || (shard[0] == '-' && of != std::string_view::npos && is_number(shard.substr(1, of - 1)) &&
                           is_number(shard.substr(of + 2)));
}

Json& addax_section(Json& json) {
  Json& metadata = json["userDefinedMetadata"];
  if (!metadata.is_object()) metadata = Json::object();
  return metadata["addax"];
}

}  // namespace

void write_model(const std::string& path, const ModelFile& model) {
  if (model.shard_bytes < 0) fail(ErrorKind::value, "weights files of ", model.shard_bytes, " bytes");
  const file::Packed packed = file::pack_weights(model.weights, model.quantize);
  file::make_folder(path);
  const file::Folder folder(path);
  const std::string digest = sha256_hex(packed.bytes);
  // The same weights in other pieces have other names: until model.json is replaced, the old pieces are what counts.
  const std::string pieces = digest + " in pieces of " + std::to_string(model.shard_bytes);
  const std::string key = model.shard_bytes == 0 ? digest : sha256_hex(bytes_of(pieces));
  const auto shards = cut(packed.bytes, model.shard_bytes, weights_name(key));

  Json json = file::parse_json(model.json, file::kModelName);
  Json& group = (json["weightsManifest"] = Json::array({Json{{"paths", Json::array()}}}))[0];
  for (const auto& [name, bytes] : shards) group["paths"].push_back(name);
  group["weights"] = packed.specs;
  Json& section = addax_section(json);
  section["formatVersion"] = file::kFormatVersion;
  section["weightsDigest"] = digest;
  if (!model.programs.empty()) {
    Json programs = Json::object();
    for (const auto& [title, program] : model.programs) programs[title] = file::to_json(*program);
    section["programs"] = std::move(programs);
  }
  const std::string text = json.dump();
  for (const auto& [name, bytes] : shards) folder.write(name, bytes);
  folder.write(file::kModelName, bytes_of(text));
  for (const std::string& old : folder.list())
    if ((is_weights_name(old) && !has(shards, old)) || folder.is_abandoned(old)) folder.remove(old);
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
