// What a Model holds.
#pragma once

#include <map>
#include <mutex>

#include "addax/model.h"
#include "addax/model_file.h"
#include "addax/replay.h"
#include "file/document.h"
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
  std::map<std::string, std::string, std::less<>> left_out;  // programs that this build cannot have, and why
  std::optional<CheckPair> check;
  std::mutex mutex;  // guards the programs' executables
  std::mutex turns;  // held while a program runs that assigns variables

  bool has(std::string_view program) const { return programs.find(program) != programs.end(); }
  // Throws Error(unsupported) that says what the file lacks.
  ModelProgram& program(std::string_view title);
  Executable& executable(std::string_view title);
  std::vector<Tensor> run(std::string_view title, std::span<const Tensor> inputs);
  // Programs that assign write to variables that all sessions share: one at a time. The others need no turn.
  std::unique_lock<std::mutex> take_turn(const Program& program);
  const VariablePtr* find(std::string_view variable) const;  // nullptr if there is none
  // Gives a model without programs one to predict with; its inputs are data.
  void set_predict(const ProgramPtr& recorded, std::vector<std::string> outputs);
};

std::shared_ptr<ModelImpl> make_model(file::Document document);

// Makes handles for what a floor above has loaded.
struct ModelMaker {
  static Model make(std::shared_ptr<ModelImpl> impl) { return Model(std::move(impl)); }
};

// What `predict` gives for the inputs of the check pair. Variables that it assigns (states of stateful layers, random
// counters) go back to what they were.
std::vector<Tensor> run_check(ModelImpl& model);

namespace file {

// Inputs by count, dtype and rank, with dtypes converted within their kind. Throws Error that names the input.
std::vector<Tensor> fit_inputs(const Program& program, std::span<const Tensor> given);

// model.json of `text` with the present values of the model's small state, its learning rate and its check pair.
struct Present {
  std::vector<NamedTensor> small;
  std::optional<double> learning_rate;
  const CheckPair* check;  // null: the file keeps none
};
// Also makes anew those of the weights that stand in the file for TF.js alone.
std::string with_state(const std::string& text, const Present& present, std::vector<NamedTensor>& weights);

}  // namespace file

}  // namespace addax
