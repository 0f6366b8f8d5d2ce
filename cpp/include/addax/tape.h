// The tape: the operations that led from watched values to others, so that gradients can be taken by walking back.
// A tape writes down what the thread that started it does; it may be destroyed on any thread. What it wrote lives until
// its gradient is taken, or until reset().
#pragma once

#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "addax/export.h"
#include "addax/variable.h"

namespace ADDAX_API addax {

struct Operation;
class Attributes;

/// Upstream gradients (empty Values for outputs without one) in, gradients of the inputs out.
using GradientFunction = std::function<Values(const Values& upstream)>;

/// What a derivative is taken by: a value, or a variable, which counts with every value it had under the tape.
using Source = std::variant<Value, VariablePtr>;

class Tape {
 public:
  explicit Tape(bool persistent = false, bool watch_variables = true);
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  void start();  ///< operations of this thread are written down from here; throws Error(value) if they are already
  void stop();
  bool active() const;
  void reset();  ///< forgets all

  void watch(const Value& value);  ///< throws Error(value) unless it is floating-point
  bool watches(const Value& value) const;

  /// d targets / d sources: one Value per source, empty where there is no path. Without upstream: ones. The walk itself
  /// is made of operations: outer tapes write it down. A tape that is not persistent forgets everything afterwards.
  /// Throws Error(value) if an upstream gradient does not have its target's shape, and what gradient rules throw.
  Values gradient(const Values& targets, const Values& sources, const Values& upstream = {});
  /// The same for values and variables. One that was read, assigned and read again gets the sum over its values.
  Values gradient_by(const Values& targets, const std::vector<Source>& sources, const Values& upstream = {});
  /// The value that a variable had when it was first read under this tape; empty if it was not read.
  Value value_of(const VariablePtr& variable) const;

  /// Called by apply and Variable::read.
  static void write(const Operation& operation, const Attributes& attributes, std::span<const Value> inputs,
                    std::span<const Value> outputs);
  /// Throws Error(unsupported) in the body of a control-flow operation under an open tape: bodies are differentiated as
  /// they are recorded, so the function would be lost.
  static void write_custom(const Values& inputs, const Values& outputs, const GradientFunction& gradient);
  static void note_read(const VariablePtr& variable, const Value& value, const Recording* where);
  static bool any_watches(const Value& value);

 private:
  struct Book;  ///< what is written; a thread's list of open tapes holds it too
  class Walk;
  static std::vector<std::shared_ptr<Book>>& open_books();  ///< of this thread

  std::shared_ptr<Book> book_;
};

}  // namespace addax
