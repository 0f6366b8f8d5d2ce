// Conversions between float32 and 16-bit floats that need not be made: one there and back, and a rounding between two
// float32 steps that nobody asked for and nobody else sees: with operations on 16-bit floats each computes in float32
// and rounds, and a program may keep float32 from one to the next. What is read twice is rounded, and kept in 16 bits.
#include <string_view>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

class Conversions {
 public:
  explicit Conversions(Program program) : program_(std::move(program)), reads_(count_reads(program_)) {}

  Program run() {
    std::vector<int> replacement(program_.slots.size());
    for (std::size_t i = 0; i < replacement.size(); ++i) replacement[i] = static_cast<int>(i);
    for (const Step& step : program_.steps) {
      if (!is_cast(step)) continue;
      const int middle = step.inputs[0], to = step.outputs[0];
      const Step* first = maker(middle);
      if (first == nullptr || !is_cast(*first)) continue;
      const int from = first->inputs[0];
      if (dtype(from) != dtype(to)) continue;
      const bool exact = is_half(dtype(to)) && dtype(middle) == DType::float32;
      const bool unseen = dtype(to) == DType::float32 && is_half(dtype(middle)) && first->attributes.flag("implied") &&
                          reads_[at(middle)] == 1 && reads_[at(to)] == 1;
      if (exact || unseen) replacement[at(to)] = replacement[at(from)];
    }
    replace_slots(program_, replacement);
    return dead_code(std::move(program_));
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  static bool is_cast(const Step& step) { return std::string_view(step.operation->name) == "cast"; }
  DType dtype(int slot) const { return program_.slots[at(slot)].spec.dtype; }
  const Step* maker(int slot) const {
    const Slot& s = program_.slots[at(slot)];
    return s.kind == SlotKind::step ? &program_.steps[at(s.index)] : nullptr;
  }

  Program program_;
  const std::vector<int> reads_;
};

}  // namespace

Program conversions(Program program) { return Conversions(std::move(program)).run(); }

}  // namespace addax::passes
