#include "ops/composed.h"

#include "addax/tape.h"

namespace addax::ops {

Values through(const Gradient& g, Values (*composition)(const Values& inputs, const Attributes& attributes)) {
  // Copies, so that a value that is two inputs gets a gradient as each.
  Values inputs, sources;
  for (int i = 0; i < g.count(); ++i) {
    inputs.push_back(g.wanted(i) ? apply_one(operation_named("identity"), {g.input(i)}) : g.input(i));
    if (g.wanted(i)) sources.push_back(inputs.back());
  }
  Tape tape(false, false);
  tape.start();
  for (const Value& source : sources) tape.watch(source);
  const Values outputs = composition(inputs, g.attributes());
  tape.stop();
  const Values found = backward(g, tape, outputs, sources);
  Values gradients(inputs.size());
  auto next = found.begin();
  for (int i = 0; i < g.count(); ++i)
    if (g.wanted(i)) gradients[static_cast<std::size_t>(i)] = *next++;
  return gradients;
}

Values backward(const Gradient& g, Tape& tape, const Values& outputs, const Values& sources) {
  Values targets, upstream;
  for (int i = 0; i < g.output_count(); ++i) {
    if (!g.has_upstream(i)) continue;
    targets.push_back(outputs[static_cast<std::size_t>(i)]);
    upstream.push_back(g.upstream(i));
  }
  return tape.gradient(targets, sources, upstream);
}

}  // namespace addax::ops
