// while_loop: inputs values(V), the condition's captures, the body's captures.
#include "addax/control.h"
#include "addax/program.h"
#include "addax/replay.h"
#include "ops/control_parts.h"

namespace addax::ops {
namespace {

Specs while_infer(const Infer& in) {
  const Attributes& a = in.attributes();
  const int count = a.axis("values"), condition_captures = a.axis("condition_captures");
  if (count < 0 || condition_captures < 0 || count + condition_captures > in.count())
    in.error("values exceed the inputs");
  const Program& condition = *a.program("condition");
  const Program& body = *a.program("body");
  require_no_variables(in, condition);
  require_no_variables(in, body);
  if (static_cast<int>(condition.inputs.size()) != count + condition_captures)
    in.error("the condition takes ", condition.inputs.size(), " inputs");
  if (static_cast<int>(body.inputs.size()) != in.count() - condition_captures)
    in.error("the body takes ", body.inputs.size(), " inputs");
  const Specs predicate = condition.output_specs();
  if (predicate.size() != 1 || predicate[0] != Spec{DType::boolean, {}})
    in.error("the condition must give one bool of rank 0");
  const Specs results = body.output_specs();
  if (static_cast<int>(results.size()) != count)
    in.error("the body must give ", count, " values; it gives ", results.size());
  const Specs condition_in = condition.input_specs(), body_in = body.input_specs();
  Specs out;
  for (int i = 0; i < in.count(); ++i) {
    if (i < count + condition_captures) require_specs(in, in[i], condition_in[at(i)], "the condition's input");
    if (i < count) require_specs(in, in[i], body_in[at(i)], "the body's input");
    if (i >= count + condition_captures)
      require_specs(in, in[i], body_in[at(i - condition_captures)], "the body's input");
  }
  for (int i = 0; i < count; ++i) {
    require_specs(in, results[at(i)], in[i], "a value after the step");
    out.push_back(in[i]);
  }
  return out;
}

// A gradient that is asked for and silently left out would train the wrong thing.
Values while_gradient(const Gradient&) {
  fail(ErrorKind::value,
       "while_loop: a recorded loop has no gradient, because the number of its steps is not known and nothing is kept "
       "to walk back. Use `scan` or `fori_loop`, or put `stop_gradient` around what it gives");
}

struct While {
  Loop condition, body;
};

std::shared_ptr<void> while_prepare(const Run& r) {
  const Attributes& a = r.attributes();
  const int count = a.axis("values"), captures = a.axis("condition_captures");
  const std::vector<Shape> all = shapes_of(r, 0);
  const std::vector<Shape> condition(all.begin(), all.begin() + count + captures);
  std::vector<Shape> body(all.begin(), all.begin() + count);
  body.insert(body.end(), all.begin() + count + captures, all.end());
  return std::make_shared<While>(
      While{Loop(a.program("condition"), condition, 0), Loop(a.program("body"), body, count)});
}

void while_run(const Run& r) {
  const Attributes& a = r.attributes();
  While& loop = r.prepared<While>();
  const int count = a.axis("values"), captures = a.axis("condition_captures");
  for (int i = 0; i < count + captures; ++i) loop.condition.in[at(i)] = r.input(i).data;
  for (int i = 0; i < r.input_count(); ++i)
    if (i < count || i >= count + captures) loop.body.in[at(i < count ? i : i - captures)] = r.input(i).data;
  bool go = true;
  void* const go_address = &go;
  for (bool even = true;; even = !even) {
    loop.condition.replay.run(loop.condition.in, std::span(&go_address, 1));
    if (!go) break;
    for (int i = 0; i < count; ++i) loop.body.out[at(i)] = (even ? loop.body.front : loop.body.back)[at(i)].data();
    loop.body.replay.run(loop.body.in, loop.body.out);
    for (int i = 0; i < count; ++i) loop.body.in[at(i)] = loop.condition.in[at(i)] = loop.body.out[at(i)];
  }
  for (int i = 0; i < count; ++i) copy_bytes(r.output(i).data, loop.body.in[at(i)], r.output(i).bytes());
}

}  // namespace

Operation while_operation() {
  return {.name = "while_loop",
          .min_inputs = 0,
          .max_inputs = kAnyNumber,
          .attributes = {{"condition", AttributeKind::program},
                         {"body", AttributeKind::program},
                         {"values", AttributeKind::integer},
                         {"condition_captures", AttributeKind::integer}},
          .infer = while_infer,
          .run = while_run,
          .prepare = while_prepare,
          .gradient = for_training(while_gradient),
          .no_gradient = "the number of steps is not known, so nothing is kept to walk back; use scan",
          .traits = {.halves = Halves::moved}};
}

Values while_loop(const std::function<Value(const Values&)>& condition,
                  const std::function<Values(const Values&)>& body, const Values& init) {
  Specs specs;
  for (const Value& value : init) specs.push_back(value.spec());
  const std::shared_ptr<Recording> test = Recording::begin(Recording::Kind::body);
  const Value predicate = record_body(test, [&] { return condition(declare(*test, specs)); });
  if (!test->assigned().empty()) fail(ErrorKind::value, "while_loop: the condition may not assign variables");
  const std::shared_ptr<Recording> recording = Recording::begin(Recording::Kind::body);
  Values next = record_body(recording, [&] { return body(declare(*recording, specs)); });
  if (next.size() != init.size())
    fail(ErrorKind::value, "while_loop: the body must give ", init.size(), " values; it gave ", next.size());
  const std::vector<Recording::Assigned> assigned = recording->assigned();
  if (!assigned.empty())
    fail(ErrorKind::value, "while_loop: the body assigns variable '", assigned[0].variable->name(),
         "'; pass its value through the loop instead");
  const ProgramPtr condition_program = test->finish({predicate}), body_program = recording->finish(next);
  return apply(operation_named("while_loop"), concat({init, test->captured(), recording->captured()}),
               {{"condition", condition_program},
                {"body", body_program},
                {"values", static_cast<std::int64_t>(init.size())},
                {"condition_captures", static_cast<std::int64_t>(test->captured().size())}});
}

}  // namespace addax::ops
