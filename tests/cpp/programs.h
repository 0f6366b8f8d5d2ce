// Programs, variables and folders as tests make them.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "addax/program.h"

namespace test {

inline addax::ProgramPtr record(const std::function<addax::Values(addax::Recording&)>& body) {
  const auto recording = addax::Recording::begin();
  struct End {
    addax::Recording& r;
    ~End() { r.end(); }
  } end{*recording};
  return recording->finish(body(*recording));
}

inline addax::VariablePtr variable(const addax::Shape& shape, const std::vector<float>& values, const char* name) {
  return std::make_shared<addax::Variable>(addax::Tensor::of<float>(shape, values), name, true);
}

inline std::vector<float> values(const addax::Tensor& t) {
  return {t.data_as<float>(), t.data_as<float>() + t.elements()};
}

// A folder that goes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "addax-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace test
