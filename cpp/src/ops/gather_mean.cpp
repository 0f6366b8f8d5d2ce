// gather_mean(x, indices): the mean over the last axis of the indices of the rows that they name,
// mean(gather(x, indices, axis 0), that axis).
#include "kernels/gather_mean.h"

#include "kernels/kernels.h"
#include "ops/axes.h"
#include "ops/indices.h"

namespace addax::ops {
namespace {

Specs infer(const Infer& in) {
  in.require_dtype(0, DType::float32);
  in.require_indices(1);
  in.require_rank_at_least(0, 1);
  in.require_rank_at_least(1, 1);
  Dims dims(in.dims(1).begin(), in.dims(1).end() - 1);
  dims.insert(dims.end(), in.dims(0).begin() + 1, in.dims(0).end());
  require_rank_fits(in, dims.size());
  return {{in.dtype(0), dims}};
}

void run(const Run& r) {
  const AxisView rows = along(r.input(0).shape, 0);
  const Shape& shape = r.input(1).shape;
  const std::int64_t count = shape[shape.rank() - 1];
  const bool from_end = !r.attributes().flag("nonnegative");
  visit_indices(r, 1, [&](const auto* indices, std::int64_t all) {
    using Index = std::remove_cvref_t<decltype(*indices)>;
    require_in_range(r, indices, all, rows.size, 0, from_end);
    // Without a row the mean is NaN, as everywhere.
    const kernels::GatherMean<Index> job{rows.inner == 0 ? 0 : r.output(0).elements() / rows.inner,
                                         count,
                                         rows.size,
                                         rows.inner,
                                         r.in<float>(0),
                                         indices,
                                         1.0f / static_cast<float>(count),
                                         r.out<float>(0)};
    if constexpr (sizeof(Index) == 4) {
      kernels::kernels().gather_mean.i32(job);
    } else {
      kernels::kernels().gather_mean.i64(job);
    }
  });
}

// An addition for each element that is gathered.
std::int64_t flops(const Run& r) {
  const AxisView rows = along(r.input(0).shape, 0);
  return r.input(1).elements() * rows.inner;
}

}  // namespace

std::span<const Operation> gather_mean_family() {
  static const Operation table[] = {
      {.name = "gather_mean",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = {{"nonnegative", AttributeKind::flag, Attribute(false)}},
       .infer = infer,
       .run = run,
       .flops = flops,
       .no_gradient = "made by a pass that runs after differentiation",
       .traits = {.may_fail = true, .internal = true}},
  };
  return table;
}

}  // namespace addax::ops
