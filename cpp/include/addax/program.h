// Program: a tape recorded with symbolic values. A list of steps over numbered slots; state lives in variables, which
// the program reads and assigns. Programs are immutable once recorded and optimised, and may be shared between threads.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "addax/attributes.h"
#include "addax/export.h"
#include "addax/variable.h"

namespace ADDAX_API addax {

struct Operation;
class Prologue;

// ---- Program

enum class SlotKind { input, variable, constant, step };

/// A place for one value: the index-th input, variable or constant, or an output of the index-th step.
struct Slot {
  Spec spec;
  SlotKind kind;
  int index;
};

/// An operation applied to slots.
struct Step {
  const Operation* operation;
  Attributes attributes;
  std::vector<int> inputs;
  std::vector<int> outputs;
};

struct Assignment {
  int variable;  ///< index into variables
  int slot;
};

class Program {
 public:
  std::vector<Slot> slots;
  std::vector<std::string> input_names;  ///< one per input, in order
  std::vector<int> inputs;               ///< slot of each input
  std::vector<VariablePtr> variables;
  std::vector<int> variable_slots;
  std::vector<Tensor> constants;
  std::vector<int> constant_slots;
  std::vector<Step> steps;
  std::vector<int> outputs;  ///< slots; one may appear several times
  std::vector<Assignment> assignments;
  std::shared_ptr<Prologue> prologue;  ///< makes derived variables before the steps run; null if there are none
  /// The unknown that counts samples, the first size of every input and output: row i of the outputs depends on row i
  /// of the inputs alone. Empty: not so, or not known. `optimize` finds it.
  std::string samples;

  int add_slot(Spec spec, SlotKind kind, int index);
  Specs input_specs() const;
  Specs output_specs() const;
  std::string str() const;  ///< one line per step, for people
};

/// What float32's products and convolutions multiply: float32, or, never unless it is asked for, operands rounded to
/// bfloat16, with float32 sums and a result that is rounded once.
enum class Products { float32, bfloat16 };

/// All passes, in order; equal results for equal inputs.
ProgramPtr optimize(const ProgramPtr& program, Products products = Products::float32);

/// The program with the given dimensions replaced, in specs and attributes and in nested programs.
ProgramPtr bind_dims(const ProgramPtr& program, const Bindings& bindings);

/// Applies the program's steps to the given values: eagerly where they are concrete, recorded where they are symbolic.
/// Variables are read and assigned as if the steps had been written out.
Values inline_program(const Program& program, const Values& inputs);

// ---- Recording

/// Collects the operations on its symbolic values. Recordings nest: a value of an outer one that is used inside becomes
/// a captured input, and so does a variable; what a nested one assigns is handed to its maker (control-flow
/// operations).
class Recording : public std::enable_shared_from_this<Recording> {
 public:
  enum class Kind {
    program,
    body  ///< of a control-flow operation: what it uses from outside comes in as inputs
  };
  static std::shared_ptr<Recording> begin(Kind kind = Kind::program);  ///< becomes the thread's current one
  static std::shared_ptr<Recording> current();                         ///< nullptr if none
  void end();             ///< restores the one before; throws unless this is the current one
  void leave() noexcept;  ///< restores the one before, whatever was begun since

  bool is_body() const { return kind_ == Kind::body; }

  Value input(const std::string& name, const Spec& spec);
  Values record(const Operation& operation, std::span<const Value> inputs, Attributes attributes, const Specs& outputs);
  Value read(const VariablePtr& variable);
  void assign(const VariablePtr& variable, const Value& value);

  /// The raw program: nothing optimised. Captured values follow the declared inputs. Nothing can be recorded
  /// afterwards.
  ProgramPtr finish(const Values& outputs);
  const Values& captured() const { return captured_; }
  /// Variables assigned in a body, with their new values and where the old ones stand among the captured values; the
  /// recording of a whole program puts assignments into the program.
  struct Assigned {
    VariablePtr variable;
    Value value;
    int captured;
  };
  std::vector<Assigned> assigned() const;

 private:
  explicit Recording(Kind kind) : kind_(kind) {}
  void require_open() const;
  int slot_of(const Value& value);
  Value capture(const Value& outer, const std::string& name);

  struct Seen {
    VariablePtr variable;
    bool assigned;
    int captured;  ///< index into captured_; -1 in the recording of a whole program
  };
  Kind kind_;
  bool finished_ = false;
  std::shared_ptr<Recording> parent_;
  Program program_;
  std::unordered_map<std::uint64_t, int> foreign_;  ///< id of a constant or captured value → slot
  std::unordered_map<const Variable*, Value> variable_values_;
  std::vector<Seen> variables_seen_;  ///< in order
  Values captured_;
};

/// Suspends recording on this thread: operations on concrete values stay what they are, variables read as concrete.
class SuspendRecording {
 public:
  SuspendRecording();
  ~SuspendRecording();
  SuspendRecording(const SuspendRecording&) = delete;
  SuspendRecording& operator=(const SuspendRecording&) = delete;

 private:
  std::shared_ptr<Recording> saved_;
};

}  // namespace addax
