// The mean over a sequence of rows of a table, mean(gather(x, indices), axis of the indices), reads the rows where they
// lie instead of copying them first.
#include <string_view>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

bool is(const Step& step, std::string_view name) { return step.operation->name == name; }

// gather's result is (…, count, row); the mean goes over count alone.
bool takes_mean_of(const Step& mean, const Step& gather, const Program& program) {
  const auto spec = [&](int slot) -> const Spec& { return program.slots[static_cast<std::size_t>(slot)].spec; };
  const auto rank = static_cast<std::int64_t>(spec(gather.inputs[1]).dims.size());
  return spec(gather.inputs[0]).dtype == DType::float32 && gather.attributes.integer("axis") == 0 && rank > 0 &&
         mean.attributes.integers("axes") == std::vector<std::int64_t>{rank - 1} && !mean.attributes.flag("keepdims");
}

}  // namespace

Program gather_fusion(Program program) {
  const std::vector<int> reads = count_reads(program);
  std::vector<int> maker(program.slots.size(), -1);
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    Step& step = program.steps[s];
    const int source = is(step, "mean") ? maker[static_cast<std::size_t>(step.inputs[0])] : -1;
    if (source >= 0 && reads[static_cast<std::size_t>(step.inputs[0])] == 1) {
      const Step& gather = program.steps[static_cast<std::size_t>(source)];
      if (is(gather, "gather") && takes_mean_of(step, gather, program)) {
        const Attributes attributes{{"nonnegative", gather.attributes.flag("nonnegative")}};
        step = Step{&operation_named("gather_mean"), attributes, gather.inputs, step.outputs};
      }
    }
    for (const int output : step.outputs) maker[static_cast<std::size_t>(output)] = static_cast<int>(s);
  }
  return dead_code(std::move(program));
}

}  // namespace addax::passes
