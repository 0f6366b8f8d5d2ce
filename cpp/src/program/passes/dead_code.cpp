#include <algorithm>

#include "program/passes/passes.h"

namespace addax::passes {

Program dead_code(Program program) {
  std::vector<int> reads = count_reads(program);
  std::vector<Step> live;
  for (auto step = program.steps.rbegin(); step != program.steps.rend(); ++step) {
    const bool read = std::any_of(step->outputs.begin(), step->outputs.end(),
                                  [&](int slot) { return reads[static_cast<std::size_t>(slot)] > 0; });
    if (read) {
      live.push_back(std::move(*step));
    } else {
      for (const int input : step->inputs) --reads[static_cast<std::size_t>(input)];
    }
  }
  std::reverse(live.begin(), live.end());
  program.steps = std::move(live);
  return compact(program);
}

}  // namespace addax::passes
