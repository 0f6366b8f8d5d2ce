// Recurrent layers over whole sequences. The inputs' products with their weights are an ordinary matmul before: `x`
// holds them, biases added, batch × time × gates·units. A mask (batch × time, bool) may come as the last input: where
// it is false the states stay, and the output is that of the step before, or zero. With `go_backwards` outputs stand in
// the order in which they were computed. Equations: kernels/recurrent.h.
//
//   lstm(x, h0, c0, weights[, mask]) → last output, outputs, h, c; gates, h and c that each step began with
//   gru(x, h0, weights[, bias of h·weights if reset_after][, mask]) → last output, outputs, h; gates, entering h, kept
//   simple_rnn(x, h0, weights[, mask]) → last output, outputs, h; activations, entering h
//
// With weights that a program does not assign, a pass makes of them, and of the inputs' product before them,
//
//   lstm_pack(weights of the inputs, weights, bias of the inputs) → packed
//   lstm_packed(inputs, h0, c0, packed[, mask]) → last output, outputs, h, c
//
// and gru_pack, gru_packed, simple_rnn_pack, simple_rnn_packed in the same way.
//
// What stands behind the semicolon is for the gradients:
//
//   lstm_gradient(gates, c, weights, d_last, d_h, d_c[, d_outputs if sequences][, mask]) → d_x, d_h0, d_c0
//   gru_gradient(gates, h, kept, weights, d_last, d_h[, …][, …]) → d_x, d_h0[, d (h·weights + bias) if reset_after]
//   simple_rnn_gradient(activations, weights, d_last, d_h[, …][, …]) → d_x, d_h0
#include "ops/recurrent.h"

#include "addax/ops.h"
#include "addax/tape.h"
#include "base/checked.h"
#include "kernels/kernels.h"
#include "ops/axes.h"

namespace addax::ops {

using kernels::Cell;
using kernels::Recurrent;
using kernels::RecurrentGradient;
using kernels::RecurrentShape;

Cell cell_of(std::string_view name, const Attributes& attributes) {
  if (name.starts_with("lstm")) return Cell::lstm;
  if (name.starts_with("gru")) return attributes.flag("reset_after") ? Cell::gru_after : Cell::gru_before;
  return attributes.string("activation") == "relu" ? Cell::simple_relu : Cell::simple_tanh;
}

namespace {

Cell checked_cell(const Infer& in) {
  if (in.attributes().has("activation")) {
    const std::string& activation = in.attributes().string("activation");
    if (activation != "tanh" && activation != "relu")
      in.error("'activation' must be tanh or relu; received '", activation, "'");
  }
  return cell_of(in.name(), in.attributes());
}

bool is_packed(std::string_view name) { return name.ends_with("_packed"); }

std::int64_t packed_size(DType dtype, Cell cell, std::int64_t units, std::int64_t features) {
  checked_mul(checked_mul(units + 64, gate_count(cell)), features + units + 1);  // rounded up to whole vectors
  const kernels::RecurrentKernels& table = kernels::kernels().recurrent;
  return dtype == DType::float64 ? table.f64.packed_size(cell, units, features)
                                 : table.f32.packed_size(cell, units, features);
}

// What the inputs must look like; the sizes are those of x (or of the gates), and units those of the weights.
struct Sizes {
  Dim batch, steps, units, width;
};

Sizes sizes_of(const Infer& in, Cell cell, int wide, int weights) {
  in.require_rank(wide, 3);
  in.require_rank(weights, 2);
  in.require_floating(wide);
  const Dims &x = in.dims(wide), &w = in.dims(weights);
  const Sizes s{x[0], x[1], w[0], w[0] * gate_count(cell)};
  in.require_equal(w[1], s.width, "columns of the weights and units of all gates");
  in.require_equal(x[2], s.width, "features and units of all gates");
  return s;
}

// The same where the weights are packed: the layout follows from the sizes, so those must be known.
Sizes packed_sizes_of(const Infer& in, Cell cell, const RecurrentInputs& at) {
  in.require_rank(at.x, 3);
  in.require_rank(at.h, 2);
  in.require_rank(at.weights, 1);
  in.require_floating(at.x);
  const Dims& x = in.dims(at.x);
  const Dim &features = x[2], &units = in.dims(at.h)[1];
  if (!features.known() || !units.known() || features.value() < 1 ||
      !(in.dims(at.weights)[0] == packed_size(in.dtype(at.x), cell, units.value(), features.value())))
    in.error("the weights are not packed for ", features, " features and ", units, " units");
  return {x[0], x[1], units, units * gate_count(cell)};
}

void require_dims(const Infer& in, int i, const Dims& wanted, std::string_view what) {
  in.require_rank(i, static_cast<int>(wanted.size()));
  for (std::size_t d = 0; d < wanted.size(); ++d) in.require_equal(in.dims(i)[d], wanted[d], what);
}

// Every input but the mask has the dtype of the first.
void require_dtypes(const Infer& in, int mask) {
  for (int i = 0; i < in.count(); ++i) in.require_dtype(i, i == mask ? DType::boolean : in.dtype(0));
}

void require_inputs(const Infer& in, int wanted) {
  if (in.count() < wanted || in.count() > wanted + 1)
    in.error("takes ", wanted, " inputs with these attributes, and a mask; received ", in.count());
}

Specs infer_forward(const Infer& in) {
  const Cell cell = checked_cell(in);
  require_inputs(in, 3 + has_memory(cell) + has_recurrent_bias(cell));
  const RecurrentInputs at(cell, in.count());
  require_dtypes(in, at.mask);
  const bool packed = is_packed(in.name());
  const Sizes s = packed ? packed_sizes_of(in, cell, at) : sizes_of(in, cell, at.x, at.weights);
  const Dims state{s.batch, s.units}, sequence{s.batch, s.steps, s.units};
  require_dims(in, at.h, state, "sizes of the state");
  if (at.c >= 0) require_dims(in, at.c, state, "sizes of the state");
  if (at.bias >= 0) require_dims(in, at.bias, {s.width}, "sizes of the bias and the weights");
  if (at.mask >= 0) require_dims(in, at.mask, {s.batch, s.steps}, "sizes of the mask");
  const DType dtype = in.dtype(0);
  Specs out{{dtype, state}, {dtype, sequence}, {dtype, state}};
  if (has_memory(cell)) out.push_back({dtype, state});
  if (packed) return out;
  out.push_back({dtype, {s.batch, s.steps, s.width}});
  out.push_back({dtype, sequence});
  if (RecurrentOutputs(cell).kept >= 0) out.push_back({dtype, sequence});
  return out;
}

// Of the weights as a layer has them, and the bias that joins the inputs' product.
Specs infer_pack(const Infer& in) {
  const Cell cell = checked_cell(in);
  require_dtypes(in, -1);
  in.require_floating(0);
  in.require_rank(0, 2);
  in.require_rank(1, 2);
  const Shape inputs = to_shape(in.dims(0)), weights = to_shape(in.dims(1));
  const std::int64_t units = weights[0];
  const Dim width = Dim(units) * gate_count(cell);
  if (inputs[0] < 1) in.error("there are no features");
  require_dims(in, 0, {Dim(inputs[0]), width}, "sizes of the inputs' weights and units of all gates");
  require_dims(in, 1, {Dim(units), width}, "columns of the weights and units of all gates");
  require_dims(in, 2, {width}, "sizes of the bias and the weights");
  return {{in.dtype(0), {Dim(packed_size(in.dtype(0), cell, units, inputs[0]))}}};
}

// Positions of a gradient operation's inputs.
struct GradientInputs {
  int gates = 0, entering_h = -1, kept = -1, weights, d_last, d_h, d_c = -1, d_outputs = -1, mask = -1, least;

  GradientInputs(Cell cell, bool sequences, int count) {
    int next = 1;
    if (is_gru(cell)) entering_h = next++;
    if (has_memory(cell) || is_gru(cell)) kept = next++;
    weights = next++;
    d_last = next++;
    d_h = next++;
    if (has_memory(cell)) d_c = next++;
    if (sequences) d_outputs = next++;
    least = next;
    if (count > next) mask = next;
  }
};

Specs infer_gradient(const Infer& in) {
  const Cell cell = checked_cell(in);
  const GradientInputs at(cell, in.attributes().flag("sequences"), in.count());
  require_inputs(in, at.least);
  require_dtypes(in, at.mask);
  const Sizes s = sizes_of(in, cell, at.gates, at.weights);
  const Dims state{s.batch, s.units}, sequence{s.batch, s.steps, s.units};
  for (const int i : {at.d_last, at.d_h, at.d_c})
    if (i >= 0) require_dims(in, i, state, "sizes of the state");
  for (const int i : {at.entering_h, at.kept, at.d_outputs})
    if (i >= 0) require_dims(in, i, sequence, "sizes of the sequences");
  if (at.mask >= 0) require_dims(in, at.mask, {s.batch, s.steps}, "sizes of the mask");
  const DType dtype = in.dtype(0);
  const Dims wide{s.batch, s.steps, s.width};
  Specs out{{dtype, wide}, {dtype, state}};
  if (has_memory(cell)) out.push_back({dtype, state});
  if (has_recurrent_bias(cell)) out.push_back({dtype, wide});
  return out;
}

// ---- Runs.

RecurrentShape shape_of(const Run& r, int wide, std::int64_t units) {
  const Shape& x = r.input(wide).shape;
  const Attributes& a = r.attributes();
  const std::string_view name = r.operation().name;
  return {cell_of(name, a),          x[0], x[1], units, a.flag("go_backwards"), a.flag("zero_output_for_mask"),
          is_packed(name) ? x[2] : 0};
}
RecurrentShape shape_of(const Run& r, const RecurrentInputs& at) { return shape_of(r, at.x, r.input(at.h).shape[1]); }
RecurrentShape shape_of(const Run& r, const GradientInputs& at) {
  return shape_of(r, at.gates, r.input(at.weights).shape[0]);
}

RecurrentInputs inputs_of(const Run& r) {
  return RecurrentInputs(cell_of(r.operation().name, r.attributes()), r.input_count());
}
GradientInputs gradient_inputs_of(const Run& r) {
  return GradientInputs(cell_of(r.operation().name, r.attributes()), r.attributes().flag("sequences"), r.input_count());
}

template <class T>
const T* maybe_in(const Run& r, int i) {
  return i < 0 ? nullptr : r.in<T>(i);
}
template <class T>
T* maybe_out(const Run& r, int i) {
  return i < 0 ? nullptr : r.out<T>(i);
}

void run_forward(const Run& r) {
  visit_floating(r.input(0).dtype, r.operation().name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const RecurrentInputs at = inputs_of(r);
    Recurrent<T> job{};
    job.shape = shape_of(r, at);
    const RecurrentOutputs out(job.shape.cell);
    job.x = r.in<T>(at.x);
    job.h0 = r.in<T>(at.h);
    job.c0 = maybe_in<T>(r, at.c);
    job.weights = r.in<T>(at.weights);
    job.bias = maybe_in<T>(r, at.bias);
    job.mask = maybe_in<bool>(r, at.mask);
    job.last = r.out<T>(out.last);
    job.outputs = r.out<T>(out.sequence);
    job.h = r.out<T>(out.h);
    job.c = maybe_out<T>(r, out.c);
    if (job.shape.features == 0) {
      job.gates = r.out<T>(out.gates);
      job.entering_h = r.out<T>(out.entering_h);
      job.kept = maybe_out<T>(r, out.kept);
    }
    job.workspace = r.workspace();
    kernels::kernels().recurrent.of<T>().run(job);
  });
}

void run_gradient(const Run& r) {
  visit_floating(r.input(0).dtype, r.operation().name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const GradientInputs at = gradient_inputs_of(r);
    RecurrentGradient<T> job{};
    job.shape = shape_of(r, at);
    job.gates = r.in<T>(at.gates);
    job.entering_h = maybe_in<T>(r, at.entering_h);
    job.kept = maybe_in<T>(r, at.kept);
    job.weights = r.in<T>(at.weights);
    job.mask = maybe_in<bool>(r, at.mask);
    job.d_last = r.in<T>(at.d_last);
    job.d_outputs = maybe_in<T>(r, at.d_outputs);
    job.d_h = r.in<T>(at.d_h);
    job.d_c = maybe_in<T>(r, at.d_c);
    job.d_x = r.out<T>(0);
    job.d_h0 = r.out<T>(1);
    if (has_memory(job.shape.cell)) job.d_c0 = r.out<T>(2);
    if (has_recurrent_bias(job.shape.cell)) job.d_product = r.out<T>(2);
    job.workspace = r.workspace();
    kernels::kernels().recurrent.of<T>().gradient(job);
  });
}

std::int64_t forward_workspace(const Run& r) {
  const RecurrentInputs at = inputs_of(r);
  return visit_floating(r.input(0).dtype, r.operation().name, [&](auto tag) {
    return kernels::kernels().recurrent.of<typename decltype(tag)::type>().workspace(shape_of(r, at));
  });
}

void run_pack(const Run& r) {
  visit_floating(r.input(0).dtype, r.operation().name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::RecurrentPacking<T> job{};
    job.cell = cell_of(r.operation().name, r.attributes());
    job.features = r.input(0).shape[0];
    job.units = r.input(1).shape[0];
    job.inputs = r.in<T>(0);
    job.recurrent = r.in<T>(1);
    job.bias = r.in<T>(2);
    job.packed = r.out<T>(0);
    kernels::kernels().recurrent.of<T>().pack(job);
  });
}

// Of the products of the states with R, and of the inputs with their weights, or of the gates' gradients with R's
// transpose.
std::int64_t product_flops(const RecurrentShape& s) {
  return 2 * s.batch * s.steps * (s.units + s.features) * s.units * gate_count(s.cell);
}
std::int64_t forward_flops(const Run& r) {
  const RecurrentInputs at = inputs_of(r);
  return product_flops(shape_of(r, at));
}
std::int64_t gradient_flops(const Run& r) {
  const GradientInputs at = gradient_inputs_of(r);
  return product_flops(shape_of(r, at));
}

std::int64_t gradient_workspace(const Run& r) {
  const GradientInputs at = gradient_inputs_of(r);
  return visit_floating(r.input(0).dtype, r.operation().name, [&](auto tag) {
    return kernels::kernels().recurrent.of<typename decltype(tag)::type>().gradient_workspace(shape_of(r, at));
  });
}

// ---- The gradient rule.

// Whether somebody writes down how this gradient is computed, or looked at what was kept for it.
bool needs_second_derivatives(const Gradient& g) {
  const RecurrentOutputs out(cell_of(g.operation().name, g.attributes()));
  for (int i = out.gates; i < out.count; ++i)
    if (g.has_upstream(i)) return true;
  for (int i = 0; i < g.count(); ++i)
    if (Tape::any_watches(g.input(i))) return true;
  for (int i = 0; i < g.output_count(); ++i)
    if (g.has_upstream(i) && Tape::any_watches(g.upstream(i))) return true;
  return false;
}

Value rows_of(const Value& x) { return reshape(x, {x.dims()[0] * x.dims()[1], x.dims()[2]}); }

// One product over all steps: Σ aᵀ·b.
Value weight_gradient(const Value& a, const Value& b) { return matmul(rows_of(a), rows_of(b), true, false); }

// In gru_before z and r are computed from h, the candidate from r·h.
Value gru_before_weights(const Value& entering_h, const Value& reset_h, const Value& d_x) {
  const Dims& x = d_x.dims();
  const Dim units = entering_h.dims()[2];
  const Value gates = slice(d_x, {0, 0, 0}, {x[0], x[1], units * 2}, {1, 1, 1});
  const Value candidate = slice(d_x, {0, 0, units * 2}, x, {1, 1, 1});
  return concatenate({weight_gradient(entering_h, gates), weight_gradient(reset_h, candidate)}, 1);
}

Values gradient(const Gradient& g) {
  if (needs_second_derivatives(g)) return recurrent_gradient_by_scan(g);
  const Cell cell = cell_of(g.operation().name, g.attributes());
  const RecurrentInputs at(cell, g.count());
  const RecurrentOutputs out(cell);
  Values inputs{g.output(out.gates)};
  if (is_gru(cell)) inputs.push_back(g.output(out.entering_h));
  if (out.kept >= 0) inputs.push_back(g.output(out.kept));
  inputs.insert(inputs.end(), {g.input(at.weights), g.upstream(out.last), g.upstream(out.h)});
  if (has_memory(cell)) inputs.push_back(g.upstream(out.c));
  if (g.has_upstream(out.sequence)) inputs.push_back(g.upstream(out.sequence));
  if (at.mask >= 0) inputs.push_back(g.input(at.mask));
  Attributes attributes = g.attributes();
  attributes.set("sequences", g.has_upstream(out.sequence));
  const Values d = apply(operation_named(std::string(g.operation().name) + "_gradient"), inputs, attributes);

  Values result(static_cast<std::size_t>(g.count()));
  const auto of = [&](int i) -> Value& { return result[static_cast<std::size_t>(i)]; };
  of(at.x) = d[0];
  of(at.h) = d[1];
  if (at.c >= 0) of(at.c) = d[2];
  const Value& d_product = has_recurrent_bias(cell) ? d[2] : d[0];
  if (g.wanted(at.weights)) {
    of(at.weights) = cell == Cell::gru_before ? gru_before_weights(g.output(out.entering_h), g.output(out.kept), d[0])
                                              : weight_gradient(g.output(out.entering_h), d_product);
  }
  if (at.bias >= 0 && g.wanted(at.bias)) of(at.bias) = sum(d_product, {0, 1});
  return result;
}

constexpr const char* kAfterDifferentiation = "made by a pass that runs after differentiation";
constexpr const char* kNoSecond =
    "second derivatives of a recurrent operation are taken through single steps before this one is made";

Values gradient_of_gradient(const Gradient& g) { fail(ErrorKind::value, g.operation().name, ": ", kNoSecond); }

}  // namespace

std::span<const Operation> recurrent_family() {
  const AttributeSpec go_backwards = {"go_backwards", AttributeKind::flag, Attribute(false)};
  const AttributeSpec zeros = {"zero_output_for_mask", AttributeKind::flag, Attribute(false)};
  const AttributeSpec sequences = {"sequences", AttributeKind::flag, Attribute(false)};
  const AttributeSpec reset_after = {"reset_after", AttributeKind::flag, Attribute(true)};
  const AttributeSpec activation = {"activation", AttributeKind::text, Attribute(std::string("tanh"))};
  const auto forward = [&](const char* name, int least, int most, std::vector<AttributeSpec> attributes,
                           bool in_place) {
    attributes.insert(attributes.end(), {go_backwards, zeros});
    return Operation{.name = name,
                     .min_inputs = least,
                     .max_inputs = most,
                     .attributes = std::move(attributes),
                     .infer = infer_forward,
                     .run = run_forward,
                     .workspace = forward_workspace,
                     .flops = forward_flops,
                     .gradient = for_training(gradient),
                     .traits = {.in_place = in_place, .optional_outputs = true}};
  };
  const auto backward = [&](const char* name, int least, int most, std::vector<AttributeSpec> attributes,
                            bool in_place) {
    attributes.insert(attributes.end(), {go_backwards, zeros, sequences});
    return Operation{.name = name,
                     .min_inputs = least,
                     .max_inputs = most,
                     .attributes = std::move(attributes),
                     .infer = infer_gradient,
                     .run = run_gradient,
                     .workspace = gradient_workspace,
                     .flops = gradient_flops,
                     .gradient = for_training(gradient_of_gradient),
                     .no_gradient = kNoSecond,
                     .traits = {.in_place = in_place}};
  };
  const auto packing = [&](const char* name, std::vector<AttributeSpec> attributes) {
    return Operation{.name = name,
                     .min_inputs = 3,
                     .max_inputs = 3,
                     .attributes = std::move(attributes),
                     .infer = infer_pack,
                     .run = run_pack,
                     .no_gradient = kAfterDifferentiation,
                     .traits = {.internal = true}};
  };
  const auto packed = [&](Operation operation) {
    operation.gradient = nullptr;
    operation.no_gradient = kAfterDifferentiation;
    operation.traits.internal = true;
    return operation;
  };
  // In place: the gates lie where x was, and d_x where the gates were; a step reads its place before it writes it, and
  // states are read before the first step. Not so simple_rnn's, whose x and outputs have one shape, but two orders.
  static const Operation table[] = {
      forward("lstm", 4, 5, {}, true),
      forward("gru", 3, 5, {reset_after}, true),
      forward("simple_rnn", 3, 4, {activation}, false),
      packing("lstm_pack", {}),
      packing("gru_pack", {reset_after}),
      packing("simple_rnn_pack", {activation}),
      packed(forward("lstm_packed", 4, 5, {}, false)),
      packed(forward("gru_packed", 3, 5, {reset_after}, false)),
      packed(forward("simple_rnn_packed", 3, 4, {activation}, false)),
      backward("lstm_gradient", 6, 8, {}, true),
      backward("gru_gradient", 6, 8, {reset_after}, true),
      backward("simple_rnn_gradient", 4, 6, {activation}, false),
  };
  return table;
}

}  // namespace addax::ops
