#include "file/json.h"

#include <set>
#include <vector>

namespace addax::file {
namespace {

// Watches the parser: depth and keys.
class Guard {
 public:
  explicit Guard(std::string_view what) : what_(what) {}

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxJsonDepth) fail(ErrorKind::value, what_, ": nested deeper than ", kMaxJsonDepth, " levels");
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_.pop_back();
    if (event == Json::parse_event_t::key && !keys_.back().insert(parsed.get<std::string>()).second)
      fail(ErrorKind::value, what_, ": the key '", parsed.get<std::string>().substr(0, 80), "' is given twice");
    return true;
  }

 private:
  std::string_view what_;
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view what) {
  if (text.size() > kMaxJsonBytes)
    fail(ErrorKind::value, what, ": ", text.size(), " bytes of JSON; at most ", kMaxJsonBytes, " are read");
  if (text.substr(0, 3) == "\xEF\xBB\xBF") fail(ErrorKind::value, what, ": begins with a byte order mark");
  try {
    return Json::parse(text, Guard(what));
  } catch (const Json::exception& error) {
    fail(ErrorKind::value, what, ": not JSON: ", error.what());
  }
}

const Json& member(const Json& object, std::string_view key, Json::value_t kind, std::string_view what) {
  if (!object.is_object()) fail(ErrorKind::value, what, ": expected an object; found ", object.type_name());
  const auto it = object.find(std::string(key));
  if (it == object.end()) fail(ErrorKind::value, what, ": '", key, "' is missing");
  const bool integers = kind == Json::value_t::number_integer && it->is_number_integer();
  if (it->type() != kind && !integers)
    fail(ErrorKind::value, what, ": '", key, "' must be ", Json(kind).type_name(), "; found ", it->type_name());
  return *it;
}

std::int64_t integer(const Json& value, std::string_view what) {
  if (!value.is_number_integer()) fail(ErrorKind::value, what, ": expected an integer; found ", value.type_name());
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))
    fail(ErrorKind::value, what, ": ", value.get<std::uint64_t>(), " is too large");
  return value.get<std::int64_t>();
}

const std::string& string(const Json& value, std::string_view what) {
  if (!value.is_string()) fail(ErrorKind::value, what, ": expected a string; found ", value.type_name());
  return value.get_ref<const std::string&>();
}

const Json& array(const Json& value, std::string_view what) {
  if (!value.is_array()) fail(ErrorKind::value, what, ": expected an array; found ", value.type_name());
  return value;
}

}  // namespace addax::file
