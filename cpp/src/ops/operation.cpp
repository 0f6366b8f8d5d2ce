#include "ops/operation.h"

#include <algorithm>
#include <unordered_map>

#include "addax/ops.h"
#include "addax/program.h"
#include "base/left_out.h"

namespace addax {
namespace {

constexpr const char* kKindNames[] = {
    "a bool",  "an integer", "a number", "a string", "a list of integers", "a list of numbers", "a list of dimensions",
    "a dtype", "a program"};

// The attribute as the declared kind, where a lossless conversion exists.
std::optional<Attribute> convert(const Attribute& value, AttributeKind kind) {
  switch (kind) {
    case AttributeKind::flag:
      if (std::holds_alternative<bool>(value)) return value;
      break;
    case AttributeKind::integer:
      if (std::holds_alternative<std::int64_t>(value)) return value;
      break;
    case AttributeKind::number:
      if (std::holds_alternative<double>(value)) return value;
      if (const auto* n = std::get_if<std::int64_t>(&value)) return static_cast<double>(*n);
      if (const auto* b = std::get_if<bool>(&value)) return *b ? 1.0 : 0.0;
      break;
    case AttributeKind::text:
      if (std::holds_alternative<std::string>(value)) return value;
      break;
    case AttributeKind::integers:
      if (std::holds_alternative<std::vector<std::int64_t>>(value)) return value;
      if (const auto* n = std::get_if<std::vector<double>>(&value); n != nullptr && n->empty())
        return std::vector<std::int64_t>{};
      if (const auto* d = std::get_if<Dims>(&value); d != nullptr && all_known(*d)) {
        std::vector<std::int64_t> sizes;
        for (const Dim& dim : *d) sizes.push_back(dim.value());
        return sizes;
      }
      break;
    case AttributeKind::numbers:
      if (std::holds_alternative<std::vector<double>>(value)) return value;
      if (const auto* n = std::get_if<std::vector<std::int64_t>>(&value))
        return std::vector<double>(n->begin(), n->end());
      break;
    case AttributeKind::dims:
      if (std::holds_alternative<Dims>(value)) return value;
      if (const auto* n = std::get_if<std::vector<std::int64_t>>(&value)) return Dims(n->begin(), n->end());
      if (const auto* n = std::get_if<std::int64_t>(&value)) return Dims{Dim(*n)};
      break;
    case AttributeKind::dtype:
      if (std::holds_alternative<DType>(value)) return value;
      if (const auto* name = std::get_if<std::string>(&value))
        if (const auto dtype = parse_dtype(*name)) return *dtype;
      break;
    case AttributeKind::program:
      if (std::holds_alternative<ProgramPtr>(value)) return value;
      break;
  }
  return std::nullopt;
}

}  // namespace

const Operation* find_operation(std::string_view name) {
  static const auto* const index = [] {
    auto* map = new std::unordered_map<std::string_view, const Operation*>;
    for (const Operation* operation : operations()) map->emplace(operation->name, operation);
    return map;
  }();
  const auto it = index->find(name);
  return it == index->end() ? nullptr : it->second;
}

const Operation& operation_named(std::string_view name) {
  const Operation* operation = find_operation(name);
  if (operation == nullptr) fail(ErrorKind::value, "there is no operation named '", name, "'", left_out_note());
  return *operation;
}

Attributes normalize(const Operation& operation, Attributes attributes) {
  for (const AttributeSpec& spec : operation.attributes) {
    const auto it = attributes.entries().find(spec.name);
    if (it == attributes.entries().end()) {
      if (!spec.fallback) fail(ErrorKind::type, operation.name, ": attribute '", spec.name, "' is missing");
      attributes.set(spec.name, convert(*spec.fallback, spec.kind).value());
      continue;
    }
    auto converted = convert(it->second, spec.kind);
    if (!converted)
      fail(ErrorKind::type, operation.name, ": attribute '", spec.name, "' must be ",
           kKindNames[static_cast<int>(spec.kind)]);
    it->second = std::move(*converted);
  }
  if (attributes.entries().size() == operation.attributes.size()) return attributes;
  for (const auto& [name, value] : attributes.entries()) {
    const bool declared = std::any_of(operation.attributes.begin(), operation.attributes.end(),
                                      [&](const AttributeSpec& spec) { return name == spec.name; });
    if (!declared) fail(ErrorKind::type, operation.name, ": there is no attribute '", name, "'");
  }
  return attributes;
}

[[maybe_unused]] static void require_no_float64(const Operation& operation, std::span<const Spec> specs) {
  for (const Spec& spec : specs)
    if (spec.dtype == DType::float64)
      fail(ErrorKind::unsupported, operation.name, ": there is no float64", left_out_note());
}

Specs infer(const Operation& operation, std::span<const Spec> inputs, Attributes& attributes) {
  const int count = static_cast<int>(inputs.size());
  if (count < operation.min_inputs || count > operation.max_inputs)
    fail(ErrorKind::type, operation.name, ": takes ", operation.min_inputs,
         operation.max_inputs == operation.min_inputs ? "" : " or more", " inputs; received ", count);
  Specs outputs = operation.infer(Infer(operation, inputs, attributes));
  if constexpr (!kFloat64) {
    require_no_float64(operation, inputs);
    require_no_float64(operation, outputs);
  }
  return outputs;
}

bool may_fail(const Operation& operation, const Attributes& attributes) {
  if (operation.traits.may_fail) return true;
  return std::any_of(attributes.entries().begin(), attributes.entries().end(), [](const auto& entry) {
    const ProgramPtr* nested = std::get_if<ProgramPtr>(&entry.second);
    return nested != nullptr && std::any_of((*nested)->steps.begin(), (*nested)->steps.end(), [](const Step& step) {
             return may_fail(*step.operation, step.attributes);
           });
  });
}

const char* Infer::name() const { return operation_.name; }

std::string Infer::describe() const {
  std::string out;
  for (const Spec& spec : inputs_) out += (out.empty() ? "" : ", ") + text(spec);
  return out.empty() ? "none" : out;
}

void Infer::require_rank(int i, int wanted) const {
  if (rank(i) != wanted) error("input ", i, " must have rank ", wanted, "; received rank ", rank(i));
}

void Infer::require_rank_at_least(int i, int wanted) const {
  if (rank(i) < wanted) error("input ", i, " must have rank ", wanted, " or more; received rank ", rank(i));
}

void Infer::require_floating(int i) const {
  if (!is_arithmetic_floating(dtype(i))) type_error("input ", i, " must be float32 or float64; received ", dtype(i));
}

void Infer::require_number(int i) const {
  if (!is_arithmetic_floating(dtype(i)) && !is_integer(dtype(i)))
    type_error("input ", i, " must be a number of 8, 32 or 64 bits; received ", dtype(i));
}

void Infer::require_indices(int i) const {
  if (dtype(i) != DType::int32 && dtype(i) != DType::int64)
    type_error("input ", i, " must hold int32 or int64 indices; received ", dtype(i));
}

void Infer::require_dtype(int i, DType wanted) const {
  if (dtype(i) != wanted) type_error("input ", i, " must be ", wanted, "; received ", dtype(i));
}

void Infer::require_same_dtypes() const {
  for (int i = 1; i < count(); ++i)
    if (dtype(i) != dtype(0)) type_error("inputs must have one dtype; received ", dtype(0), " and ", dtype(i));
}

void Infer::require_equal(const Dim& a, const Dim& b, std::string_view what) const {
  if (a.known() && b.known() && !(a == b)) error(what, " must be equal; received ", a, " and ", b);
}

int Infer::normalize_axis(std::string_view attribute, int rank) const {
  const std::int64_t axis = attributes_.integer(attribute);
  if (axis < -rank || axis >= rank) error("axis ", axis, " is out of range for rank ", rank);
  const std::int64_t normal = axis < 0 ? axis + rank : axis;
  attributes_.set(attribute, normal);
  return static_cast<int>(normal);
}

std::vector<std::int64_t> Infer::normalize_axes(std::string_view attribute, int rank) const {
  std::vector<std::int64_t> axes = attributes_.integers(attribute);
  for (std::int64_t& axis : axes) {
    if (axis < -rank || axis >= rank) error("axis ", axis, " is out of range for rank ", rank);
    if (axis < 0) axis += rank;
  }
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) error("an axis is given twice");
  attributes_.set(attribute, axes);
  return axes;
}

Value Gradient::upstream(int i) const {
  const Value& value = upstream_[static_cast<std::size_t>(i)];
  return value ? value : ops::zeros_like(output(i));
}

}  // namespace addax
