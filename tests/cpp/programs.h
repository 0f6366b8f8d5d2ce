// Programs, variables and folders as tests make them, and what a call says that fails.
#pragma once

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "addax/program.h"
#include "numbers.h"
#include "ops/operation.h"

namespace test {

inline addax::ProgramPtr record(const std::function<addax::Values(addax::Recording&)>& body) {
  const auto recording = addax::Recording::begin();
  struct End {
    addax::Recording& r;
    ~End() { r.end(); }
  } end{*recording};
  return recording->finish(body(*recording));
}

// What a test computes from an image and the values of variables.
using OfImage = std::function<addax::Value(const addax::Value& x, const addax::Values& weights)>;

inline addax::Values read(const std::vector<addax::VariablePtr>& variables) {
  addax::Values values;
  for (const addax::VariablePtr& v : variables) values.push_back(addax::Variable::read(v));
  return values;
}

inline addax::ProgramPtr record(const OfImage& body, const addax::Dims& image,
                                const std::vector<addax::VariablePtr>& weights) {
  return record([&](addax::Recording& r) -> addax::Values {
    return {body(r.input("x", {addax::DType::float32, image}), read(weights))};
  });
}

inline addax::Tensor random_tensor(const addax::Shape& shape, std::uint32_t seed) {
  const std::vector<float> values = Numbers(seed).vector<float>(shape.elements());
  return addax::Tensor::of<float>(shape, values);
}

// Variables w0, w1, ... of random numbers.
inline std::vector<addax::VariablePtr> random_variables(const std::vector<addax::Shape>& shapes) {
  std::vector<addax::VariablePtr> made;
  for (const addax::Shape& shape : shapes) {
    const auto i = static_cast<std::uint32_t>(made.size());
    made.push_back(std::make_shared<addax::Variable>(random_tensor(shape, i + 1), "w" + std::to_string(i), true));
  }
  return made;
}

inline std::int64_t count_steps(const addax::Program& program, std::string_view operation) {
  return std::count_if(program.steps.begin(), program.steps.end(),
                       [&](const addax::Step& step) { return step.operation->name == operation; });
}

inline addax::VariablePtr variable(const addax::Shape& shape, const std::vector<float>& values, const char* name) {
  return std::make_shared<addax::Variable>(addax::Tensor::of<float>(shape, values), name, true);
}

inline std::vector<float> values(const addax::Tensor& t) {
  return {t.data_as<float>(), t.data_as<float>() + t.elements()};
}

// The words of the Error that the function throws; empty if it throws none.
inline std::string message_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const addax::Error& error) {
    return error.what();
  }
  return "";
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
