// scan: inputs carry(C), xs(X), captures; body (carry, x_t, captures) → (carry', y_t); outputs carry(C), ys(Y), and the
// carries that went into each step, stacked (C), which only the gradient reads.
#include <algorithm>
#include <cstring>

#include "addax/control.h"
#include "addax/ops.h"
#include "addax/program.h"
#include "addax/replay.h"
#include "addax/tape.h"
#include "ops/control_parts.h"

namespace addax::ops {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

Spec stacked(const Spec& spec, const Dim& length) {
  Spec result = spec;
  result.dims.insert(result.dims.begin(), length);
  return result;
}

Shape tail(const Shape& shape) { return Shape(shape.sizes().subspan(1)); }

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

}  // namespace

Operation scan_operation() {
  return {.name = "scan",
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
          .gradient = for_training(scan_gradient),
          .traits = {.optional_outputs = true, .halves = Halves::moved}};
}

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

}  // namespace addax::ops
