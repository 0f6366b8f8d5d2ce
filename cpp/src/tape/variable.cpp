#include "addax/variable.h"

#include <thread>

#include "addax/error.h"
#include "addax/program.h"
#include "addax/tape.h"

namespace addax {
namespace {

std::atomic<std::uint64_t> all_writes{1};

}  // namespace

class Variable::Guard {
 public:
  explicit Guard(const Variable& variable) : busy_(variable.busy_) {
    while (busy_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
  }
  ~Guard() { busy_.clear(std::memory_order_release); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  std::atomic_flag& busy_;
};

Variable::Variable(Tensor value, std::string name, bool trainable)
    : dtype_(value.dtype()),
      shape_(value.shape()),
      value_(std::move(value)),
      name_(std::move(name)),
      trainable_(trainable) {}

Value Variable::concrete() const {
  const Guard guard(*this);
  return value_;
}

std::shared_ptr<Storage> Variable::hold() const {
  const Guard guard(*this);
  return value_.tensor().storage();
}

std::shared_ptr<Storage> Variable::hold_for_writing() {
  {
    const Guard guard(*this);
    const std::shared_ptr<Storage>& storage = value_.tensor().storage();
    if (!value_.shared() && storage.use_count() == 1 && storage->owned()) {
      // Letting a handle go orders what follows after all that others read before they let theirs go.
      {
        const Value value = value_;
        const std::shared_ptr<Storage> memory = storage;
      }
      return storage;
    }
  }
  Value fresh(tensor().clone());
  std::shared_ptr<Storage> storage = fresh.tensor().storage();
  const Guard guard(*this);
  std::swap(value_, fresh);
  return storage;
}

void Variable::note_written() {
  version_.fetch_add(1, std::memory_order_release);
  all_writes.fetch_add(1, std::memory_order_release);
}

std::uint64_t Variable::writes() { return all_writes.load(std::memory_order_acquire); }

Value Variable::read(const std::shared_ptr<Variable>& variable) {
  const std::shared_ptr<Recording> recording = Recording::current();
  if (recording != nullptr) return recording->read(variable);
  Value value = variable->concrete();
  Tape::note_read(variable, value, nullptr);
  return value;
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
  Value fresh(value.tensor());  // not `value` itself: what tapes know of it is not the variable's
  {
    const Guard guard(*variable);
    std::swap(variable->value_, fresh);
  }
  variable->note_written();
}

}  // namespace addax
