// The weights of a file by the names that layers have for them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "addax/variable.h"

namespace addax::layers {

// A name in the file fits as it is, without its last level but one (a cell's name between), or without levels in front
// (a model's name), as TensorFlow.js and our Python package match them.
class Weights {
 public:
  explicit Weights(const std::vector<VariablePtr>& variables);

  // Throws Error(value) if the file has no such weight. The same name gives the same variable each time.
  const VariablePtr& take(const std::string& name);
  // Throws Error(value) that names weights which no layer has taken.
  void require_all_taken() const;

 private:
  struct Candidate {
    int detour;  // 0: the name as it is
    std::size_t index;
  };
  const Candidate* find(const std::string& name) const;

  const std::vector<VariablePtr>& variables_;
  std::vector<std::string> takers_;  // the name by which each was taken
  std::map<std::string, std::vector<Candidate>, std::less<>> candidates_;
};

}  // namespace addax::layers
