#include "addax/variable.h"

#include "addax/error.h"
#include "addax/program.h"
#include "addax/tape.h"

namespace addax {

Variable::Variable(Tensor value, std::string name, bool trainable)
    : tensor_(std::move(value)), value_(tensor_), name_(std::move(name)), trainable_(trainable) {}

Value Variable::read(const std::shared_ptr<Variable>& variable) {
  const std::shared_ptr<Recording> recording = Recording::current();
  if (recording != nullptr) return recording->read(variable);
  Tape::note_read(variable, variable->value_, nullptr);
  return variable->value_;
}

void Variable::assign(const std::shared_ptr<Variable>& variable, const Value& value) {
  if (value.dtype() != variable->dtype())
    fail(ErrorKind::type, "variable '", variable->name(), "' has dtype ", variable->dtype(),
         "; received a value of dtype ", value.dtype());
  const Dims wanted = to_dims(variable->shape());
  bool fits = wanted.size() == value.dims().size();
  for (std::size_t i = 0; fits && i < wanted.size(); ++i)
    fits = !value.dims()[i].known() || value.dims()[i] == wanted[i];
  if (!fits)
    fail(ErrorKind::value,
         "The shape of the target variable and the shape of the target value in `variable.assign(value)` must match. "
         "variable '",
         variable->name(), "' has shape ", variable->shape(), "; received a value of shape ", value.dims());
  const std::shared_ptr<Recording> recording = Recording::current();
  if (recording != nullptr) {
    recording->assign(variable, value);
    return;
  }
  variable->tensor_ = value.tensor();
  variable->value_ = Value(variable->tensor_);
}

void* Variable::writable_data() {
  // Held by tensor_ and value_ here; anybody else would see the value change.
  if (value_.shared() || tensor_.storage().use_count() > 2 || !tensor_.storage()->owned()) {
    tensor_ = tensor_.clone();
    value_ = Value(tensor_);
  }
  return tensor_.data();
}

}  // namespace addax
