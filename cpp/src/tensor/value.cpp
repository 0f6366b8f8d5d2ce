#include "addax/value.h"

#include <atomic>

#include "addax/error.h"

namespace addax {
namespace {

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> counter{0};
  return ++counter;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Spec& spec) { return out << spec.dtype << ' ' << spec.dims; }

Value::Value(Tensor tensor) {
  auto state = std::make_shared<State>();
  state->spec = {tensor.dtype(), to_dims(tensor.shape())};
  state->tensor = std::move(tensor);
  state->id = next_id();
  state_ = std::move(state);
}

Value::Value(Spec spec, const std::shared_ptr<Recording>& recording, int slot) {
  auto state = std::make_shared<State>();
  state->spec = std::move(spec);
  state->recording = recording;
  state->slot = slot;
  state->id = next_id();
  state_ = std::move(state);
}

const Tensor& Value::tensor() const {
  if (symbolic())
    fail(ErrorKind::type, "a symbolic value of shape ", dims(),
         " has no data: it stands for a place in a program that is being recorded. Use operations on it, or run "
         "eagerly");
  return state_->tensor;
}

}  // namespace addax
