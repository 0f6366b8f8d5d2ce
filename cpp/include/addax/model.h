// Model: what `model.save("folder")` wrote, in a native app. It is inspected, run, trained and saved without Python:
// the file holds the model's programs, and the core replays them.
//
//   const addax::Model model = addax::Model::load("digits");
//   addax::Session session(model, {{1, 28, 28, 1}});
//   session.run(pixels, probabilities);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "addax/export.h"
#include "addax/status.h"
#include "addax/tensor.h"
#include "addax/value.h"

namespace ADDAX_API addax {

struct ModelImpl;
struct ModelMaker;

/// An input or output of a model. A size that the model leaves open (batch, time) is an unknown dimension.
struct Port {
  std::string name;
  DType dtype;
  Dims shape;
};

struct LayerInfo {
  std::string name, class_name;
};

/// A weight, or a part of the optimizer's state.
struct WeightInfo {
  std::string name;
  std::string group;  ///< "" for the model's own, "optimizer" for the optimizer's
  DType dtype;
  Shape shape;
};

/// What a step of training or testing gives: the loss and the metrics so far, the loss first.
struct Metric {
  std::string name;
  Tensor value;
  double number() const { return value.item(); }  ///< of a scalar, as nearly all are
};
using Metrics = std::vector<Metric>;

/// One batch for training: a tensor per input, a tensor per target, and sample weights (a tensor per target) or none.
/// Integer tensors and floating-point ones are converted to the dtypes that the model was trained with.
struct Batch {
  std::vector<Tensor> x, y, sample_weight;
};

/// Writes the next batch and returns true, or returns false at the end of the epoch.
using NextBatch = std::function<bool(Batch& batch)>;

/// A handle: copies are the same model. Any number of threads may inspect it, predict with it and hold sessions of it.
/// Training, testing, set_weight, set_learning_rate and save are for one thread at a time; whoever predicts meanwhile
/// gets some of the old and some of the new weights, never memory that is gone.
class Model {
 public:
#ifndef ADDAX_NO_EXCEPTIONS
  /// The folder that `model.save` wrote, or its model.json. The weights are mapped, not read: they take no memory
  /// twice, and the file must not be shortened in place while the model lives (saving over it is fine). Throws
  /// Error(io) if a file cannot be opened, Error(value) that names what is wrong in it.
  static Model load(const std::string& path);
  /// The text of model.json and the bytes of the weights files, one after the other. The bytes are borrowed: they must
  /// outlive the model and all its tensors; training copies what it changes.
  static Model load(std::string_view json, std::span<const std::uint8_t> weights);
#endif
  static Expected<Model> try_load(const std::string& path) noexcept;
  static Expected<Model> try_load(std::string_view json, std::span<const std::uint8_t> weights) noexcept;

  // ---- What it is

  const std::string& name() const;
  const std::vector<Port>& inputs() const;  ///< of `predict`; empty if the file holds no program for it
  const std::vector<Port>& outputs() const;
  const std::vector<LayerInfo>& layers() const;
  std::vector<WeightInfo> weights() const;
  std::int64_t parameters() const;      ///< numbers in the model's own weights
  const std::string& metadata() const;  ///< what the user left in the file, as the text of a JSON object

  Tensor weight(std::string_view name) const;  ///< a copy; throws Error(value) for an unknown name
  void set_weight(std::string_view name, const Tensor& value);

  // ---- Predicting. Session is the way without allocations.

  /// A tensor per input, of any sizes that the model takes. Throws Error that names the input.
  std::vector<Tensor> predict(std::span<const Tensor> inputs) const;
  Tensor predict(const Tensor& input) const;  ///< of a model with one input and one output

  /// Replays the pair of input and output in the file: the largest absolute difference of what comes out from what the
  /// file says, NaN against a number counting as infinite. Nothing if the file has no pair.
  std::optional<double> verify() const;

  bool streams() const;  ///< whether Session can step it through time

  // ---- Training. Needs a model that was compiled before it was saved.

  bool trains() const;
  const std::vector<Port>& targets() const;  ///< what y must be; empty if it does not train
  Metrics train_on_batch(const Batch& batch);
  Metrics test_on_batch(const Batch& batch);
  void reset_metrics();
  /// One pass over what `next` gives per epoch, metrics begun anew each time; what each epoch ended with.
  std::vector<Metrics> fit(const NextBatch& next, int epochs = 1);
  Metrics evaluate(const NextBatch& next);

  /// Throws Error(unsupported) if there is no optimizer, or its rate follows a schedule.
  double learning_rate() const;
  void set_learning_rate(double rate);

  /// Writes the same file again with the present weights, optimizer state, counters and seeds: Python loads it and goes
  /// on. Safe against a kill at any moment. Throws Error(io); the old files then stay as they were.
  void save(const std::string& folder) const;

 private:
  friend class Session;
  friend struct ModelMaker;
  explicit Model(std::shared_ptr<ModelImpl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<ModelImpl> impl_;
};

}  // namespace addax
