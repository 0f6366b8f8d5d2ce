#include "ops/tail.h"

#include <algorithm>

#include "ops/activations.h"
#include "ops/fused.h"

namespace addax::ops {
namespace {

Attributes list_of(const Attributes& attributes) {
  return {{"steps", attributes.integers("tail_steps")},
          {"immediates", attributes.numbers("tail_immediates")},
          {"outputs", attributes.integers("tail_outputs")}};
}

}  // namespace

std::vector<AttributeSpec> with_tail(std::vector<AttributeSpec> own) {
  own.push_back({"tail_steps", AttributeKind::integers, std::vector<std::int64_t>{}});
  own.push_back({"tail_immediates", AttributeKind::numbers, std::vector<double>{}});
  own.push_back({"tail_outputs", AttributeKind::integers, std::vector<std::int64_t>{}});
  own.push_back({"tail_keep", AttributeKind::flag, Attribute(false)});
  return own;
}

Specs infer_tail(const Infer& in, int own_inputs, const Spec& result) {
  if (in.attributes().integers("tail_steps").empty()) {
    if (in.count() != own_inputs) in.error("takes ", own_inputs, " inputs without a tail");
    return {result};
  }
  kernels::FusedPlan plan;
  if (const char* problem = make_fused_plan(list_of(in.attributes()), in.count() - own_inputs + 1, plan))
    in.error("tail: ", problem);
  if (result.dtype != DType::float32) in.type_error("a tail needs a float32 result");
  for (int i = own_inputs; i < in.count(); ++i) {
    if (!fusable(in.dtype(i))) in.type_error("input ", i, " must be float32, bfloat16 or bool");
    if (broadcast(result.dims, in.dims(i), in.name()) != result.dims)
      in.error("input ", i, " does not broadcast to the result's shape ", result.dims);
  }
  Specs out;
  bool room = in.attributes().flag("tail_keep");
  for (int j = 0; j < plan.outputs; ++j) {
    out.push_back({output_dtype(plan.output[j]), result.dims});
    room = room || out.back().dtype == DType::float32;
  }
  if (!room) in.error("a tail without float32 output leaves no room for the result");
  if (in.attributes().flag("tail_keep")) out.push_back(result);
  return out;
}

Specs infer_epilogue(const Infer& in, const Spec& result) {
  activation_of(in);
  const int own = epilogue_inputs(in.attributes());
  if (own == 3) {
    if (in.count() < 3) in.error("the bias is missing");
    in.require_rank(2, 1);
    in.require_dtype(2, sum_type(in.dtype(0)));
    in.require_equal(in.dims(2)[0], result.dims.back(), "sizes of the bias and the result's last axis");
  }
  return infer_tail(in, own, result);
}

PreparedTail prepare_tail(const Run& r, int own_inputs) {
  if (r.attributes().integers("tail_steps").empty()) return {};
  kernels::FusedPlan plan;
  make_fused_plan(list_of(r.attributes()), r.input_count() - own_inputs + 1, plan);
  const Shape& shape = r.output(0).shape;
  kernels::OperandShape shapes[kernels::kMaxOperands] = {{shape.begin(), shape.rank()}};
  for (int i = own_inputs; i < r.input_count(); ++i) {
    plan.operand_type[i - own_inputs + 1] = static_cast<kernels::Element>(r.input(i).dtype);
    shapes[i - own_inputs + 1] = {r.input(i).shape.begin(), r.input(i).shape.rank()};
  }
  return {std::make_unique<const kernels::FusedCode>(plan),
          kernels::make_broadcast_layout(shape.begin(), shape.rank(), shapes, plan.operands)};
}

TailCall::TailCall(const Run& r, const PreparedTail& prepared, int own_inputs) {
  if (prepared.code == nullptr) {
    result_ = r.out<float>(0);
    return;
  }
  int home = r.output_count() - 1;
  if (!r.attributes().flag("tail_keep"))
    for (home = 0; r.output(home).dtype != DType::float32;) ++home;
  result_ = r.out<float>(home);
  tail_.code = prepared.code.get();
  tail_.layout = &prepared.layout;
  tail_.operands[0] = result_;
  for (int i = own_inputs; i < r.input_count(); ++i) tail_.operands[i - own_inputs + 1] = r.input(i).data;
  for (int j = 0; j < prepared.code->plan().outputs; ++j) tail_.outputs[j] = r.output(j).data;
}

}  // namespace addax::ops
