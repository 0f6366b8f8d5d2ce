// The tape: the operations that led from watched values to others, so that gradients can be taken by walking back.
// A tape belongs to the thread that started it.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "addax/variable.h"

namespace addax {

struct Operation;
class Attributes;

// Upstream gradients (empty Values for outputs without one) in, gradients of the inputs out.
using GradientFunction = std::function<Values(const Values& upstream)>;

// What a derivative is taken by: a value, or a variable, which counts with every value it had under the tape.
using Source = std::variant<Value, VariablePtr>;

class Tape {
 public:
  explicit Tape(bool persistent = false, bool watch_variables = true);
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  void start();  // operations of this thread are written down from here
  void stop();
  bool active() const;
  void reset();  // forgets all

  void watch(const Value& value);
  bool watches(const Value& value) const { return watched_.contains(value.id()); }

  // d targets / d sources: one Value per source, empty where there is no path. Without upstream: ones. The walk itself
  // is made of operations: outer tapes write it down. A tape that is not persistent forgets everything afterwards.
  Values gradient(const Values& targets, const Values& sources, const Values& upstream = {});
  // The same for values and variables. One that was read, assigned and read again gets the sum over its values.
  Values gradient_by(const Values& targets, const std::vector<Source>& sources, const Values& upstream = {});
  // The value that a variable had when it was first read under this tape; empty if it was not read.
  Value value_of(const VariablePtr& variable) const;

  // Called by apply and Variable::read.
  static void write(const Operation& operation, const Attributes& attributes, std::span<const Value> inputs,
                    std::span<const Value> outputs);
  static void write_custom(const Values& inputs, const Values& outputs, GradientFunction gradient);
  static void note_read(const VariablePtr& variable, const Value& value, const Recording* where);
  static bool any_watches(const Value& value);
  static bool any_active();  // on this thread

 private:
  struct Entry;
  void add(Entry entry);

  bool persistent_;
  bool watch_variables_;
  std::shared_ptr<Recording> home_;  // the recording that was current when the tape started
  std::vector<Entry> entries_;
  std::unordered_set<std::uint64_t> watched_;
  struct Reads {
    VariablePtr variable;  // kept, so that the address stays its own
    Values values;         // one more after each assignment
  };
  std::unordered_map<const Variable*, Reads> variables_;
};

}  // namespace addax
