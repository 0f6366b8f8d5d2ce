// Shape without arithmetic: reshape, transpose, concatenate.
#include <algorithm>
#include <cstring>

#include "addax/ops.h"
#include "kernels/copy.h"
#include "kernels/kernels.h"
#include "ops/axes.h"

namespace addax::ops {
namespace {

// ---- reshape

// The -1, if there is one, becomes what is left of the elements; the attribute holds the result.
Specs infer_reshape(const Infer& in) {
  Dims shape = in.attributes().dims("shape");
  require_rank_fits(in, shape.size());
  const Dim elements = product(in.dims(0));
  Dim* open = nullptr;
  Dim rest = 1;
  for (Dim& dim : shape) {
    if (dim == -1) {
      if (open != nullptr) in.error("shape ", shape, " has more than one -1");
      open = &dim;
    } else {
      if (dim.known() && dim.value() < 0) in.error("shape ", shape, " has a negative size");
      rest = rest * dim;
    }
  }
  if (open != nullptr) {
    const bool impossible = rest == 0 || (rest.known() && elements.known() && elements.value() % rest.value() != 0);
    if (impossible) in.error("cannot reshape ", elements, " elements of shape ", in.dims(0), " into shape ", shape);
    *open = floor_div(elements, rest);
  } else if (rest.known() && elements.known() && !(rest == elements)) {
    in.error("cannot reshape ", elements, " elements of shape ", in.dims(0), " into shape ", shape);
  }
  in.attributes().set("shape", shape);
  return {{in.dtype(0), shape}};
}

void run_reshape(const Run& r) {
  if (r.input(0).data != r.output(0).data)
    std::memcpy(r.output(0).data, r.input(0).data, static_cast<std::size_t>(r.output(0).bytes()));
}

Values reshape_gradient(const Gradient& g) { return {reshape(g.upstream(), g.input(0).dims())}; }

// ---- transpose

Specs infer_transpose(const Infer& in) {
  Axes perm = in.attributes().integers("perm");
  const int rank = in.rank(0);
  if (static_cast<int>(perm.size()) != rank) in.error("perm names ", perm.size(), " axes of an input of rank ", rank);
  bool seen[kMaxRank] = {};
  Dims dims;
  for (std::int64_t& axis : perm) {
    if (axis < -rank || axis >= rank) in.error("axis ", axis, " is out of range for rank ", rank);
    if (axis < 0) axis += rank;
    if (seen[axis]) in.error("axis ", axis, " is given twice");
    seen[axis] = true;
    dims.push_back(in.dims(0)[static_cast<std::size_t>(axis)]);
  }
  in.attributes().set("perm", perm);
  return {{in.dtype(0), dims}};
}

void run_transpose(const Run& r) {
  const Axes& perm = r.attributes().integers("perm");
  int order[kMaxRank];
  for (std::size_t i = 0; i < perm.size(); ++i) order[i] = static_cast<int>(perm[i]);
  const Buffer& x = r.input(0);
  kernels::kernels().transpose.permute(x.data, r.output(0).data, static_cast<int>(size_of(x.dtype)), x.shape.rank(),
                                       x.shape.begin(), order);
}

Values transpose_gradient(const Gradient& g) {
  const Axes& perm = g.attributes().integers("perm");
  Axes back(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i) back[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);
  return {transpose(g.upstream(), back)};
}

// ---- concatenate

Specs infer_concatenate(const Infer& in) {
  in.require_same_dtypes();
  in.require_rank_at_least(0, 1);
  const auto axis = static_cast<std::size_t>(in.normalize_axis("axis", in.rank(0)));
  Dims dims = in.dims(0);
  for (int i = 1; i < in.count(); ++i) {
    in.require_rank(i, in.rank(0));
    for (std::size_t d = 0; d < dims.size(); ++d) {
      const Dim& dim = in.dims(i)[d];
      if (d == axis) {
        dims[d] = dims[d] + dim;
      } else {
        in.require_equal(dims[d], dim, "sizes off the concatenation axis");
        dims[d] = known_of(dims[d], dim);
      }
    }
  }
  return {{in.dtype(0), dims}};
}

void run_concatenate(const Run& r) {
  const int axis = r.attributes().axis("axis");
  const AxisView out = along(r.output(0).shape, axis);
  const std::int64_t item = size_of(r.output(0).dtype), row = out.size * out.inner;
  std::int64_t offset = 0;
  for (int i = 0; i < r.input_count(); ++i) {
    const std::int64_t part = r.input(i).shape[axis] * out.inner;
    const std::int64_t sizes[] = {out.outer, part}, in_strides[] = {part, 1}, out_strides[] = {row, 1};
    kernels::copy_strided({.in = r.input(i).data,
                           .out = r.out<char>(0) + offset * item,
                           .item = static_cast<int>(item),
                           .rank = 2,
                           .sizes = sizes,
                           .in_strides = in_strides,
                           .out_strides = out_strides});
    offset += part;
  }
}

Values concatenate_gradient(const Gradient& g) {
  const auto axis = static_cast<std::size_t>(g.attributes().axis("axis"));
  const Value dy = g.upstream();
  Values out(static_cast<std::size_t>(g.count()));
  Dim offset = 0;
  for (int i = 0; i < g.count(); ++i) {
    const Dim next = offset + g.input(i).dims()[axis];
    if (g.wanted(i)) {
      Dims start(dy.dims().size(), Dim(0)), stop = dy.dims();
      start[axis] = offset;
      stop[axis] = next;
      out[static_cast<std::size_t>(i)] = slice(dy, start, stop, Axes(start.size(), 1));
    }
    offset = next;
  }
  return out;
}

}  // namespace

std::span<const Operation> reshape_family() {
  static const Operation table[] = {
      {.name = "reshape",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = {{"shape", AttributeKind::dims}},
       .infer = infer_reshape,
       .run = run_reshape,
       .gradient = for_training(reshape_gradient),
       .traits = {.view = true, .halves = Halves::moved}},
      {.name = "transpose",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = {{"perm", AttributeKind::integers}},
       .infer = infer_transpose,
       .run = run_transpose,
       .gradient = for_training(transpose_gradient),
       .traits = {.halves = Halves::moved}},
      {.name = "concatenate",
       .min_inputs = 1,
       .max_inputs = kAnyNumber,
       .attributes = {{"axis", AttributeKind::integer}},
       .infer = infer_concatenate,
       .run = run_concatenate,
       .gradient = for_training(concatenate_gradient),
       .traits = {.halves = Halves::moved}},
  };
  return table;
}

}  // namespace addax::ops
