// Broadcasting made explicit, and its transpose: sums over what was broadcast.
#include "kernels/broadcast.h"

#include "addax/ops.h"
#include "kernels/kernels.h"
#include "ops/axes.h"

namespace addax::ops {
namespace {

// `small` must be broadcastable to `large`, without enlarging it.
void require_broadcastable(const Infer& in, const Dims& small, const Dims& large) {
  if (small.size() > large.size()) in.error("shape ", small, " has more axes than ", large);
  const std::size_t extra = large.size() - small.size();
  for (std::size_t d = 0; d < small.size(); ++d) {
    const Dim &s = small[d], &l = large[extra + d];
    if (s == 1) continue;
    if (s.known() && l.known() && !(s == l)) in.error("shape ", small, " cannot be broadcast to ", large);
  }
}

Specs infer_broadcast_to(const Infer& in) {
  const Dims& shape = in.attributes().dims("shape");
  require_rank_fits(in, shape.size());
  require_sizes(in, shape, "attribute 'shape'");
  require_broadcastable(in, in.dims(0), shape);
  return {{in.dtype(0), shape}};
}

void run_broadcast_to(const Run& r) {
  const Buffer &x = r.input(0), &y = r.output(0);
  const kernels::OperandShape shape{x.shape.begin(), x.shape.rank()};
  const auto layout = kernels::make_broadcast_layout(y.shape.begin(), y.shape.rank(), &shape, 1);
  kernels::run_broadcast(layout, x.data, static_cast<int>(size_of(x.dtype)), y.data);
}

Values broadcast_to_gradient(const Gradient& g) { return {sum_to(g.upstream(), g.input(0).dims())}; }

Specs infer_sum_to(const Infer& in) {
  in.require_number(0);
  const Dims& shape = in.attributes().dims("shape");
  require_sizes(in, shape, "attribute 'shape'");
  require_broadcastable(in, shape, in.dims(0));
  return {{in.dtype(0), shape}};
}

void run_sum_to(const Run& r) {
  const Shape &from = r.input(0).shape, &to = r.output(0).shape;
  const int extra = from.rank() - to.rank();
  bool is_summed[kMaxRank] = {};
  for (int d = 0; d < from.rank(); ++d) is_summed[d] = d < extra || (to[d - extra] == 1 && from[d] != 1);
  const auto layout = kernels::make_reduce_layout(from.begin(), is_summed, from.rank());
  visit_number(r.input(0).dtype, "sum_to", [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::kernels().reduce.of<T>().sum(r.in<T>(0), r.out<T>(0), layout, 1);
  });
}

Values sum_to_gradient(const Gradient& g) { return {broadcast_to(g.upstream(), g.input(0).dims())}; }

}  // namespace

std::span<const Operation> broadcast_family() {
  static const std::vector<AttributeSpec> shape = {{"shape", AttributeKind::dims}};
  static const Operation table[] = {
      {.name = "broadcast_to",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = shape,
       .infer = infer_broadcast_to,
       .run = run_broadcast_to,
       .gradient = for_training(broadcast_to_gradient),
       .traits = {.halves = Halves::moved}},
      {.name = "sum_to",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = shape,
       .infer = infer_sum_to,
       .run = run_sum_to,
       .gradient = for_training(sum_to_gradient)},
  };
  return table;
}

}  // namespace addax::ops
