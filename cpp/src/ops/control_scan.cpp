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
class ScanGradient {
 public:
  explicit ScanGradient(const Gradient& g)
      : g_(g),
        body_(*g.attributes().program("body")),
        carries_(at(g.attributes().axis("carries"))),
        sequences_(at(g.attributes().axis("sequences"))) {
    for (std::size_t i = carries_ + sequences_; i < at(g.count()); ++i) {
      if (wanted(i)) wanted_captures_.push_back(captured_.size());
      captured_.push_back(input(i));
    }
    for (std::size_t i = 0; i < carries_; ++i)
      if (is_floating(input(i).dtype())) floating_.push_back(i);
    const std::size_t results = body_.outputs.size();
    for (std::size_t i = carries_; i < results; ++i)
      if (has_upstream(i)) upstream_ys_.push_back(i);
    for (std::size_t i = 0; i < floating_.size(); ++i)
      if (has_upstream(results + floating_[i])) upstream_kept_.push_back(i);
  }

  Values run() const {
    const std::size_t results = body_.outputs.size();
    Values init, xs;
    for (const std::size_t i : floating_) init.push_back(upstream(i));
    for (const std::size_t i : wanted_captures_) init.push_back(zeros_like(captured_[i]));
    for (std::size_t i = 0; i < carries_; ++i) xs.push_back(g_.output(static_cast<int>(results + i)));
    for (std::size_t i = 0; i < sequences_; ++i) xs.push_back(input(carries_ + i));
    for (const std::size_t i : upstream_ys_) xs.push_back(upstream(i));
    for (const std::size_t i : upstream_kept_) xs.push_back(upstream(results + floating_[i]));
    const auto body = [this](const Values& carry, const Values& x) { return step(carry, x); };
    const Attributes& a = g_.attributes();
    const ScanResult back = scan(body, init, xs, a.dim("length"), !a.flag("reverse"));

    Values result(at(g_.count()));
    for (std::size_t i = 0; i < floating_.size(); ++i) result[floating_[i]] = back.carry[i];
    std::size_t next = 0;
    for (std::size_t i = carries_; i < carries_ + sequences_; ++i)
      if (wanted(i)) result[i] = back.ys[next++];
    for (std::size_t i = 0; i < wanted_captures_.size(); ++i)
      result[carries_ + sequences_ + wanted_captures_[i]] = back.carry[floating_.size() + i];
    return result;
  }

 private:
  Value input(std::size_t i) const { return g_.input(static_cast<int>(i)); }
  bool wanted(std::size_t i) const { return g_.wanted(static_cast<int>(i)); }
  bool has_upstream(std::size_t i) const { return g_.has_upstream(static_cast<int>(i)); }
  Value upstream(std::size_t i) const { return g_.upstream(static_cast<int>(i)); }

  // From the gradients of the carries after the step and the sums for the captured values so far to those before it,
  // and the gradients of the step's elements.
  std::pair<Values, Values> step(const Values& carry, const Values& x) const {
    const Values state = part(x, 0, carries_), elements = part(x, carries_, sequences_);
    Values sources;
    for (const std::size_t i : floating_) sources.push_back(state[i]);
    for (std::size_t i = 0; i < sequences_; ++i) sources.push_back(wanted(carries_ + i) ? elements[i] : Value());
    for (const std::size_t i : wanted_captures_) sources.push_back(captured_[i]);

    Tape tape(false, false);
    for (const Value& source : sources)
      if (source) tape.watch(source);
    tape.start();
    const Values out = inline_program(body_, concat({state, elements, captured_}));
    tape.stop();
    Values targets, seeds = part(carry, 0, floating_.size());
    for (const std::size_t i : floating_) targets.push_back(out[i]);
    const std::size_t ys = carries_ + sequences_, kept = ys + upstream_ys_.size();  // where they begin in x
    for (std::size_t i = 0; i < upstream_ys_.size(); ++i) {
      targets.push_back(out[upstream_ys_[i]]);
      seeds.push_back(x[ys + i]);
    }
    const Values gradients = tape.gradient(targets, sources, seeds);

    Values next, dx;
    for (std::size_t i = 0; i < floating_.size(); ++i) next.push_back(or_zeros(gradients[i], state[floating_[i]]));
    for (std::size_t i = 0; i < upstream_kept_.size(); ++i) {
      Value& sum = next[upstream_kept_[i]];
      sum = add(sum, x[kept + i]);
    }
    for (std::size_t i = 0; i < wanted_captures_.size(); ++i) {
      const Value& gradient = gradients[floating_.size() + sequences_ + i];
      const Value& sum = carry[floating_.size() + i];
      next.push_back(gradient ? add(sum, gradient) : sum);
    }
    for (std::size_t i = 0; i < sequences_; ++i)
      if (wanted(carries_ + i)) dx.push_back(or_zeros(gradients[floating_.size() + i], elements[i]));
    return {next, dx};
  }

  const Gradient& g_;
  const Program& body_;
  const std::size_t carries_, sequences_;
  Values captured_;
  std::vector<std::size_t> wanted_captures_;  // those with a gradient
  std::vector<std::size_t> floating_;         // carries with a gradient
  std::vector<std::size_t> upstream_ys_;      // results of the body behind the carries that have a gradient
  // Of `floating_`, those whose kept values have a gradient themselves (second derivatives): it adds to the carry's at
  // its step.
  std::vector<std::size_t> upstream_kept_;
};

Values scan_gradient(const Gradient& g) { return ScanGradient(g).run(); }

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
