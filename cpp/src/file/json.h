// JSON as model files need it: strict, bounded, duplicate keys refused, key order kept. nlohmann/json stays inside this
// floor.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "addax/error.h"

namespace addax::file {

using Json = nlohmann::ordered_json;

inline constexpr std::size_t kMaxJsonBytes = std::size_t{100} << 20;
inline constexpr int kMaxJsonDepth = 128;

// Throws ValueError that begins with `what`: malformed, too deep, too large, a key given twice, not UTF-8, NaN.
Json parse_json(std::string_view text, std::string_view what);

// The member `key` of an object, of the wanted kind; throws ValueError naming both otherwise.
const Json& member(const Json& object, std::string_view key, Json::value_t kind, std::string_view what);
std::int64_t integer(const Json& value, std::string_view what);
const std::string& string(const Json& value, std::string_view what);
const Json& array(const Json& value, std::string_view what);

}  // namespace addax::file
