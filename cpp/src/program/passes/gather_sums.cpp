// sum(gather(x, I), axes = the last of I)  →  gather_sum(x, I), and the mean likewise, where nobody else reads the
// rows.
#include <string_view>

#include "program/passes/passes.h"

namespace addax::passes {

Program gather_sums(Program program) {
  const auto at = [](int i) { return static_cast<std::size_t>(i); };
  const std::vector<int> reads = count_reads(program);
  std::vector<const Step*> gather_of(program.slots.size(), nullptr);
  for (Step& step : program.steps) {
    const std::string_view name = step.operation->name;
    if (name == "gather") gather_of[at(step.outputs[0])] = &step;
    if (name != "sum" && name != "mean") continue;
    const int rows = step.inputs[0];
    const Step* const gather = gather_of[at(rows)];
    if (gather == nullptr || reads[at(rows)] != 1 || gather->attributes.axis("axis") != 0) continue;
    const Spec &table = program.slots[at(gather->inputs[0])].spec, &indices = program.slots[at(gather->inputs[1])].spec;
    const auto last = static_cast<std::int64_t>(indices.dims.size()) - 1;
    if (table.dtype != DType::float32 || table.dims.size() < 2 || last < 0 ||
        step.attributes.integers("axes") != std::vector{last} || step.attributes.flag("keepdims"))
      continue;
    step = Step{&operation_named("gather_sum"),
                {{"nonnegative", gather->attributes.flag("nonnegative")}, {"mean", name == "mean"}},
                gather->inputs,
                step.outputs};
  }
  return dead_code(std::move(program));
}

}  // namespace addax::passes
