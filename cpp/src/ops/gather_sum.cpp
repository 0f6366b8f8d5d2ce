// gather_sum(x, indices){nonnegative, mean}: the rows of x at the indices, summed over the indices' last axis, or their
// mean: an embedding and the pooling after it in one walk.
#include "kernels/gather_sum.h"

#include "ops/fused.h"
#include "ops/indices.h"

namespace addax::ops {
namespace {

Specs infer_gather_sum(const Infer& in) {
  in.require_dtype(0, DType::float32);
  in.require_rank_at_least(0, 2);
  in.require_indices(1);
  in.require_rank_at_least(1, 1);
  Dims dims(in.dims(1).begin(), in.dims(1).end() - 1);
  dims.insert(dims.end(), in.dims(0).begin() + 1, in.dims(0).end());
  return {{DType::float32, dims}};
}

void run_gather_sum(const Run& r) {
  const Shape &table = r.input(0).shape, &indices = r.input(1).shape;
  kernels::GatherSum job{};
  job.table = r.in<float>(0);
  job.rows = table[0];
  job.width = 1;
  for (int d = 1; d < table.rank(); ++d) job.width *= table[d];
  job.count = indices[indices.rank() - 1];
  job.outer = 1;
  for (int d = 0; d < indices.rank() - 1; ++d) job.outer *= indices[d];
  job.divisor = r.attributes().flag("mean") ? static_cast<float>(job.count) : 1.0f;
  job.out = r.out<float>(0);
  visit_indices(r, 1, [&](const auto* values, std::int64_t count) {
    require_in_range(r, values, count, job.rows, 0, !r.attributes().flag("nonnegative"));
    kernels::gather_sum(job, values);
  });
}

}  // namespace

Operation gather_sum_operation() {
  return {.name = "gather_sum",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"nonnegative", AttributeKind::flag}, {"mean", AttributeKind::flag}},
          .infer = infer_gather_sum,
          .run = run_gather_sum,
          .no_gradient = "it is made after differentiation",
          .traits = {.may_fail = true, .internal = true}};
}

}  // namespace addax::ops
