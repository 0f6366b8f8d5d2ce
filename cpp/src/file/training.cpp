// Training a model that a file brought, and writing it back.
#include <algorithm>

#include "addax/model.h"
#include "addax/model_file.h"
#include "file/model_impl.h"
#include "file/program_json.h"

namespace addax {

using file::Json;

namespace {

constexpr std::string_view kLearningRate = "optimizer/learning_rate", kIterations = "optimizer/iteration";

Metrics run_step(ModelImpl& model, const std::string& step, const Batch& batch) {
  const std::string title = batch.sample_weight.empty() ? step : step + "_weighted";
  const ModelProgram& program = model.program(title);
  const auto check = [&](const std::vector<Tensor>& given, std::size_t wanted, std::string_view what) {
    if (given.size() != wanted)
      fail(ErrorKind::value, "model '", model.name, "' is trained with ", wanted, " ", what, "; received ",
           given.size());
  };
  check(batch.x, program.x, "inputs");
  check(batch.y, program.y, "targets");
  check(batch.sample_weight, program.weights, "sample weights");
  std::vector<Tensor> all = batch.x;
  all.insert(all.end(), batch.y.begin(), batch.y.end());
  all.insert(all.end(), batch.sample_weight.begin(), batch.sample_weight.end());
  std::vector<Tensor> results = model.run(title, all);
  Metrics metrics;
  for (std::size_t i = 0; i < results.size(); ++i) metrics.push_back({program.outputs[i], std::move(results[i])});
  std::stable_partition(metrics.begin(), metrics.end(), [](const Metric& m) { return m.name == "loss"; });
  return metrics;
}

Metrics run_epoch(ModelImpl& model, const std::string& step, const NextBatch& next) {
  model.run("reset_metrics", {});
  Metrics last;
  for (Batch batch; next(batch);) last = run_step(model, step, batch);
  return last;
}

const VariablePtr& learning_rate_of(const ModelImpl& model) {
  const VariablePtr* found = model.find(kLearningRate);
  if (found == nullptr)
    fail(ErrorKind::unsupported, "model '", model.name,
         "' has no learning rate of its own: it has no optimizer, or the rate follows a schedule");
  return *found;
}

}  // namespace

Metrics Model::train_on_batch(const Batch& batch) { return run_step(*impl_, "train", batch); }
Metrics Model::test_on_batch(const Batch& batch) { return run_step(*impl_, "evaluate", batch); }
void Model::reset_metrics() { impl_->run("reset_metrics", {}); }
Metrics Model::evaluate(const NextBatch& next) { return run_epoch(*impl_, "evaluate", next); }

std::vector<Metrics> Model::fit(const NextBatch& next, int epochs) {
  if (epochs < 0) fail(ErrorKind::value, "fit: the number of epochs is ", epochs);
  std::vector<Metrics> history;
  for (int epoch = 0; epoch < epochs; ++epoch) history.push_back(run_epoch(*impl_, "train", next));
  return history;
}

double Model::learning_rate() const { return learning_rate_of(*impl_)->tensor().item(); }

void Model::set_learning_rate(double rate) {
  const VariablePtr& variable = learning_rate_of(*impl_);
  Variable::assign(variable, Value(Tensor::scalar(variable->dtype(), rate)));
}

// ---- Saving

namespace {

// TF.js wants the optimizer's count first among its weights, as int32; the exact one is small state.
Tensor count_for_tfjs(const ModelImpl& model, Tensor kept) {
  for (const VariablePtr& v : model.small)
    if (v->name().starts_with(kIterations))
      return Tensor::scalar(DType::int32, std::min(v->tensor().item(), 2147483647.0));
  return kept;
}

}  // namespace

void Model::save(const std::string& folder) const {
  ModelImpl& model = *impl_;
  ModelFile written;
  for (const ModelImpl::Weight& w : model.weights) {
    Tensor value = w.variable->tensor();
    if (w.group == "optimizer" && w.variable->name() == "iter" && value.rank() == 0)
      value = count_for_tfjs(model, std::move(value));
    written.weights.push_back({w.variable->name(), std::move(value), w.group});
  }
  file::Present present{{}, {}, nullptr};
  for (const VariablePtr& v : model.small) present.small.push_back({v->name(), v->tensor(), ""});
  if (const VariablePtr* rate = model.find(kLearningRate)) present.learning_rate = (*rate)->tensor().item();
  std::optional<CheckPair> check;
  if (model.check) {
    check = CheckPair{model.check->inputs, run_check(model)};
    present.check = &*check;
  }
  written.json = file::with_state(model.json, present, written.weights);
  write_model(folder, written);
  model.check = std::move(check);  // what the file says now
}

}  // namespace addax
