// Scaled dot-product attention (Vaswani et al., 2017, arXiv:1706.03762, eq. 1) without ever holding all scores. The
// second result of `attention`, per row of scores the largest and 1 / Σ exp(score − largest), is for the gradient.
//
// The last input, if there is one more than q, k and v, is broadcast over (batch, heads, rows, columns): a boolean mask
// of the scores that count, or numbers that are added to them.
#include "kernels/attention.h"

#include <algorithm>
#include <limits>

#include "addax/ops.h"
#include "kernels/kernels.h"
#include "ops/axes.h"
#include "ops/composed.h"

namespace addax::ops {
namespace {

using kernels::AttentionInputs;

// A masked score, as in the kernel.
double masked_score(DType dtype) { return dtype == DType::float32 ? static_cast<double>(-2.3e38f) : -1.2e308; }

void require_equal_at(const Infer& in, int i, int axis, const Dim& wanted, std::string_view what) {
  in.require_equal(in.dims(i)[static_cast<std::size_t>(axis)], wanted, what);
}

// Checks q, k, v and the mask, if there is one at this place.
void require_inputs(const Infer& in, int mask) {
  in.require_floating(0);
  for (const int i : {0, 1, 2}) {
    in.require_dtype(i, in.dtype(0));
    in.require_rank(i, 4);
    require_equal_at(in, i, 0, in.dims(0)[0], "batch sizes");
  }
  require_equal_at(in, 1, 3, in.dims(0)[3], "lengths of a query and a key");
  // Without this a file of no data could name any number of keys and keep a processor busy for ever.
  if (in.dims(0)[3] == 0 && in.dims(2)[3] == 0) in.error("queries and values have no elements");
  for (const int axis : {1, 2})
    require_equal_at(in, 2, axis, in.dims(1)[static_cast<std::size_t>(axis)], "keys and values");
  const Dim &heads = in.dims(0)[2], &key_heads = in.dims(1)[2];
  if (heads.known() && key_heads.known() &&
      (key_heads.value() == 0 ? heads.value() != 0 : heads.value() % key_heads.value() != 0))
    in.error(heads, " heads are not a multiple of ", key_heads, " key heads");
  if (in.count() <= mask) return;
  if (in.dtype(mask) != DType::boolean) in.require_dtype(mask, in.dtype(0));
  in.require_rank(mask, 4);
  const Dims scores = {in.dims(0)[0], in.dims(0)[2], in.dims(0)[1], in.dims(1)[1]};
  for (int d = 0; d < 4; ++d) {
    if (!(in.dims(mask)[static_cast<std::size_t>(d)] == 1))
      require_equal_at(in, mask, d, scores[static_cast<std::size_t>(d)], "sizes of the mask and the scores");
  }
}

Dims statistics_of(const Infer& in) { return {in.dims(0)[0], in.dims(0)[2], in.dims(0)[1], Dim(2)}; }
Dims result_of(const Infer& in) { return {in.dims(0)[0], in.dims(0)[1], in.dims(0)[2], in.dims(2)[3]}; }

Specs infer_attention(const Infer& in) {
  require_inputs(in, 3);
  return {{in.dtype(0), result_of(in)}, {in.dtype(0), statistics_of(in)}};
}

Specs infer_gradient(const Infer& in) {
  require_inputs(in, 6);
  const auto require = [&](int i, const Dims& wanted, std::string_view what) {
    in.require_dtype(i, in.dtype(0));
    in.require_rank(i, 4);
    for (int d = 0; d < 4; ++d) require_equal_at(in, i, d, wanted[static_cast<std::size_t>(d)], what);
  };
  for (const int i : {3, 4}) require(i, result_of(in), "sizes of the result");
  require(5, statistics_of(in), "sizes of the statistics");
  return {in[0], in[1], in[2]};
}

template <class T>
AttentionInputs<T> inputs_of(const Run& r, int mask) {
  const Shape &q = r.input(0).shape, &k = r.input(1).shape, &v = r.input(2).shape;
  AttentionInputs<T> in{};
  in.batch = q[0];
  in.rows = q[1];
  in.columns = k[1];
  in.heads = q[2];
  in.key_heads = k[2];
  in.depth = q[3];
  in.value_depth = v[3];
  in.scale = r.attributes().number("scale");
  in.causal = r.attributes().flag("causal");
  in.hide_empty = r.attributes().flag("hide_empty");
  in.q = r.in<T>(0);
  in.k = r.in<T>(1);
  in.v = r.in<T>(2);
  if (r.input_count() <= mask) return in;
  const bool boolean = r.input(mask).dtype == DType::boolean;
  in.bias = boolean ? nullptr : r.in<T>(mask);
  in.mask = boolean ? r.in<std::uint8_t>(mask) : nullptr;
  const Shape& shape = r.input(mask).shape;
  std::int64_t stride = 1;
  for (int d = 3; d >= 0; --d) {
    in.strides[d] = shape[d] == 1 ? 0 : stride;
    stride *= shape[d];
  }
  return in;
}

// Products of a pass that does `per_score` of them for each score that counts.
std::int64_t flops_of(const Run& r, std::int64_t per_score) {
  const Shape &q = r.input(0).shape, &k = r.input(1).shape;
  const std::int64_t rows = q[1], columns = k[1], square = std::min(rows, columns);
  const std::int64_t seen = r.attributes().flag("causal")
                                ? square * (square + 1) / 2 + std::max<std::int64_t>(0, rows - columns) * columns
                                : rows * columns;
  return 2 * q[0] * q[2] * seen * per_score;
}

std::int64_t attention_flops(const Run& r) { return flops_of(r, r.input(0).shape[3] + r.input(2).shape[3]); }
// The scores again, and the gradients of the weights, of v, q and k.
std::int64_t gradient_flops(const Run& r) { return flops_of(r, 3 * r.input(0).shape[3] + 2 * r.input(2).shape[3]); }

template <class F>
void visit(const Run& r, const F& f) {
  visit_floating(r.input(0).dtype, r.operation().name, f);
}

void run_attention(const Run& r) {
  visit(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::kernels().attention.of<T>().forward({inputs_of<T>(r, 3), r.out<T>(0), r.out<T>(1)});
  });
}

void run_gradient(const Run& r) {
  visit(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::kernels().attention.of<T>().gradient(
        {inputs_of<T>(r, 6), r.in<T>(3), r.in<T>(4), r.in<T>(5), r.out<T>(0), r.out<T>(1), r.out<T>(2)});
  });
}

// ---- The same in operations

Value heads_first(const Value& x) { return transpose(x, {0, 2, 1, 3}); }

// (batch, positions, key heads, depth) with every key head repeated for the heads that share it.
Value repeated(const Value& x, const Dim& heads) {
  const Dims& dims = x.dims();
  if (dims[2] == heads) return x;
  const Dim shared = floor_div(heads, dims[2]);
  const Value wide = broadcast_to(expand_dims(x, 3), {dims[0], dims[1], dims[2], shared, dims[3]});
  return reshape(wide, {dims[0], dims[1], heads, dims[3]});
}

struct Scores {
  Value q, k, v;  // heads first
  Value masked, shown;
};

// Scores with bias and masks; `shown` is a boolean mask, if there is one.
Scores scores_of(const Values& in, std::size_t mask, const Attributes& attributes) {
  const Dim& heads = in[0].dims()[2];
  Scores s{heads_first(in[0]), heads_first(repeated(in[1], heads)), heads_first(repeated(in[2], heads)), {}, {}};
  s.masked = matmul(s.q, s.k, false, true) * attributes.number("scale");
  if (in.size() > mask && in[mask].dtype() == DType::boolean) {
    s.shown = in[mask];
    s.masked = where(s.shown, s.masked, constant_like(s.masked, masked_score(s.masked.dtype())));
  } else if (in.size() > mask) {
    s.masked = s.masked + in[mask];
  }
  if (attributes.flag("causal")) {
    const Value row = iota({s.q.dims()[2], Dim(1)}, 0, DType::int32),
                column = iota({Dim(1), s.k.dims()[2]}, 1, DType::int32);
    s.masked =
        where(less_equal(column, row), s.masked, constant_like(s.masked, -std::numeric_limits<double>::infinity()));
  }
  return s;
}

Values composed_attention(const Values& in, const Attributes& attributes) {
  const Scores s = scores_of(in, 3, attributes);
  const Value largest = max(s.masked, {3}, KeepDims::yes), e = exp(s.masked - largest);
  Value inverse = reciprocal(sum(e, {3}, KeepDims::yes));
  if (attributes.flag("hide_empty") && s.shown) {
    const Value empty = equal(largest, constant_like(largest, masked_score(largest.dtype())));
    inverse = where(empty, constant_like(inverse, 0), inverse);
  }
  return {heads_first(matmul(e * inverse, s.v)), concatenate({largest, inverse}, 3)};
}

// dS · scale and the like come back with a head for each query head.
Value shared_sum(const Value& x, const Value& like) {
  const Dims& dims = like.dims();
  if (dims[2] == x.dims()[2]) return x;
  const Dim shared = floor_div(x.dims()[2], dims[2]);
  return sum(reshape(x, {dims[0], dims[1], dims[2], shared, dims[3]}), {3});
}

Values composed_gradient(const Values& in, const Attributes& attributes) {
  const Scores s = scores_of(in, 6, attributes);
  const Dims column = {in[5].dims()[0], in[5].dims()[1], in[5].dims()[2], Dim(1)};
  const auto statistic = [&](std::int64_t i) {
    const Dims start = {Dim(0), Dim(0), Dim(0), Dim(i)}, stop = {column[0], column[1], column[2], Dim(i + 1)};
    return reshape(slice(in[5], start, stop, {1, 1, 1, 1}), column);
  };
  const Value weights = exp(s.masked - statistic(0)) * statistic(1);
  const Value dout = heads_first(in[3]), level = sum(dout * heads_first(in[4]), {3}, KeepDims::yes);
  Value slopes = weights * (matmul(dout, s.v, false, true) - level);
  if (s.shown) slopes = where(s.shown, slopes, constant_like(slopes, 0));
  slopes = slopes * attributes.number("scale");
  return {heads_first(matmul(slopes, s.k)), shared_sum(heads_first(matmul(slopes, s.q, true, false)), in[1]),
          shared_sum(heads_first(matmul(weights, dout, true, false)), in[2])};
}

// The kernel gives no gradient of a bias, and the statistics are asked for theirs by second derivatives only.
Values attention_rule(const Gradient& g) {
  if (g.has_upstream(1) || (g.count() > 3 && g.wanted(3))) return through(g, composed_attention);
  Values inputs = {g.input(0), g.input(1), g.input(2), g.upstream(0), g.output(0), g.output(1)};
  if (g.count() > 3) inputs.push_back(g.input(3));
  Values out = apply(operation_named("attention_gradient"), inputs, g.attributes());
  out.resize(static_cast<std::size_t>(g.count()));
  return out;
}

Values second_rule(const Gradient& g) { return through(g, composed_gradient); }

}  // namespace

std::span<const Operation> attention_family() {
  const std::vector<AttributeSpec> attributes = {{"scale", AttributeKind::number},
                                                 {"causal", AttributeKind::flag, Attribute(false)},
                                                 {"hide_empty", AttributeKind::flag, Attribute(false)}};
  static const Operation table[] = {
      {.name = "attention",
       .min_inputs = 3,
       .max_inputs = 4,
       .attributes = attributes,
       .infer = infer_attention,
       .run = run_attention,
       .flops = attention_flops,
       .gradient = for_training(attention_rule)},
      {.name = "attention_gradient",
       .min_inputs = 6,
       .max_inputs = 7,
       .attributes = attributes,
       .infer = infer_gradient,
       .run = run_gradient,
       .flops = gradient_flops,
       .gradient = for_training(second_rule)},
  };
  return table;
}

}  // namespace addax::ops
