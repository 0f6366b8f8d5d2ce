// Value: what operations take and give. Concrete (a Tensor) or symbolic (a place in a program that is being recorded).
// Cheap to copy; equal handles share identity, which is what tapes key on. A Value belongs to the thread that made it
// while it is symbolic; concrete ones may be read from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "addax/export.h"
#include "addax/tensor.h"

namespace ADDAX_API addax {

/// What is known of a value without its data.
struct Spec {
  DType dtype = DType::float32;
  Dims dims;
  bool operator==(const Spec&) const = default;
};
using Specs = std::vector<Spec>;
std::ostream& operator<<(std::ostream& out, const Spec& spec);  ///< float32 (batch, 3)

class Recording;

class Value {
 public:
  Value() = default;     ///< no value
  Value(Tensor tensor);  // NOLINT: a tensor is a value
  Value(Spec spec, const std::shared_ptr<Recording>& recording, int slot);

  explicit operator bool() const { return state_ != nullptr; }
  const Spec& spec() const { return state_->spec; }
  DType dtype() const { return state_->spec.dtype; }
  const Dims& dims() const { return state_->spec.dims; }
  const Dim& dim(int axis) const { return state_->spec.dims[static_cast<std::size_t>(axis)]; }
  int rank() const { return static_cast<int>(state_->spec.dims.size()); }
  std::uint64_t id() const { return state_->id; }
  bool shared() const { return state_.use_count() > 1; }  ///< whether another handle exists

  bool symbolic() const { return !state_->tensor; }
  const Tensor& tensor() const;  ///< throws if symbolic
  std::shared_ptr<Recording> recording() const { return state_->recording.lock(); }
  int slot() const { return state_->slot; }  ///< place in that recording

 private:
  struct State {
    Spec spec;
    Tensor tensor;
    std::weak_ptr<Recording> recording;
    int slot = -1;
    std::uint64_t id = 0;
  };
  std::shared_ptr<const State> state_;
};

using Values = std::vector<Value>;

}  // namespace addax
