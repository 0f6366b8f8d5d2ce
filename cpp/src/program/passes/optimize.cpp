#include "program/passes/passes.h"
#include "program/stepwise.h"

namespace addax {
namespace {

// clang-format off: one a line, in order
constexpr Program (*kPasses[])(Program) = {
    passes::forwarding,
    passes::constant_folding,
    passes::transpose_folding,
    passes::common_subexpressions,
    passes::conversions,
    passes::padding_folding,
    passes::affine_folding,
    passes::pooled_gradients,
    passes::norm_fusion,
    passes::gather_fusion,
    passes::epilogue_fusion,
    passes::recurrent_prepacking,
    passes::prepacking,
    passes::conv_prepacking,
    passes::hoisting,
    passes::widening,
    passes::elementwise_fusion,
    passes::sparse_updates,
    passes::horizontal_fusion,
    passes::tail_fusion,
    passes::conv_chains,
    passes::dead_code,
};
// clang-format on

void optimize_nested(Program& program, Products products) {
  for (Step& step : program.steps)
    for (auto& [name, attribute] : step.attributes.entries())
      if (auto* nested = std::get_if<ProgramPtr>(&attribute)) *nested = optimize(*nested, products);
}

}  // namespace

ProgramPtr optimize(const ProgramPtr& program, Products products) {
  // It has been through the passes; a second prologue would take the place of the one that makes its derived variables.
  if (program->prologue != nullptr) return program;
  Program result = *program;
  result.samples = independent_samples(*program);
  for (const auto pass : kPasses) {
    result = pass(std::move(result));
    if (products == Products::bfloat16 && pass == passes::epilogue_fusion)
      result = passes::brain_products(std::move(result));
  }
  optimize_nested(result, products);
  return std::make_shared<const Program>(std::move(result));
}

}  // namespace addax
