#include "layers/config.h"

#include <cmath>

#include "addax/shape.h"

namespace addax::layers {
namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 31;

}  // namespace

Config::Config(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
  if (!json.is_object()) error("its config must be an object; found ", json.type_name());
}

const Json* Config::find(std::string_view key) const {
  const auto it = json_.find(std::string(key));
  return it == json_.end() || it->is_null() ? nullptr : &*it;
}

bool Config::is_null(std::string_view key) const {
  const auto it = json_.find(std::string(key));
  return it != json_.end() && it->is_null();
}

std::int64_t Config::to_integer(const Json& json, std::string_view key) const {
  const double value = json.is_number() ? json.get<double>() : std::nan("");
  if (!(std::abs(value) < static_cast<double>(kLargest)) || value != std::floor(value))
    error("'", key, "' must be a whole number; found ", json.dump().substr(0, 60));
  return static_cast<std::int64_t>(value);
}

std::int64_t Config::integer(std::string_view key) const {
  const Json* const found = find(key);
  if (found == nullptr) error("its config lacks '", key, "'");
  return to_integer(*found, key);
}

std::int64_t Config::integer(std::string_view key, std::int64_t fallback) const {
  return has(key) ? integer(key) : fallback;
}

std::int64_t Config::size(std::string_view key) const {
  const std::int64_t value = integer(key);
  if (value <= 0) error("'", key, "' must be positive; found ", value);
  return value;
}

std::int64_t Config::size(std::string_view key, std::int64_t fallback) const { return has(key) ? size(key) : fallback; }

double Config::number(std::string_view key, double fallback) const {
  const Json* const found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_number()) error("'", key, "' must be a number; found ", found->dump().substr(0, 60));
  return found->get<double>();
}

bool Config::flag(std::string_view key, bool fallback) const {
  const Json* const found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_boolean()) error("'", key, "' must be true or false; found ", found->dump().substr(0, 60));
  return found->get<bool>();
}

std::string Config::text(std::string_view key, std::string_view fallback) const {
  const Json* const found = find(key);
  if (found == nullptr) return std::string(fallback);
  if (!found->is_string()) error("'", key, "' must be a string; found ", found->dump().substr(0, 60));
  return found->get<std::string>();
}

Sizes Config::integers(std::string_view key) const {
  const Json* const found = find(key);
  if (found == nullptr) error("its config lacks '", key, "'");
  if (!found->is_array()) return {to_integer(*found, key)};
  if (found->size() > static_cast<std::size_t>(kMaxRank)) error("'", key, "' has ", found->size(), " numbers");
  Sizes values;
  for (const Json& value : *found) values.push_back(to_integer(value, key));
  return values;
}

Sizes Config::sizes(std::string_view key, int count, std::int64_t fallback) const {
  const auto wanted = static_cast<std::size_t>(count);
  if (!has(key)) return Sizes(wanted, fallback);
  Sizes values = integers(key);
  if (values.size() == 1) values.resize(wanted, values[0]);
  if (values.size() != wanted) error("'", key, "' must have ", count, " numbers; found ", values.size());
  for (const std::int64_t value : values)
    if (value <= 0) error("'", key, "' must be positive; found ", value);
  return values;
}

std::vector<Sizes> Config::pairs(std::string_view key, int count, std::int64_t fallback) const {
  const auto wanted = static_cast<std::size_t>(count);
  const Json* const found = find(key);
  std::vector<Sizes> pairs(wanted, Sizes(2, fallback));
  if (found == nullptr) return pairs;
  const auto set = [&](std::size_t i, const Json& one) {
    if (one.is_array() && one.size() == 2) {
      pairs[i] = {to_integer(one[0], key), to_integer(one[1], key)};
    } else {
      pairs[i].assign(2, to_integer(one, key));
    }
    if (pairs[i][0] < 0 || pairs[i][1] < 0) error("'", key, "' must not be negative");
  };
  // Of one axis, [before, after] stands alone.
  const bool alone = count == 1 && found->is_array() && found->size() == 2 && !(*found)[0].is_array();
  if (!found->is_array() || alone) {
    for (std::size_t i = 0; i < wanted; ++i) set(i, *found);
    return pairs;
  }
  if (found->size() != wanted) error("'", key, "' must have an entry for each of ", count, " axes");
  for (std::size_t i = 0; i < wanted; ++i) set(i, (*found)[i]);
  return pairs;
}

}  // namespace addax::layers
