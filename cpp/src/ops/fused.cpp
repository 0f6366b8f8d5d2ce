#include "ops/fused.h"

#include <algorithm>
#include <iterator>

#include "ops/operation.h"

namespace addax::ops {
namespace {

using kernels::FusedPlan;

constexpr DType kOutputTypes[] = {DType::float32, DType::boolean, DType::bfloat16};

Specs infer_fused(const Infer& in) {
  FusedPlan plan;
  if (const char* problem = make_fused_plan(in.attributes(), in.count(), plan)) in.error(problem);
  Dims dims;
  for (int i = 0; i < in.count(); ++i) {
    if (!fusable(in.dtype(i))) in.type_error("input ", i, " must be float32, bfloat16 or bool");
    dims = i == 0 ? in.dims(0) : broadcast(dims, in.dims(i), in.name());
  }
  Specs out;
  for (int j = 0; j < plan.outputs; ++j) out.push_back({output_dtype(plan.output[j]), dims});
  return out;
}

// What a planned step keeps: the list made ready, and how its operands are walked.
struct Prepared {
  kernels::FusedCode code;
  kernels::BroadcastLayout layout;
};

std::shared_ptr<void> prepare_fused(const Run& r) {
  FusedPlan plan;
  make_fused_plan(r.attributes(), r.input_count(), plan);
  kernels::OperandShape shapes[kernels::kMaxOperands];
  for (int i = 0; i < r.input_count(); ++i) {
    plan.operand_type[i] = static_cast<kernels::Element>(r.input(i).dtype);
    shapes[i] = {r.input(i).shape.begin(), r.input(i).shape.rank()};
  }
  const Shape& shape = r.output(0).shape;
  return std::make_shared<Prepared>(
      kernels::FusedCode(plan), kernels::make_broadcast_layout(shape.begin(), shape.rank(), shapes, r.input_count()));
}

void run_fused(const Run& r) {
  const auto& [code, layout] = r.prepared<Prepared>();
  const void* operands[kernels::kMaxOperands];
  void* outputs[kernels::kMaxFusedOutputs];
  for (int i = 0; i < r.input_count(); ++i) operands[i] = r.input(i).data;
  for (int j = 0; j < r.output_count(); ++j) outputs[j] = r.output(j).data;
  kernels::run_fused(code, layout, operands, outputs);
}

}  // namespace

const char* make_fused_plan(const Attributes& attributes, int inputs, kernels::FusedPlan& plan) {
  const auto& steps = attributes.integers("steps");
  const auto& outputs = attributes.integers("outputs");
  const auto& immediates = attributes.numbers("immediates");
  if (steps.size() % 4 != 0 || outputs.size() % 2 != 0) return "steps need four integers each, outputs two";
  if (inputs > kernels::kMaxOperands || immediates.size() > kernels::kMaxFusedImmediates ||
      steps.size() / 4 > kernels::kMaxFusedSteps || outputs.size() / 2 > kernels::kMaxFusedOutputs)
    return "too many inputs, immediates, steps or outputs";
  plan.operands = inputs;
  plan.immediates = static_cast<int>(immediates.size());
  plan.steps = static_cast<int>(steps.size() / 4);
  plan.outputs = static_cast<int>(outputs.size() / 2);
  for (std::size_t i = 0; i < immediates.size(); ++i) plan.immediate[i] = static_cast<float>(immediates[i]);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i] < 0 || steps[i] > 255) return "a number in steps is out of range";
    kernels::FusedStep& step = plan.step[i / 4];
    if (i % 4 == 0) {
      step.opcode = static_cast<kernels::Opcode>(steps[i]);
    } else {
      step.argument[i % 4 - 1] = static_cast<std::uint8_t>(steps[i]);
    }
  }
  for (std::size_t j = 0; j < outputs.size(); j += 2) {
    if (outputs[j] < 0 || outputs[j] > 255 || outputs[j + 1] < 0 || outputs[j + 1] >= std::ssize(kOutputTypes))
      return "an output is out of range";
    plan.output[j / 2] = {static_cast<int>(outputs[j]),
                          static_cast<kernels::Element>(kOutputTypes[static_cast<std::size_t>(outputs[j + 1])])};
  }
  return kernels::check_fused(plan);
}

std::int64_t output_code(DType dtype) {
  return std::find(std::begin(kOutputTypes), std::end(kOutputTypes), dtype) - std::begin(kOutputTypes);
}
DType output_dtype(const kernels::FusedOutput& output) { return static_cast<DType>(output.type); }
bool fusable(DType dtype) { return kernels::fusable(static_cast<kernels::Element>(dtype)); }

std::optional<kernels::Opcode> fused_opcode(std::string_view operation_name) {
  if (operation_name == "stop_gradient") return kernels::Opcode::identity;
  const auto opcode = kernels::find_opcode(operation_name);
  return opcode && kernels::fusable(*opcode) ? opcode : std::nullopt;
}

bool may_share_memory(const Operation& operation, const Attributes& attributes, int input, int output) {
  const std::string_view name = operation.name;
  if (name == "fused_segments") return segments_may_share_memory(attributes, input, output);
  return name != "sparse_update" || input >= 2;  // not the indices, nor the updates
}

std::span<const Operation> fused_family() {
  static const Operation table[] = {
      {.name = "fused",
       .min_inputs = 1,
       .max_inputs = kernels::kMaxOperands,
       .attributes = {{"steps", AttributeKind::integers},
                      {"immediates", AttributeKind::numbers, std::vector<double>{}},
                      {"outputs", AttributeKind::integers}},
       .infer = infer_fused,
       .run = run_fused,
       .prepare = prepare_fused,
       .no_gradient = "it is made after differentiation",
       .traits = {.elementwise = true, .in_place = true, .internal = true}},
      fused_segments_operation(),
      sparse_update_operation(),
  };
  return table;
}

}  // namespace addax::ops
