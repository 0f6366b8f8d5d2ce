// A layer's config in a topology of Keras 2 or TensorFlow.js, read with suspicion.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "file/json.h"

namespace addax::layers {

using file::Json;
using Sizes = std::vector<std::int64_t>;

// `where` begins every error: "layer 'conv' (Conv2D)". The JSON must outlive the config.
class Config {
 public:
  Config(const Json& json, std::string where);

  const std::string& where() const { return where_; }
  template <class... Parts>
  [[noreturn]] void error(const Parts&... parts) const {
    fail(ErrorKind::value, where_, ": ", parts...);
  }
  template <class... Parts>
  [[noreturn]] void unsupported(const Parts&... parts) const {
    fail(ErrorKind::unsupported, where_, ": ", parts...);
  }

  const Json* find(std::string_view key) const;  // nullptr if it is missing or null
  bool has(std::string_view key) const { return find(key) != nullptr; }
  bool is_null(std::string_view key) const;  // given as null, which is not the default

  // With a fallback for what is missing or null; without one that is an error. JavaScript writes whole floats as
  // integers, so each kind of number is taken for the other where nothing is lost.
  std::int64_t integer(std::string_view key) const;
  std::int64_t integer(std::string_view key, std::int64_t fallback) const;
  std::int64_t size(std::string_view key) const;  // positive, and small enough to be multiplied
  std::int64_t size(std::string_view key, std::int64_t fallback) const;
  double number(std::string_view key, double fallback) const;
  bool flag(std::string_view key, bool fallback) const;
  std::string text(std::string_view key, std::string_view fallback) const;

  // A list, or one number for each of `count`.
  Sizes sizes(std::string_view key, int count, std::int64_t fallback) const;
  Sizes integers(std::string_view key) const;  // a list, or a number as a list of one
  // Pairs for spatial axes: [[before, after], …], [n, …] or n.
  std::vector<Sizes> pairs(std::string_view key, int count, std::int64_t fallback) const;

 private:
  std::int64_t to_integer(const Json& json, std::string_view key) const;

  const Json& json_;
  std::string where_;
};

}  // namespace addax::layers
