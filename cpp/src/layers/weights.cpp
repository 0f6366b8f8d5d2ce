#include "layers/weights.h"

#include "addax/error.h"

namespace addax::layers {
namespace {

// Names of more levels than this are taken as they are.
constexpr std::size_t kMostLevels = 16;

std::vector<std::string> levels_of(std::string_view name) {
  std::vector<std::string> levels(1);
  for (const char c : name) {
    if (c == '/') {
      levels.emplace_back();
    } else {
      levels.back() += c;
    }
  }
  return levels;
}

std::string joined(const std::vector<std::string>& levels, std::size_t first, bool without_last_but_one) {
  std::string name;
  for (std::size_t i = first; i < levels.size(); ++i) {
    if (without_last_but_one && i + 2 == levels.size()) continue;
    name += (name.empty() ? "" : "/") + levels[i];
  }
  return name;
}

// The names for which a weight of this name may stand, the likeliest first.
std::vector<std::string> readings_of(std::string name) {
  if (name.ends_with(":0")) name.resize(name.size() - 2);
  const std::vector<std::string> levels = levels_of(name);
  std::vector<std::string> readings{name};
  if (levels.size() > kMostLevels) return readings;
  for (std::size_t first = 0; first + 1 < levels.size(); ++first) {
    if (first > 0) readings.push_back(joined(levels, first, false));
    if (levels.size() - first > 2) readings.push_back(joined(levels, first, true));
  }
  return readings;
}

}  // namespace

Weights::Weights(const std::vector<VariablePtr>& variables) : variables_(variables), takers_(variables.size()) {
  for (std::size_t i = 0; i < variables.size(); ++i) {
    int detour = 0;
    for (std::string& reading : readings_of(variables[i]->name()))
      candidates_[std::move(reading)].push_back({detour++, i});
  }
}

const Weights::Candidate* Weights::find(const std::string& name) const {
  const auto it = candidates_.find(name);
  if (it == candidates_.end()) return nullptr;
  const Candidate* best = nullptr;
  for (const Candidate& candidate : it->second) {
    const std::string& taker = takers_[candidate.index];
    if (!taker.empty() && taker != name) continue;
    if (best == nullptr || candidate.detour < best->detour) best = &candidate;
  }
  return best;
}

const VariablePtr& Weights::take(const std::string& name) {
  const Candidate* const found = find(name);
  if (found == nullptr) fail(ErrorKind::value, "the file has no weight '", name.substr(0, 120), "'");
  takers_[found->index] = name;
  return variables_[found->index];
}

void Weights::require_all_taken() const {
  std::string left;
  int count = 0;
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    if (!takers_[i].empty() || ++count > 10) continue;
    left += text(left.empty() ? "" : ", ", "'", variables_[i]->name().substr(0, 120), "'");
  }
  if (count > 0)
    fail(ErrorKind::value, "the file has ", count, " weights that no layer of its topology has: ", left,
         count > 10 ? " and more" : "");
}

}  // namespace addax::layers
