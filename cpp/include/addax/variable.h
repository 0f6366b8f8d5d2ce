// Variable: named state that programs read and assign. Shared by handle. Any thread may read one, run a program that
// reads it, or assign it; two threads that write one at the same time, or read it while another writes, get some of the
// old and some of the new numbers, never memory that is gone.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "addax/export.h"
#include "addax/value.h"

namespace ADDAX_API addax {

class Variable {
 public:
  /// The tensor becomes the variable's. Its dtype and shape stay.
  Variable(Tensor value, std::string name, bool trainable);

  const std::string& name() const { return name_; }
  void rename(std::string name) { name_ = std::move(name); }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  bool trainable() const { return trainable_; }
  void set_trainable(bool trainable) { trainable_ = trainable; }

  /// The current value; while a program is being recorded, its place in that program. Open tapes watch trainable ones.
  static Value read(const std::shared_ptr<Variable>& variable);
  /// Takes the value, without a copy. Throws Error(value) or Error(type) unless shape and dtype match. While a program
  /// is being recorded, the program assigns when it runs.
  static void assign(const std::shared_ptr<Variable>& variable, const Value& value);

  /// The current value, also while a program is being recorded.
  Value concrete() const;
  Tensor tensor() const { return concrete().tensor(); }

  /// The memory of the current value, which stays as long as the handle; it is not overwritten in place meanwhile.
  std::shared_ptr<Storage> hold() const;
  /// The memory to overwrite in place: a fresh copy if anybody else still holds the value.
  std::shared_ptr<Storage> hold_for_writing();

  /// Grows with every write: by `assign`, and by whoever wrote to the memory of `hold_for_writing`, afterwards.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  void note_written();
  /// Writes to all variables of the process so far.
  static std::uint64_t writes();

 private:
  class Guard;

  const DType dtype_;
  const Shape shape_;
  mutable std::atomic_flag busy_;  ///< held while a handle is copied or replaced
  Value value_;
  std::string name_;
  bool trainable_;
  std::atomic<std::uint64_t> version_{0};
};

using VariablePtr = std::shared_ptr<Variable>;

}  // namespace addax
