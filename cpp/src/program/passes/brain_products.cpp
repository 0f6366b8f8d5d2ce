// Only where it was asked for: products and convolutions of float32 multiply bfloat16. Their operands are rounded,
// sums, bias and activation stay float32, the result is rounded once more. Between two of them only bfloat16 is
// written.
#include <algorithm>
#include <string_view>
#include <utility>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

constexpr std::string_view kProducts[] = {"matmul",        "matmul_epilogue",    "conv",
                                          "conv_epilogue", "conv_data_gradient", "conv_data_gradient_epilogue"};

class BrainProducts {
 public:
  explicit BrainProducts(Program program) : program_(std::move(program)) {}

  Program run() {
    std::vector<Step> steps = std::exchange(program_.steps, {});
    for (Step& step : steps) {
      if (is_product(step)) {
        replace(std::move(step));
      } else {
        append(std::move(step));
      }
    }
    return std::move(program_);
  }

 private:
  const Spec& spec(int slot) const { return program_.slots[static_cast<std::size_t>(slot)].spec; }

  bool is_product(const Step& step) const {
    return std::find(std::begin(kProducts), std::end(kProducts), step.operation->name) != std::end(kProducts) &&
           spec(step.outputs[0]).dtype == DType::float32;
  }

  void append(Step step) {
    for (const int output : step.outputs)
      program_.slots[static_cast<std::size_t>(output)].index = static_cast<int>(program_.steps.size());
    program_.steps.push_back(std::move(step));
  }

  void convert(int from, int to) {
    append({&operation_named("cast"), {{"dtype", spec(to).dtype}, {"implied", true}}, {from}, {to}});
  }

  int rounded(int slot) {
    const int half = program_.add_slot({DType::bfloat16, spec(slot).dims}, SlotKind::step, 0);
    convert(slot, half);
    return half;
  }

  void replace(Step step) {
    step.inputs[0] = rounded(step.inputs[0]);
    step.inputs[1] = rounded(step.inputs[1]);
    const int wide = std::exchange(step.outputs[0],
                                   program_.add_slot({DType::bfloat16, spec(step.outputs[0]).dims}, SlotKind::step, 0));
    const int half = step.outputs[0];
    append(std::move(step));
    convert(half, wide);
  }

  Program program_;
};

}  // namespace

Program brain_products(Program program) {
  return conversions(common_subexpressions(BrainProducts(std::move(program)).run()));
}

}  // namespace addax::passes
