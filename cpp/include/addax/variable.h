// Variable: named state that programs read and assign. Shared by handle; one writer at a time, readers in parallel
// while nobody writes.
#pragma once

#include <memory>
#include <string>

#include "addax/value.h"

namespace addax {

class Variable {
 public:
  Variable(Tensor value, std::string name, bool trainable);

  const std::string& name() const { return name_; }
  void rename(std::string name) { name_ = std::move(name); }
  DType dtype() const { return value_.dtype(); }
  const Shape& shape() const { return tensor_.shape(); }
  bool trainable() const { return trainable_; }
  void set_trainable(bool trainable) { trainable_ = trainable; }

  // The current value; while a program is being recorded, its place in that program. Open tapes watch trainable ones.
  static Value read(const std::shared_ptr<Variable>& variable);
  // Shape and dtype must match. While a program is being recorded, the program assigns when it runs.
  static void assign(const std::shared_ptr<Variable>& variable, const Value& value);

  const Value& concrete() const { return value_; }
  const Tensor& tensor() const { return tensor_; }
  // The memory to overwrite in place: a fresh copy if anybody else still holds the value.
  void* writable_data();

 private:
  Tensor tensor_;
  Value value_;
  std::string name_;
  bool trainable_;
};

using VariablePtr = std::shared_ptr<Variable>;

}  // namespace addax
