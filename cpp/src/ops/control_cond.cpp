// cond: inputs predicate, captures; both branches take all captures.
#include <algorithm>
#include <optional>

#include "addax/control.h"
#include "addax/ops.h"
#include "addax/program.h"
#include "addax/replay.h"
#include "addax/tape.h"
#include "ops/control_parts.h"

namespace addax::ops {
namespace {

// The inputs that a body takes must be those given, from input `first` on.
void require_inputs(const Infer& in, const Program& body, int first) {
  require_no_variables(in, body);
  const Specs wanted = body.input_specs();
  if (static_cast<int>(wanted.size()) != in.count() - first) in.error("the body takes ", wanted.size(), " inputs");
  for (std::size_t i = 0; i < wanted.size(); ++i)
    require_specs(in, in[first + static_cast<int>(i)], wanted[i], "a body's input");
}

Specs cond_infer(const Infer& in) {
  const Attributes& a = in.attributes();
  if (in[0] != Spec{DType::boolean, {}}) in.error("the predicate must be a bool of rank 0");
  const Program& then = *a.program("then");
  const Program& otherwise = *a.program("otherwise");
  require_inputs(in, then, 1);
  require_inputs(in, otherwise, 1);
  const Specs first = then.output_specs(), second = otherwise.output_specs();
  if (first.size() != second.size()) in.error("the branches give ", first.size(), " and ", second.size(), " values");
  for (std::size_t i = 0; i < first.size(); ++i) require_specs(in, second[i], first[i], "a value of the second branch");
  return first;
}

struct Branches {
  Replay then, otherwise;
  std::vector<const void*> in;
  std::vector<void*> out;
};

std::shared_ptr<void> cond_prepare(const Run& r) {
  const std::vector<Shape> shapes = shapes_of(r, 1);
  auto branches = std::make_shared<Branches>(
      Branches{Replay(r.attributes().program("then"), shapes), Replay(r.attributes().program("otherwise"), shapes),
               std::vector<const void*>(shapes.size()), std::vector<void*>(at(r.output_count()))});
  for (int i = 0; i < branches->then.output_count(); ++i) {
    if (branches->then.output_shape(i) != branches->otherwise.output_shape(i) ||
        branches->then.output_shape(i) != r.output(i).shape)
      fail(ErrorKind::value, "cond: the branches give shapes ", branches->then.output_shape(i), " and ",
           branches->otherwise.output_shape(i));
  }
  return branches;
}

void cond_run(const Run& r) {
  Branches& branches = r.prepared<Branches>();
  for (std::size_t i = 0; i < branches.in.size(); ++i) branches.in[i] = r.input(static_cast<int>(i) + 1).data;
  for (std::size_t i = 0; i < branches.out.size(); ++i) branches.out[i] = r.output(static_cast<int>(i)).data;
  Replay& replay = *r.in<bool>(0) ? branches.then : branches.otherwise;
  replay.run(branches.in, branches.out);
}

Values cond_gradient(const Gradient& g) {
  // What both branches capture comes twice: the gradient of the value goes to the first of its places.
  Values captured, sources;
  std::vector<int> places;
  for (int i = 1; i < g.count(); ++i) {
    captured.push_back(g.input(i));
    const bool repeated = std::any_of(sources.begin(), sources.end(),
                                      [&](const Value& source) { return source.id() == captured.back().id(); });
    if (!g.wanted(i) || repeated) continue;
    sources.push_back(captured.back());
    places.push_back(i);
  }
  Values upstream;
  for (int i = 0; i < g.output_count(); ++i) upstream.push_back(g.has_upstream(i) ? g.upstream(i) : Value());
  const auto branch = [&](const ProgramPtr& program) {
    return [&, program] {
      Tape tape(false, false);
      for (const Value& source : sources) tape.watch(source);
      tape.start();
      const Values out = inline_program(*program, captured);
      tape.stop();
      Values targets, seeds;
      for (std::size_t i = 0; i < out.size(); ++i) {
        if (!upstream[i]) continue;
        targets.push_back(out[i]);
        seeds.push_back(upstream[i]);
      }
      Values gradients = tape.gradient(targets, sources, seeds);
      for (std::size_t i = 0; i < gradients.size(); ++i) gradients[i] = or_zeros(gradients[i], sources[i]);
      return gradients;
    };
  };
  const Values gradients =
      cond(g.input(0), branch(g.attributes().program("then")), branch(g.attributes().program("otherwise")));
  Values result(at(g.count()));
  for (std::size_t i = 0; i < places.size(); ++i) result[at(places[i])] = gradients[i];
  return result;
}

// Adds inputs that the program does not read, before its own or after them.
ProgramPtr add_unread_inputs(const ProgramPtr& program, const Values& values, std::size_t at_position) {
  auto wider = std::make_shared<Program>(*program);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto position = static_cast<std::ptrdiff_t>(at_position + i);
    wider->inputs.insert(wider->inputs.begin() + position, wider->add_slot(values[i].spec(), SlotKind::input, 0));
    wider->input_names.insert(wider->input_names.begin() + position, text("unread_", i));
  }
  for (std::size_t i = 0; i < wider->inputs.size(); ++i)
    wider->slots[static_cast<std::size_t>(wider->inputs[i])].index = static_cast<int>(i);
  return wider;
}

}  // namespace

Operation cond_operation() {
  return {.name = "cond",
          .min_inputs = 1,
          .max_inputs = kAnyNumber,
          .attributes = {{"then", AttributeKind::program}, {"otherwise", AttributeKind::program}},
          .infer = cond_infer,
          .run = cond_run,
          .prepare = cond_prepare,
          .gradient = for_training(cond_gradient),
          .traits = {.halves = Halves::moved}};
}

Values cond(const Value& predicate, const std::function<Values()>& then, const std::function<Values()>& otherwise) {
  const std::shared_ptr<Recording> first = Recording::begin(Recording::Kind::body);
  Values then_outputs = record_body(first, then);
  const std::shared_ptr<Recording> second = Recording::begin(Recording::Kind::body);
  Values otherwise_outputs = record_body(second, otherwise);
  const std::size_t results = then_outputs.size();
  if (otherwise_outputs.size() != results)
    fail(ErrorKind::value, "cond: the branches give ", results, " and ", otherwise_outputs.size(), " values");

  // Variables that either branch assigns are results of both.
  std::vector<VariablePtr> assigned;
  for (const auto& recording : {first, second})
    for (const Recording::Assigned& a : recording->assigned())
      if (std::find(assigned.begin(), assigned.end(), a.variable) == assigned.end()) assigned.push_back(a.variable);
  for (const VariablePtr& variable : assigned) {
    then_outputs.push_back(first->read(variable));
    otherwise_outputs.push_back(second->read(variable));
  }
  const ProgramPtr then_program = first->finish(then_outputs), otherwise_program = second->finish(otherwise_outputs);
  Values inputs = concat({{predicate}, first->captured(), second->captured()});
  const Values values = apply(operation_named("cond"), inputs,
                              {{"then", add_unread_inputs(then_program, second->captured(), first->captured().size())},
                               {"otherwise", add_unread_inputs(otherwise_program, first->captured(), 0)}});
  for (std::size_t i = 0; i < assigned.size(); ++i) Variable::assign(assigned[i], values[results + i]);
  return part(values, 0, results);
}

}  // namespace addax::ops
