// A model file in memory: its JSON, the weights, and what a program needs besides.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "addax/model_file.h"
#include "file/files.h"
#include "file/json.h"
#include "file/weights.h"

namespace addax::file {

inline constexpr const char* kModelName = "model.json";
// Of `userDefinedMetadata.addax`. Grows when older versions cannot read what is written.
inline constexpr std::int64_t kFormatVersion = 1;

struct Document {
  std::string text;  // model.json
  Json json;
  std::vector<NamedTensor> weights;
};

// A model folder, or its model.json.
Document read_document(const std::string& path, Memory memory);
// The text of a model.json, and the bytes of its weights files one after the other in the order of the manifest, which
// the weights borrow.
Document parse_document(std::string_view text, const Bytes& weights);

// `userDefinedMetadata.addax`, and its member; nullptr if there is none.
const Json* find_section(const Json& json);
Json* find_section(Json& json);
const Json* find_in_section(const Json& json, std::string_view key);

// The state of a model: its weights, and the small tensors that stand in the JSON.
struct State {
  std::vector<VariablePtr> weights;  // as Document::weights
  std::vector<VariablePtr> small;    // counters, seeds, totals of metrics
};
State make_state(const Document& document);

struct Programs {
  std::map<std::string, ProgramPtr> found;
  std::map<std::string, std::string, std::less<>> left_out;  // why this build cannot have them
};
Programs read_programs(const Json& json, const State& state);

}  // namespace addax::file
