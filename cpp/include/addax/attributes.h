// Attributes: the named constants of one use of an operation.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "addax/dtype.h"
#include "addax/error.h"
#include "addax/export.h"
#include "addax/shape.h"

namespace ADDAX_API addax {

class Program;
using ProgramPtr = std::shared_ptr<const Program>;

using Attribute = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>,
                               Dims, DType, ProgramPtr>;
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<const std::string, Attribute>> entries) : entries_(entries) {}

  bool has(std::string_view name) const { return entries_.find(name) != entries_.end(); }
  void set(std::string_view name, Attribute value) { entries_.insert_or_assign(std::string(name), std::move(value)); }

  bool flag(std::string_view name) const { return get<bool>(name); }
  std::int64_t integer(std::string_view name) const { return get<std::int64_t>(name); }
  int axis(std::string_view name) const { return static_cast<int>(integer(name)); }
  double number(std::string_view name) const { return get<double>(name); }
  const std::string& string(std::string_view name) const { return get<std::string>(name); }
  const std::vector<std::int64_t>& integers(std::string_view name) const {
    return get<std::vector<std::int64_t>>(name);
  }
  const std::vector<double>& numbers(std::string_view name) const { return get<std::vector<double>>(name); }
  const Dims& dims(std::string_view name) const { return get<Dims>(name); }
  const Dim& dim(std::string_view name) const { return get<Dims>(name).at(0); }  ///< a Dims attribute of one entry
  DType dtype(std::string_view name) const { return get<DType>(name); }
  const ProgramPtr& program(std::string_view name) const { return get<ProgramPtr>(name); }

  using Entries = std::map<std::string, Attribute, std::less<>>;
  const Entries& entries() const { return entries_; }
  Entries& entries() { return entries_; }
  bool operator==(const Attributes&) const = default;

 private:
  template <class T>
  const T& get(std::string_view name) const {
    const auto it = entries_.find(name);
    if (it == entries_.end()) fail(ErrorKind::value, "attribute '", name, "' is missing");
    const T* value = std::get_if<T>(&it->second);
    if (value == nullptr) fail(ErrorKind::type, "attribute '", name, "' is of another kind");
    return *value;
  }
  Entries entries_;
};

}  // namespace addax
