// A float32 copy of a bfloat16 array costs three times the array's own way through memory. So that no copy is kept for
// several readers, each element-wise reader gets a conversion of its own, which its list makes in registers.
#include <string_view>
#include <utility>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

class Widening {
 public:
  explicit Widening(Program program) : program_(std::move(program)), reads_(count_reads(program_)) {
    taken_.assign(program_.slots.size(), false);
  }

  Program run() {
    std::vector<Step> steps = std::exchange(program_.steps, {});
    made_by_.assign(program_.slots.size(), nullptr);
    for (Step& step : steps) {
      if (step.operation->traits.elementwise)
        for (int& input : step.inputs) input = own_copy(input);
      if (widens(step)) made_by_[at(step.outputs[0])] = &step;
      append(step);
    }
    return dead_code(std::move(program_));
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  DType dtype(int slot) const { return program_.slots[at(slot)].spec.dtype; }
  bool widens(const Step& step) const {
    return std::string_view(step.operation->name) == "cast" && dtype(step.inputs[0]) == DType::bfloat16 &&
           dtype(step.outputs[0]) == DType::float32;
  }

  void append(Step step) {
    for (const int output : step.outputs) program_.slots[at(output)].index = static_cast<int>(program_.steps.size());
    program_.steps.push_back(std::move(step));
  }

  // The first reader takes the copy as it is.
  int own_copy(int slot) {
    if (at(slot) >= made_by_.size() || made_by_[at(slot)] == nullptr || reads_[at(slot)] < 2) return slot;
    if (!taken_[at(slot)]) {
      taken_[at(slot)] = true;
      return slot;
    }
    Step copy = *made_by_[at(slot)];
    copy.outputs[0] = program_.add_slot(program_.slots[at(slot)].spec, SlotKind::step, 0);
    append(copy);
    return copy.outputs[0];
  }

  Program program_;
  const std::vector<int> reads_;
  std::vector<bool> taken_;
  std::vector<const Step*> made_by_;  // conversions, by their result
};

}  // namespace

Program widening(Program program) { return Widening(std::move(program)).run(); }

}  // namespace addax::passes
