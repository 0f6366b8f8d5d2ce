// sparse_update(indices, updates, x…) is a fused list one operand of which is scatter_add(indices, updates): the update
// of an embedding table whose gradient is a sum of rows. The bits are those of the two operations one after the other.
//
//   steps, immediates, outputs   the list, as in fused.h; `arity` its operands
//   gradient                     which operand the sum is; the inputs x… are the others, in order: tables of the sum's
//                                shape, or single values
//   size                         rows of the table
//   states                       for each output the operand whose new value it is
//   additive                     for each output whether it is its operand plus or minus something that does not depend
//                                on the operand, nor does any other output
//   variables                    a program that reads the variables that the outputs are assigned to
//
// Updates may have size 1 where the indices' array has more: they are broadcast. Indices are in range: the pass that
// makes the step has seen the gather that checks them.
//
// A row without an index is left alone where that is exact. The list is tried on a gradient of 0, states of 0 and
// additive operands of 0 and 1: if it gives them back, a row whose states are 0 stays as it is (adding 0 changes only
// -0 and denormals; rows with such are run). Which rows have states other than 0 is found once and kept while only this
// step writes the variables; it is this step's own write if their versions have grown by one since it ran last.
#include "kernels/sparse_update.h"

#include <algorithm>
#include <cstring>

#include "addax/program.h"
#include "ops/fused.h"
#include "ops/indices.h"

namespace addax::ops {
namespace {

using kernels::FusedPlan;

const char* make_plan(const Attributes& attributes, FusedPlan& plan) {
  const std::int64_t arity = attributes.integer("arity"), gradient = attributes.integer("gradient");
  if (arity < 1 || arity > kernels::kMaxOperands) return "a list has 1 to 16 operands";
  if (gradient < 0 || gradient >= arity) return "the gradient must be one of the operands";
  if (const char* problem = make_fused_plan(attributes, static_cast<int>(arity), plan)) return problem;
  const auto &states = attributes.integers("states"), &additive = attributes.integers("additive");
  const auto outputs = static_cast<std::size_t>(plan.outputs);
  if (states.size() != outputs || additive.size() != outputs) return "each output needs its state";
  for (const std::int64_t state : states)
    if (state < 0 || state >= arity || state == gradient) return "a state must be an operand other than the gradient";
  return nullptr;
}

// The input that is the list's operand k ≠ gradient.
int input_of(int k, int gradient) { return 2 + (k < gradient ? k : k - 1); }

Specs infer_sparse_update(const Infer& in) {
  FusedPlan plan;
  if (const char* problem = make_plan(in.attributes(), plan)) in.error(problem);
  const int gradient = in.attributes().axis("gradient"), replaced = in.rank(0);
  in.require_indices(0);
  in.require_dtype(1, DType::float32);
  if (in.count() != plan.operands + 1) in.error("the list takes ", plan.operands, " operands");
  const Dims &indices = in.dims(0), &updates = in.dims(1);
  if (in.rank(1) < replaced) in.error("the updates must have at least the rank of the indices");
  for (std::size_t d = 0; d < indices.size(); ++d)
    if (!(updates[d] == Dim(1))) in.require_equal(indices[d], updates[d], "sizes of indices and updates");
  Dims table = in.attributes().dims("size");
  if (table.size() != 1) in.error("'size' must be one number");
  table.insert(table.end(), updates.begin() + replaced, updates.end());
  for (int k = 0; k < plan.operands; ++k) {
    if (k == gradient) continue;
    const int i = input_of(k, gradient);
    in.require_dtype(i, DType::float32);
    if (in.rank(i) == 0) continue;
    const auto& states = in.attributes().integers("states");
    if (in.dims(i) != table || std::find(states.begin(), states.end(), k) == states.end())
      in.error("operand ", k, " must be a single value, or a state of shape ", table);
  }
  for (const std::int64_t state : in.attributes().integers("states"))
    if (in.dims(input_of(static_cast<int>(state), gradient)) != table) in.error("a state must be a table");
  std::int64_t count = 1;
  for (const Dim& dim : indices) {
    if (!dim.known()) break;
    if (dim.value() > 0 && count > INT32_MAX / dim.value()) in.error("there are too many indices");
    count *= dim.value();
  }
  Specs out;
  for (int j = 0; j < plan.outputs; ++j) {
    if (plan.output[j].type != kernels::Element::float32) in.error("outputs must be float32");
    out.push_back({DType::float32, table});
  }
  return out;
}

// What a planned step keeps.
struct Prepared {
  kernels::FusedCode code;
  kernels::UpdateLayout layout;
  std::vector<VariablePtr> variables;
  std::vector<int> states;
  std::vector<bool> additive;
  // Which rows may change without an index, as of these versions of the variables, plus one each.
  std::vector<std::uint8_t> live;
  std::vector<std::uint64_t> versions;
};

std::int64_t width_of(const Run& r) {
  std::int64_t width = 1;
  const Shape& table = r.output(0).shape;
  for (int d = 1; d < table.rank(); ++d) width *= table[d];
  return width;
}

kernels::UpdateLayout layout_of(const Run& r) {
  const Shape &indices = r.input(0).shape, &updates = r.input(1).shape;
  kernels::UpdateLayout layout;
  std::int64_t stride = width_of(r);
  for (int d = indices.rank() - 1; d >= 0; --d) {
    layout.size[d] = indices[d];
    layout.stride[d] = updates[d] == indices[d] ? stride : 0;
    stride *= updates[d];
  }
  layout.rank = indices.rank();
  return layout;
}

std::shared_ptr<void> prepare_sparse_update(const Run& r) {
  FusedPlan plan;
  make_plan(r.attributes(), plan);
  auto prepared = std::make_shared<Prepared>(Prepared{kernels::FusedCode(plan), layout_of(r), {}, {}, {}, {}, {}});
  prepared->variables = r.attributes().program("variables")->variables;
  for (const std::int64_t state : r.attributes().integers("states"))
    prepared->states.push_back(static_cast<int>(state));
  for (const std::int64_t flag : r.attributes().integers("additive")) prepared->additive.push_back(flag != 0);
  prepared->live.resize(static_cast<std::size_t>(r.output(0).shape[0]));
  prepared->versions.reserve(prepared->variables.size());
  return prepared;
}

kernels::SparseUpdate job_of(const Run& r, const Prepared& p) {
  kernels::SparseUpdate job{};
  job.code = &p.code;
  job.gradient = r.attributes().axis("gradient");
  job.rows = r.output(0).shape[0];
  job.width = width_of(r);
  job.count = r.input(0).elements();
  job.updates = r.in<float>(1);
  job.layout = p.layout;
  for (int k = 0; k < p.code.plan().operands; ++k) {
    if (k == job.gradient) continue;
    const Buffer& x = r.input(input_of(k, job.gradient));
    job.operands[k] = x.data;
    if (x.shape.rank() == 0) job.single |= 1u << k;
  }
  for (int j = 0; j < r.output_count(); ++j) job.outputs[j] = r.output(j).data;
  job.workspace = r.workspace();
  return job;
}

// Whether the list leaves a row alone whose gradient and states are 0.
bool keeps_zero_rows(const kernels::SparseUpdate& job, const Prepared& p) {
  static constexpr float kZeros[2] = {0.0f, 0.0f}, kSample[2] = {0.0f, 1.0f};
  float results[kernels::kMaxFusedOutputs][2];
  kernels::FusedRow list(p.code);
  const int operands = p.code.plan().operands;
  for (int k = 0; k < operands; ++k) {
    const bool single = (job.single >> k & 1) != 0;
    list.operand(k, single ? job.operands[k] : kZeros, single ? 0 : 1);
  }
  for (std::size_t j = 0; j < p.states.size(); ++j) {
    if (p.additive[j]) list.operand(p.states[j], kSample, 1);
    list.output(static_cast<int>(j), results[j]);
  }
  list.run(2);
  for (std::size_t j = 0; j < p.states.size(); ++j)
    if (std::memcmp(results[j], p.additive[j] ? kSample : kZeros, sizeof kZeros) != 0) return false;
  return true;
}

// Brings the record of rows up to date. False: all rows must be run.
bool find_live_rows(const kernels::SparseUpdate& job, Prepared& p) {
  bool in_place = p.variables.size() == p.states.size();
  for (std::size_t j = 0; j < p.states.size(); ++j) in_place = in_place && job.outputs[j] == job.operands[p.states[j]];
  if (!in_place || !keeps_zero_rows(job, p)) {
    p.versions.clear();
    return false;
  }
  bool known = !p.versions.empty();
  for (std::size_t j = 0; known && j < p.variables.size(); ++j) known = p.variables[j]->version() == p.versions[j];
  if (!known) {
    p.live.assign(static_cast<std::size_t>(job.rows), 0);
    for (std::size_t j = 0; j < p.states.size(); ++j)
      kernels::mark_rows(static_cast<const float*>(job.operands[p.states[j]]), job.rows, job.width, p.additive[j],
                         p.live.data());
  }
  p.versions.clear();
  for (const VariablePtr& variable : p.variables) p.versions.push_back(variable->version() + 1);
  return true;
}

void run_sparse_update(const Run& r) {
  auto& p = r.prepared<Prepared>();
  kernels::SparseUpdate job = job_of(r, p);
  visit_indices(r, 0, [&](const auto* indices, std::int64_t) {
    if (find_live_rows(job, p)) {
      job.live = p.live.data();
      job.mark = !std::all_of(p.additive.begin(), p.additive.end(), [](bool additive) { return additive; });
    }
    kernels::sparse_update(job, indices);
  });
}

std::int64_t workspace(const Run& r) {
  return kernels::sparse_update_workspace(r.output(0).shape[0], r.input(0).elements());
}

}  // namespace

Operation sparse_update_operation() {
  return {.name = "sparse_update",
          .min_inputs = 3,
          .max_inputs = kernels::kMaxOperands + 1,
          .attributes = {{"steps", AttributeKind::integers},
                         {"immediates", AttributeKind::numbers, std::vector<double>{}},
                         {"outputs", AttributeKind::integers},
                         {"arity", AttributeKind::integer},
                         {"gradient", AttributeKind::integer},
                         {"size", AttributeKind::dims},
                         {"states", AttributeKind::integers},
                         {"additive", AttributeKind::integers},
                         {"variables", AttributeKind::program}},
          .infer = infer_sparse_update,
          .run = run_sparse_update,
          .workspace = workspace,
          .prepare = prepare_sparse_update,
          .no_gradient = "it is made after differentiation",
          .traits = {.in_place = true, .internal = true}};
}

}  // namespace addax::ops
