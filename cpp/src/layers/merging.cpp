// Layers of several inputs.
#include <algorithm>

#include "layers/layer.h"

namespace addax::layers {
namespace {

using namespace addax::ops;

Value joint_mask(const Flows& in) {
  Value mask;
  for (const Flow& flow : in)
    if (flow.mask) mask = mask ? logical_and(mask, flow.mask) : flow.mask;
  return mask;
}

// Inputs of lower rank get axes of size 1 behind the batch.
Values of_one_rank(const Flows& in) {
  int rank = 0;
  for (const Flow& flow : in) rank = std::max(rank, flow.value.rank());
  Values values;
  for (const Flow& flow : in) {
    Value x = flow.value;
    while (x.rank() < rank) x = expand_dims(x, 1);
    values.push_back(x);
  }
  return values;
}

template <Value (*kMerge)(const Value&, const Value&)>
Flows merge(const Layer&, const Flows& in) {
  const Values values = of_one_rank(in);
  Value result = values[0];
  for (std::size_t i = 1; i < values.size(); ++i) result = kMerge(result, values[i]);
  return {{result, joint_mask(in)}};
}

Flows average(const Layer& l, const Flows& in) {
  Flow total = merge<add>(l, in)[0];
  total.value = total.value / static_cast<double>(in.size());
  return {total};
}

// A mask is widened to its input, all are joined; a step counts if all its elements do.
Value joined_mask(const Flows& in, int axis) {
  if (std::none_of(in.begin(), in.end(), [](const Flow& flow) { return static_cast<bool>(flow.mask); })) return {};
  Values wide;
  for (const Flow& flow : in) {
    Value mask = flow.mask ? flow.mask : full(flow.value.dims(), 1, DType::boolean);
    while (mask.rank() < flow.value.rank()) mask = expand_dims(mask, mask.rank());
    wide.push_back(broadcast_to(mask, flow.value.dims()));
  }
  const Value joined = ops::concatenate(wide, axis);
  return apply("all", {joined}, {{"axes", Axes{joined.rank() - 1}}, {"keepdims", false}});
}

Flows concatenate_layer(const Layer& l, const Flows& in) {
  Values values;
  for (const Flow& flow : in) {
    l.require_rank(flow, in[0].value.rank());
    values.push_back(flow.value);
  }
  const int axis = axis_of(l.config().integer("axis", -1), values[0].rank(), l.config());
  return {{ops::concatenate(values, axis), joined_mask(in, axis)}};
}

Value unit(const Value& x, int axis) {
  const Value squares = sum(square(x), {axis}, KeepDims::yes);
  return x * rsqrt(maximum(squares, constant_like(squares, 1e-12)));
}

Value axis_moved(const Value& x, int from, int to) {
  Axes perm;
  for (int i = 0; i < x.rank(); ++i)
    if (i != from) perm.push_back(i);
  perm.insert(perm.begin() + to, from);
  return transpose(x, perm);
}

Flows dot(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  Value a = in[0].value, b = in[1].value;
  Sizes axes = c.integers("axes");
  if (axes.size() == 1) axes.push_back(axes[0]);
  if (axes.size() != 2) c.error("'axes' must be one number or two");
  const int i = axis_of(axes[0], a.rank(), c), j = axis_of(axes[1], b.rank(), c);
  if (i == 0 || j == 0) c.error("'axes' must name other axes than the batch");
  if (c.flag("normalize", false)) {
    a = unit(a, i);
    b = unit(b, j);
  }
  a = axis_moved(a, i, a.rank() - 1);
  b = axis_moved(b, j, 1);
  const std::span<const Dim> rows(a.dims().begin() + 1, a.dims().end() - 1),
      columns(b.dims().begin() + 2, b.dims().end());
  Dims shape{a.dim(0)};
  shape.insert(shape.end(), rows.begin(), rows.end());
  shape.insert(shape.end(), columns.begin(), columns.end());
  if (shape.size() == 1) shape.emplace_back(1);
  const Dim summed = a.dims().back();
  const Value x = reshape(a, {a.dim(0), product(rows), summed}), y = reshape(b, {b.dim(0), summed, product(columns)});
  return {{reshape(matmul(x, y), shape)}};
}

}  // namespace

std::span<const Builder> merging_family() {
  static constexpr Builder table[] = {
      {"Add", 1, kAnyNumber, Masks::own, merge<add>},
      {"Subtract", 2, 2, Masks::own, merge<subtract>},
      {"Multiply", 1, kAnyNumber, Masks::own, merge<multiply>},
      {"Maximum", 1, kAnyNumber, Masks::own, merge<maximum>},
      {"Minimum", 1, kAnyNumber, Masks::own, merge<minimum>},
      {"Average", 1, kAnyNumber, Masks::own, average},
      {"Concatenate", 1, kAnyNumber, Masks::own, concatenate_layer},
      {"Dot", 2, 2, Masks::own, dot},
  };
  return table;
}

}  // namespace addax::layers
