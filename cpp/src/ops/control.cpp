// scan, while_loop and cond. Inputs are the loop's values, then what the bodies capture; bodies take the same.
#include "addax/control.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "addax/ops.h"
#include "addax/program.h"
#include "addax/replay.h"
#include "addax/tape.h"
#include "ops/operation.h"

namespace addax::ops {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

void require_specs(const Infer& in, const Spec& seen, const Spec& wanted, std::string_view what) {
  bool fits = seen.dtype == wanted.dtype && seen.dims.size() == wanted.dims.size();
  for (std::size_t i = 0; fits && i < seen.dims.size(); ++i)
    fits = !seen.dims[i].known() || !wanted.dims[i].known() || seen.dims[i] == wanted.dims[i];
  if (!fits) in.error(what, " must be ", wanted, "; received ", seen);
}

// Bodies are functions of their inputs: state comes in and goes out as values.
void require_no_variables(const Infer& in, const Program& body) {
  if (!body.variables.empty()) in.error("a body may not use variables of its own");
}

// The inputs that a body takes must be those given, from input `first` on.
void require_inputs(const Infer& in, const Program& body, int first) {
  require_no_variables(in, body);
  const Specs wanted = body.input_specs();
  if (static_cast<int>(wanted.size()) != in.count() - first) in.error("the body takes ", wanted.size(), " inputs");
  for (std::size_t i = 0; i < wanted.size(); ++i)
    require_specs(in, in[first + static_cast<int>(i)], wanted[i], "a body's input");
}

Spec stacked(const Spec& spec, const Dim& length) {
  Spec result = spec;
  result.dims.insert(result.dims.begin(), length);
  return result;
}

Shape tail(const Shape& shape) { return Shape(shape.sizes().subspan(1)); }

// A nested program's replay with the addresses that it runs on, and two sets of buffers for what goes round.
struct Loop {
  Replay replay;
  std::vector<const void*> in;
  std::vector<void*> out;
  std::vector<Tensor> front, back;
  std::vector<Tensor> unread;  // outputs that nobody wants still need a place

  Loop(const ProgramPtr& program, std::span<const Shape> shapes, int carries) : replay(program, shapes) {
    in.resize(shapes.size());
    out.resize(at(replay.output_count()));
    for (int i = 0; i < carries; ++i) {
      if (replay.output_shape(i) != shapes[at(i)])
        fail(ErrorKind::value, "a loop's body must keep the shapes of its values: ", shapes[at(i)], " became ",
             replay.output_shape(i));
      front.emplace_back(replay.output_dtype(i), replay.output_shape(i));
      back.emplace_back(replay.output_dtype(i), replay.output_shape(i));
    }
    for (int i = carries; i < replay.output_count(); ++i)
      unread.emplace_back(replay.output_dtype(i), replay.output_shape(i));
  }
};

std::vector<Shape> shapes_of(const Run& r, int first) {
  std::vector<Shape> shapes;
  for (int i = first; i < r.input_count(); ++i) shapes.push_back(r.input(i).shape);
  return shapes;
}

// ---- scan: inputs carry(C), xs(X), captures; body (carry, x_t, captures) → (carry', y_t); outputs carry(C), ys(Y),
// and the carries that went into each step, stacked (C), which only the gradient reads.

Specs scan_infer(const Infer& in) {
  const Attributes& a = in.attributes();
  const Program& body = *a.program("body");
  require_no_variables(in, body);
  const int carries = a.axis("carries"), sequences = a.axis("sequences");
  const Dim& length = a.dim("length");
  if (carries < 0 || sequences < 0 || carries + sequences > in.count())
    in.error("carries and sequences exceed the inputs");
  if (a.dims("length").size() != 1 || (length.known() && length.value() < 0)) in.error("length must be one size");
  const Specs wanted = body.input_specs();
  if (static_cast<int>(wanted.size()) != in.count()) in.error("the body takes ", wanted.size(), " inputs");
  for (int i = 0; i < in.count(); ++i) {
    const bool sequence = i >= carries && i < carries + sequences;
    require_specs(in, in[i], sequence ? stacked(wanted[at(i)], length) : wanted[at(i)], "an input");
  }
  const Specs results = body.output_specs();
  if (static_cast<int>(results.size()) < carries) in.error("the body gives fewer values than there are carries");
  Specs out;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (i < at(carries)) {
      require_specs(in, results[i], in[static_cast<int>(i)], "a carry after the step");
      out.push_back(in[static_cast<int>(i)]);
    } else {
      out.push_back(stacked(results[i], length));
    }
  }
  for (int i = 0; i < carries; ++i) out.push_back(stacked(in[i], length));
  return out;
}

std::shared_ptr<void> scan_prepare(const Run& r) {
  const Attributes& a = r.attributes();
  std::vector<Shape> shapes = shapes_of(r, 0);
  const int carries = a.axis("carries"), sequences = a.axis("sequences");
  for (int i = carries; i < carries + sequences; ++i) shapes[at(i)] = tail(shapes[at(i)]);
  auto loop = std::make_shared<Loop>(a.program("body"), shapes, carries);
  for (int i = carries; i < loop->replay.output_count(); ++i) {
    if (loop->replay.output_shape(i) != tail(r.output(i).shape))
      fail(ErrorKind::value, "scan: a step gives shape ", loop->replay.output_shape(i), " where ",
           tail(r.output(i).shape), " was recorded");
  }
  return loop;
}

char* element(const Buffer& buffer, std::int64_t i) {
  const std::int64_t length = buffer.shape[0];
  return static_cast<char*>(buffer.data) + (length > 0 ? buffer.bytes() / length * i : 0);
}

void copy_bytes(void* to, const void* from, std::int64_t bytes) {
  if (to != nullptr && bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

void scan_run(const Run& r) {
  const Attributes& a = r.attributes();
  Loop& loop = r.prepared<Loop>();
  const int carries = a.axis("carries"), sequences = a.axis("sequences");
  const int results = loop.replay.output_count();
  const std::int64_t length = a.dim("length").value();
  const bool reverse = a.flag("reverse");
  for (int i = 0; i < r.input_count(); ++i) loop.in[at(i)] = r.input(i).data;
  for (std::int64_t t = 0; t < length; ++t) {
    const std::int64_t step = reverse ? length - 1 - t : t;
    for (int i = carries; i < carries + sequences; ++i) loop.in[at(i)] = element(r.input(i), step);
    std::vector<Tensor>& next = t % 2 == 0 ? loop.front : loop.back;
    for (int i = 0; i < carries; ++i) {
      if (r.wants(results + i)) copy_bytes(element(r.output(results + i), step), loop.in[at(i)], r.input(i).bytes());
      loop.out[at(i)] = next[at(i)].data();
    }
    for (int i = carries; i < results; ++i)
      loop.out[at(i)] = r.wants(i) ? element(r.output(i), step) : loop.unread[at(i - carries)].data();
    loop.replay.run(loop.in, loop.out);
    for (int i = 0; i < carries; ++i) loop.in[at(i)] = loop.out[at(i)];
  }
  for (int i = 0; i < carries; ++i) copy_bytes(r.output(i).data, loop.in[at(i)], r.output(i).bytes());
}

Values concat(std::initializer_list<Values> parts) {
  Values all;
  for (const Values& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Values part(const Values& values, std::size_t first, std::size_t count) {
  return {values.begin() + static_cast<std::ptrdiff_t>(first),
          values.begin() + static_cast<std::ptrdiff_t>(first + count)};
}

Value or_zeros(const Value& gradient, const Value& like) { return gradient ? gradient : zeros_like(like); }

// The body runs again from each step's carry with a tape open. What flows back: the carries' gradients from step to
// step, the captured values' summed, the sequences' stacked.
Values scan_gradient(const Gradient& g) {
  const Attributes& a = g.attributes();
  const ProgramPtr body = a.program("body");
  const std::size_t carries = at(a.axis("carries")), sequences = at(a.axis("sequences"));
  const std::size_t results = body->outputs.size();
  const std::size_t captures = at(g.count()) - carries - sequences;

  Values captured, differentiable;
  for (std::size_t i = 0; i < captures; ++i) captured.push_back(g.input(static_cast<int>(carries + sequences + i)));
  std::vector<std::size_t> capture_index;
  for (std::size_t i = 0; i < captures; ++i)
    if (g.wanted(static_cast<int>(carries + sequences + i))) capture_index.push_back(i);

  Values init, xs;
  std::vector<std::size_t> floating;  // carries with a gradient
  for (std::size_t i = 0; i < carries; ++i) {
    if (!is_floating(g.input(static_cast<int>(i)).dtype())) continue;
    floating.push_back(i);
    init.push_back(g.upstream(static_cast<int>(i)));
  }
  for (const std::size_t i : capture_index) init.push_back(zeros_like(captured[i]));
  for (std::size_t i = 0; i < carries; ++i) xs.push_back(g.output(static_cast<int>(results + i)));
  for (std::size_t i = 0; i < sequences; ++i) xs.push_back(g.input(static_cast<int>(carries + i)));
  std::vector<std::size_t> upstream_ys;
  for (std::size_t i = carries; i < results; ++i) {
    if (!g.has_upstream(static_cast<int>(i))) continue;
    upstream_ys.push_back(i);
    xs.push_back(g.upstream(static_cast<int>(i)));
  }
  // A gradient of the kept carries themselves (second derivatives) adds to the carries' gradient at their step.
  std::vector<std::size_t> upstream_kept;
  for (const std::size_t i : floating) {
    if (!g.has_upstream(static_cast<int>(results + i))) continue;
    upstream_kept.push_back(i);
    xs.push_back(g.upstream(static_cast<int>(results + i)));
  }

  const auto step = [&](const Values& carry, const Values& x) {
    const Values state = part(x, 0, carries), input = part(x, carries, sequences);
    Values sources;
    for (const std::size_t i : floating) sources.push_back(state[i]);
    for (std::size_t i = 0; i < sequences; ++i)
      sources.push_back(g.wanted(static_cast<int>(carries + i)) ? input[i] : Value());
    for (const std::size_t i : capture_index) sources.push_back(captured[i]);

    Tape tape(false, false);
    for (const Value& source : sources)
      if (source) tape.watch(source);
    tape.start();
    const Values out = inline_program(*body, concat({state, input, captured}));
    tape.stop();
    Values targets, upstream;
    for (std::size_t i = 0; i < floating.size(); ++i) {
      targets.push_back(out[floating[i]]);
      upstream.push_back(carry[i]);
    }
    for (std::size_t i = 0; i < upstream_ys.size(); ++i) {
      targets.push_back(out[upstream_ys[i]]);
      upstream.push_back(x[carries + sequences + i]);
    }
    const Values gradients = tape.gradient(targets, sources, upstream);

    Values next, dx;
    for (std::size_t i = 0; i < floating.size(); ++i) next.push_back(or_zeros(gradients[i], state[floating[i]]));
    for (std::size_t i = 0; i < upstream_kept.size(); ++i) {
      const auto place = std::find(floating.begin(), floating.end(), upstream_kept[i]) - floating.begin();
      Value& sum = next[static_cast<std::size_t>(place)];
      sum = add(sum, x[carries + sequences + upstream_ys.size() + i]);
    }
    for (std::size_t i = 0; i < capture_index.size(); ++i) {
      const Value& gradient = gradients[floating.size() + sequences + i];
      const Value& sum = carry[floating.size() + i];
      next.push_back(gradient ? add(sum, gradient) : sum);
    }
    for (std::size_t i = 0; i < sequences; ++i)
      if (g.wanted(static_cast<int>(carries + i))) dx.push_back(or_zeros(gradients[floating.size() + i], input[i]));
    return std::pair(next, dx);
  };
  const ScanResult back = scan(step, init, xs, a.dim("length"), !a.flag("reverse"));

  Values result(at(g.count()));
  for (std::size_t i = 0; i < floating.size(); ++i) result[floating[i]] = back.carry[i];
  std::size_t next = 0;
  for (std::size_t i = 0; i < sequences; ++i)
    if (g.wanted(static_cast<int>(carries + i))) result[carries + i] = back.ys[next++];
  for (std::size_t i = 0; i < capture_index.size(); ++i)
    result[carries + sequences + capture_index[i]] = back.carry[floating.size() + i];
  return result;
}

// ---- while_loop: inputs values(V), the condition's captures, the body's captures.

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

// ---- cond: inputs predicate, captures; both branches take all captures.

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

// ---- Recording bodies

// Records f as a body; the recording is left open for reading variables, but no longer current.
template <class F>
auto record_body(const std::shared_ptr<Recording>& recording, const F& f) {
  struct Leave {
    Recording& recording;
    ~Leave() { recording.leave(); }
  } leave{*recording};
  return f();
}

Values declare(Recording& recording, const Specs& specs) {
  Values values;
  for (const Spec& spec : specs) values.push_back(recording.input(text("in_", values.size()), spec));
  return values;
}

// Moves the inputs at `from` (positions, ascending) so that they stand at `to`, `to + 1`, ….
ProgramPtr move_inputs(const ProgramPtr& program, const std::vector<std::size_t>& from, std::size_t to) {
  auto moved = std::make_shared<Program>(*program);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < program->inputs.size(); ++i)
    if (std::find(from.begin(), from.end(), i) == from.end()) order.push_back(i);
  order.insert(order.begin() + static_cast<std::ptrdiff_t>(to), from.begin(), from.end());
  for (std::size_t i = 0; i < order.size(); ++i) {
    moved->inputs[i] = program->inputs[order[i]];
    moved->input_names[i] = program->input_names[order[i]];
    moved->slots[static_cast<std::size_t>(moved->inputs[i])].index = static_cast<int>(i);
  }
  return moved;
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

const Operation kOperations[] = {
    {.name = "scan",
     .min_inputs = 0,
     .max_inputs = kAnyNumber,
     .attributes = {{"body", AttributeKind::program},
                    {"carries", AttributeKind::integer},
                    {"sequences", AttributeKind::integer},
                    {"length", AttributeKind::dims},
                    {"reverse", AttributeKind::flag}},
     .infer = scan_infer,
     .run = scan_run,
     .prepare = scan_prepare,
     .gradient = scan_gradient,
     .traits = {.optional_outputs = true, .halves = Halves::moved}},
    {.name = "while_loop",
     .min_inputs = 0,
     .max_inputs = kAnyNumber,
     .attributes = {{"condition", AttributeKind::program},
                    {"body", AttributeKind::program},
                    {"values", AttributeKind::integer},
                    {"condition_captures", AttributeKind::integer}},
     .infer = while_infer,
     .run = while_run,
     .prepare = while_prepare,
     .gradient = while_gradient,
     .no_gradient = "the number of steps is not known, so nothing is kept to walk back; use scan",
     .traits = {.halves = Halves::moved}},
    {.name = "cond",
     .min_inputs = 1,
     .max_inputs = kAnyNumber,
     .attributes = {{"then", AttributeKind::program}, {"otherwise", AttributeKind::program}},
     .infer = cond_infer,
     .run = cond_run,
     .prepare = cond_prepare,
     .gradient = cond_gradient,
     .traits = {.halves = Halves::moved}},
};

}  // namespace

std::span<const Operation> control_family() { return kOperations; }

ScanResult scan(const ScanBody& body, const Values& init, const Values& xs, const Dim& length, bool reverse) {
  const std::shared_ptr<Recording> recording = Recording::begin(Recording::Kind::body);
  Values ys;
  const Values carry = record_body(recording, [&] {
    Specs specs;
    for (const Value& value : init) specs.push_back(value.spec());
    const Values state = declare(*recording, specs);
    specs.clear();
    for (const Value& x : xs) specs.push_back({x.dtype(), Dims(x.dims().begin() + 1, x.dims().end())});
    auto [next, y] = body(state, declare(*recording, specs));
    if (next.size() != init.size())
      fail(ErrorKind::value, "scan: the body must give ", init.size(), " carries; it gave ", next.size());
    ys = std::move(y);
    return next;
  });

  // Variables that the body assigns go round with the carries.
  const std::vector<Recording::Assigned> assigned = recording->assigned();
  Values outputs = carry;
  std::vector<std::size_t> moved;
  Values all_init = init;
  for (const Recording::Assigned& a : assigned) {
    outputs.push_back(a.value);
    moved.push_back(init.size() + xs.size() + at(a.captured));
    all_init.push_back(recording->captured()[at(a.captured)]);
  }
  outputs.insert(outputs.end(), ys.begin(), ys.end());
  const ProgramPtr program = move_inputs(recording->finish(outputs), moved, init.size());
  Values captured;
  for (std::size_t i = 0; i < recording->captured().size(); ++i)
    if (std::find(moved.begin(), moved.end(), init.size() + xs.size() + i) == moved.end())
      captured.push_back(recording->captured()[i]);

  const std::size_t carries = all_init.size();
  const Values results = apply(operation_named("scan"), concat({all_init, xs, captured}),
                               {{"body", program},
                                {"carries", static_cast<std::int64_t>(carries)},
                                {"sequences", static_cast<std::int64_t>(xs.size())},
                                {"length", Dims{length}},
                                {"reverse", reverse}});
  for (std::size_t i = 0; i < assigned.size(); ++i) Variable::assign(assigned[i].variable, results[init.size() + i]);
  return {part(results, 0, init.size()), part(results, carries, ys.size())};
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
