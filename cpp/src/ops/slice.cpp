// Slices at fixed places (slice, slice_update) and at places that are computed (dynamic_slice, dynamic_slice_update).
#include <algorithm>
#include <cstring>

#include "addax/ops.h"
#include "kernels/copy.h"
#include "ops/axes.h"

namespace addax::ops {
namespace {

// start, start + step, … up to but without stop: positions from the front, never counted from the end. They are clipped
// to the axis as Python's `slice.indices` does, so a backward slice that includes the first element has stop -1. Python
// resolves negative positions before.
struct Extent {
  Dim start, count;
};

// `position` clipped to [low, high] as far as that can be told of symbolic sizes. Where it cannot, the end nearer to 0
// is taken to lie inside (so that x[1:] has size T - 1 and nothing less plain), and planning clips it again with the
// real sizes.
Dim clipped(const Dim& position, std::int64_t low, const Dim& high, bool near_end) {
  if (position.known() && position.value() <= low) return low;
  const Dim excess = position - high;
  if (excess.known()) return excess.value() >= 0 ? high : position;
  return position.known() && !near_end ? min(position, high) : position;
}

Extent extent_of(const Dim& size, const Dim& start, const Dim& stop, std::int64_t step) {
  const bool forward = step > 0;
  const std::int64_t low = forward ? 0 : -1;
  const Dim high = forward ? size : size - 1;
  const Dim first = clipped(start, low, high, forward), last = clipped(stop, low, high, !forward);
  const Dim count = forward ? ceil_div(last - first, step) : ceil_div(first - last, -step);
  return {first, count.known() ? Dim(std::max<std::int64_t>(0, count.value())) : count};
}

const Axes& steps_of(const Infer& in) {
  const Axes& steps = in.attributes().integers("step");
  if (static_cast<int>(steps.size()) != in.rank(0))
    in.error("step has ", steps.size(), " entries for an input of rank ", in.rank(0));
  for (const std::int64_t step : steps) {
    if (step == 0 || step > kMaxElements || step < -kMaxElements)
      in.error("a step must not be 0 nor beyond the largest size; received ", step);
  }
  return steps;
}

const Dims& positions_of(const Infer& in, std::string_view attribute) {
  const Dims& dims = in.attributes().dims(attribute);
  if (static_cast<int>(dims.size()) != in.rank(0))
    in.error(attribute, " has ", dims.size(), " entries for an input of rank ", in.rank(0));
  return dims;
}

// Row-major strides in elements.
struct Strides {
  std::int64_t of[kMaxRank];
  explicit Strides(const Shape& shape) {
    std::int64_t stride = 1;
    for (int d = shape.rank() - 1; d >= 0; --d) {
      of[d] = stride;
      stride *= shape[d];
    }
  }
};

// The part of an array that begins at `offset` elements, with its own strides.
struct Window {
  std::int64_t offset = 0;
  std::int64_t strides[kMaxRank];
};

Window window_of(const Shape& shape, const Dims& start, const Axes& step) {
  const Strides strides(shape);
  Window w;
  for (int d = 0; d < shape.rank(); ++d) {
    w.offset += start[static_cast<std::size_t>(d)].value() * strides.of[d];
    w.strides[d] = step[static_cast<std::size_t>(d)] * strides.of[d];
  }
  return w;
}

// Copies between a window of `whole` and the contiguous `part`.
void read_window(const Buffer& whole, const Window& w, const Buffer& part) {
  const int item = static_cast<int>(size_of(whole.dtype));
  const Strides strides(part.shape);
  kernels::copy_strided({static_cast<const char*>(whole.data) + w.offset * item, part.data, item, part.shape.rank(),
                         part.shape.begin(), w.strides, strides.of});
}

void write_window(const Buffer& whole, const Window& w, const Buffer& part) {
  const int item = static_cast<int>(size_of(whole.dtype));
  const Strides strides(part.shape);
  kernels::copy_strided({part.data, static_cast<char*>(whole.data) + w.offset * item, item, part.shape.rank(),
                         part.shape.begin(), strides.of, w.strides});
}

void copy_input(const Run& r) {
  if (r.output(0).data != r.input(0).data)
    std::memcpy(r.output(0).data, r.input(0).data, static_cast<std::size_t>(r.input(0).bytes()));
}

// ---- slice

Specs infer_slice(const Infer& in) {
  const Axes& steps = steps_of(in);
  Dims start = positions_of(in, "start");
  const Dims& stop = positions_of(in, "stop");
  Dims dims;
  for (std::size_t d = 0; d < start.size(); ++d) {
    const Extent e = extent_of(in.dims(0)[d], start[d], stop[d], steps[d]);
    start[d] = e.count == 0 ? Dim(0) : e.start;
    dims.push_back(e.count);
  }
  in.attributes().set("start", start);
  return {{in.dtype(0), dims}};
}

void run_slice(const Run& r) {
  const Attributes& a = r.attributes();
  if (r.output(0).elements() == 0) return;
  read_window(r.input(0), window_of(r.input(0).shape, a.dims("start"), a.integers("step")), r.output(0));
}

// What was not read has no gradient: the slice goes back to its place among zeros.
Values slice_gradient(const Gradient& g) {
  const Value &x = g.input(0), dy = g.upstream();
  const Dims& start = g.attributes().dims("start");
  const Axes& step = g.attributes().integers("step");
  if (std::any_of(step.begin(), step.end(), [](std::int64_t s) { return s != 1; })) {
    return {slice_update(zeros_like(x), dy, start, step)};
  }
  Dims high;
  for (std::size_t d = 0; d < start.size(); ++d) high.push_back(x.dims()[d] - start[d] - g.output(0).dims()[d]);
  return {pad(dy, start, high)};
}

// ---- slice_update

Specs infer_slice_update(const Infer& in) {
  in.require_same_dtypes();
  in.require_rank(1, in.rank(0));
  const Axes& steps = steps_of(in);
  const Dims& start = positions_of(in, "start");
  for (std::size_t d = 0; d < start.size(); ++d) {
    const Dim &size = in.dims(0)[d], &count = in.dims(1)[d];
    if (!size.known() || !count.known() || !start[d].known() || count == 0) continue;
    const Dim last = start[d] + (count - 1) * steps[d];
    const std::int64_t low = std::min(start[d].value(), last.value()), high = std::max(start[d].value(), last.value());
    if (low < 0 || high >= size.value())
      in.error("the update reaches from ", low, " to ", high, " on axis ", d, " of size ", size);
  }
  return {in[0]};
}

void run_slice_update(const Run& r) {
  const Attributes& a = r.attributes();
  copy_input(r);
  if (r.input(1).elements() == 0) return;
  write_window(r.output(0), window_of(r.input(0).shape, a.dims("start"), a.integers("step")), r.input(1));
}

Values slice_update_gradient(const Gradient& g) {
  const Value dy = g.upstream(), &update = g.input(1);
  const Dims& start = g.attributes().dims("start");
  const Axes& step = g.attributes().integers("step");
  Values out(2);
  if (g.wanted(0)) out[0] = slice_update(dy, zeros_like(update), start, step);
  if (!g.wanted(1)) return out;
  Dims stop;
  for (std::size_t d = 0; d < start.size(); ++d) {
    stop.push_back(start[d] + (update.dims()[d] - 1) * step[d] + (step[d] > 0 ? 1 : -1));
  }
  out[1] = slice(dy, start, stop, step);
  return out;
}

// ---- dynamic_slice, dynamic_slice_update: the starts are values; they are moved so that the window lies inside, as in
// XLA.

void require_starts(const Infer& in, int i) {
  in.require_indices(i);
  in.require_rank(i, 1);
  in.require_equal(in.dims(i)[0], in.rank(0), "the number of starts and the input's rank");
}

void require_fits(const Infer& in, const Dims& part) {
  if (static_cast<int>(part.size()) != in.rank(0))
    in.error("size has ", part.size(), " entries for an input of rank ", in.rank(0));
  require_sizes(in, part, "the window");
  for (std::size_t d = 0; d < part.size(); ++d) {
    const Dim& size = in.dims(0)[d];
    if (part[d].known() && size.known() && part[d].value() > size.value())
      in.error("a window of ", part[d], " does not fit axis ", d, " of size ", size);
  }
}

Window window_at(const Shape& whole, const Shape& part, const Buffer& starts) {
  const Strides strides(whole);
  Window w;
  for (int d = 0; d < whole.rank(); ++d) {
    const std::int64_t wanted = starts.dtype == DType::int32 ? static_cast<const std::int32_t*>(starts.data)[d]
                                                             : static_cast<const std::int64_t*>(starts.data)[d];
    w.offset += std::clamp<std::int64_t>(wanted, 0, whole[d] - part[d]) * strides.of[d];
    w.strides[d] = strides.of[d];
  }
  return w;
}

Specs infer_dynamic_slice(const Infer& in) {
  require_starts(in, 1);
  const Dims& size = in.attributes().dims("size");
  require_fits(in, size);
  return {{in.dtype(0), size}};
}

void run_dynamic_slice(const Run& r) {
  read_window(r.input(0), window_at(r.input(0).shape, r.output(0).shape, r.input(1)), r.output(0));
}

Values dynamic_slice_gradient(const Gradient& g) {
  return {dynamic_slice_update(zeros_like(g.input(0)), g.upstream(), g.input(1)), Value()};
}

Specs infer_dynamic_slice_update(const Infer& in) {
  if (in.dtype(0) != in.dtype(1)) in.type_error("the update must have the input's dtype");
  in.require_rank(1, in.rank(0));
  require_starts(in, 2);
  require_fits(in, in.dims(1));
  return {in[0]};
}

void run_dynamic_slice_update(const Run& r) {
  copy_input(r);
  write_window(r.output(0), window_at(r.input(0).shape, r.input(1).shape, r.input(2)), r.input(1));
}

Values dynamic_slice_update_gradient(const Gradient& g) {
  const Value dy = g.upstream(), &update = g.input(1), &starts = g.input(2);
  Values out(3);
  if (g.wanted(0)) out[0] = dynamic_slice_update(dy, zeros_like(update), starts);
  if (g.wanted(1)) out[1] = dynamic_slice(dy, starts, update.dims());
  return out;
}

}  // namespace

std::span<const Operation> slice_family() {
  const AttributeSpec start = {"start", AttributeKind::dims}, step = {"step", AttributeKind::integers};
  static const Operation table[] = {
      {.name = "slice",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = {start, {"stop", AttributeKind::dims}, step},
       .infer = infer_slice,
       .run = run_slice,
       .gradient = for_training(slice_gradient),
       .traits = {.halves = Halves::moved}},
      {.name = "slice_update",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = {start, step},
       .infer = infer_slice_update,
       .run = run_slice_update,
       .gradient = for_training(slice_update_gradient),
       .traits = {.halves = Halves::moved}},
      {.name = "dynamic_slice",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = {{"size", AttributeKind::dims}},
       .infer = infer_dynamic_slice,
       .run = run_dynamic_slice,
       .gradient = for_training(dynamic_slice_gradient),
       .traits = {.halves = Halves::moved}},
      {.name = "dynamic_slice_update",
       .min_inputs = 3,
       .max_inputs = 3,
       .infer = infer_dynamic_slice_update,
       .run = run_dynamic_slice_update,
       .gradient = for_training(dynamic_slice_update_gradient),
       .traits = {.halves = Halves::moved}},
  };
  return table;
}

}  // namespace addax::ops
