// What a Model holds.
#pragma once

#include <map>
#include <mutex>

#include "addax/model.h"
#include "addax/model_file.h"
#include "addax/replay.h"
#include "file/json.h"

namespace addax {

// One of the file's programs.
struct ModelProgram {
  ProgramPtr recorded;
  std::vector<std::string> outputs;        // names, one per output
  std::size_t x = 0, y = 0, weights = 0;   // how many inputs are data, targets, sample weights
  std::size_t states = 0;                  // the last inputs and outputs of a stream's
  std::unique_ptr<Executable> executable;  // made when first needed, under the model's mutex
};

struct CheckPair {
  std::vector<Tensor> inputs, outputs;
};

struct ModelImpl {
  struct Weight {
    std::string group;
    VariablePtr variable;
  };

  std::string json;  // as it was read
  std::string name, metadata;
  std::vector<LayerInfo> layers;
  std::vector<Port> inputs, outputs, targets;
  std::vector<Weight> weights;
  std::vector<VariablePtr> small;  // state that stands in the JSON
  std::map<std::string, ModelProgram, std::less<>> programs;
  std::optional<CheckPair> check;
  std::mutex mutex;  // guards the programs' executables

  bool has(std::string_view program) const { return programs.find(program) != programs.end(); }
  // Throws Error(unsupported) that says what the file lacks.
  ModelProgram& program(std::string_view title);
  Executable& executable(std::string_view title);
  const VariablePtr* find(std::string_view variable) const;  // nullptr if there is none
};

namespace file {

// Inputs by count, dtype and rank, with dtypes converted within their kind. Throws Error that names the input.
std::vector<Tensor> fit_inputs(const Program& program, std::span<const Tensor> given);

// model.json of `text` with the present values of the model's small state, its learning rate and its check pair.
struct Present {
  std::vector<NamedTensor> small;
  std::optional<double> learning_rate;
  const CheckPair* check;  // null: the file keeps none
};
std::string with_state(const std::string& text, const Present& present);

}  // namespace file

// Runs a function that may throw; what it threw as a Status.
template <class Function>
Status status_of(const Function& function) noexcept {
  try {
    function();
    return {};
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  } catch (const std::bad_alloc&) {
    return {ErrorKind::memory, "out of memory"};
  } catch (const std::exception& error) {
    return {ErrorKind::runtime, error.what()};
  } catch (...) {
    return {ErrorKind::runtime, "an unknown error"};
  }
}

template <class T, class Function>
Expected<T> expected(const Function& function) noexcept {
  std::optional<T> value;
  Status status = status_of([&] { value.emplace(function()); });
  if (!status.ok()) return status;
  return std::move(*value);
}

}  // namespace addax
