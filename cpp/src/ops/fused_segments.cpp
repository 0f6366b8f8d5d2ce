// fused_segments(x0, x1, …){steps, immediates, outputs, arity, operands} runs one list of element-wise steps on several
// segments: on the operands of each, which are arrays of one shape, the segment's, or single values. An optimizer's
// update of all small variables is one such step.
//
//   steps, immediates, outputs   the list, as in fused.h
//   arity                        how many operands the list has
//   operands                     for each segment the inputs that are the list's operands, in order
//
// The outputs of the first segment come first, then those of the second, and so on.
#include "kernels/fused_segments.h"

#include "ops/fused.h"

namespace addax::ops {
namespace {

using kernels::FusedPlan;

// The segments' operands among the inputs.
class Segments {
 public:
  Segments(const Attributes& attributes, const FusedPlan& plan)
      : operands_(attributes.integers("operands")), each_(plan.operands) {}

  int count() const { return each_ == 0 ? 0 : static_cast<int>(operands_.size()) / each_; }
  bool whole() const { return each_ > 0 && operands_.size() % static_cast<std::size_t>(each_) == 0; }
  int input(int segment, int operand) const {
    return static_cast<int>(operands_[static_cast<std::size_t>(segment * each_ + operand)]);
  }

 private:
  const std::vector<std::int64_t>& operands_;
  int each_;
};

const char* make_plan(const Attributes& attributes, FusedPlan& plan) {
  const std::int64_t arity = attributes.integer("arity");
  if (arity < 1 || arity > kernels::kMaxOperands) return "a list has 1 to 16 operands";
  return make_fused_plan(attributes, static_cast<int>(arity), plan);
}

Specs infer_segments(const Infer& in) {
  FusedPlan plan;
  if (const char* problem = make_plan(in.attributes(), plan)) in.error(problem);
  const Segments segments(in.attributes(), plan);
  if (!segments.whole() || segments.count() == 0) in.error("each segment needs all operands of the list");
  Specs out;
  for (int s = 0; s < segments.count(); ++s) {
    Dims dims;
    for (int k = 0; k < plan.operands; ++k) {
      const int i = segments.input(s, k);
      if (i < 0 || i >= in.count()) in.error("segment ", s, " has an operand that is no input");
      if (in.dtype(i) != in.dtype(segments.input(0, k)) || !fusable(in.dtype(i)))
        in.type_error("operand ", k, " must be float32, or bfloat16, or bool, in all segments");
      if (in.rank(i) > 0 && dims.empty()) dims = in.dims(i);
      if (in.rank(i) > 0 && dims != in.dims(i)) in.error("the operands of segment ", s, " have different shapes");
    }
    for (int j = 0; j < plan.outputs; ++j) out.push_back({output_dtype(plan.output[j]), dims});
  }
  return out;
}

struct Prepared {
  kernels::FusedCode code;
  std::vector<int> inputs;  // of each segment's operands
  // Filled in at each run.
  std::vector<const void*> operands;
  std::vector<void*> outputs;
  std::vector<kernels::FusedSegment> segments;
};

std::shared_ptr<void> prepare_segments(const Run& r) {
  FusedPlan plan;
  make_plan(r.attributes(), plan);
  const Segments segments(r.attributes(), plan);
  for (int k = 0; k < plan.operands; ++k)
    plan.operand_type[k] = static_cast<kernels::Element>(r.input(segments.input(0, k)).dtype);
  auto prepared = std::make_shared<Prepared>(Prepared{kernels::FusedCode(plan), {}, {}, {}, {}});
  const auto operands = static_cast<std::size_t>(segments.count() * plan.operands);
  prepared->operands.resize(operands);
  prepared->outputs.resize(static_cast<std::size_t>(r.output_count()));
  for (int s = 0; s < segments.count(); ++s) {
    kernels::FusedSegment segment{r.output(s * plan.outputs).elements(), 0, nullptr, nullptr};
    for (int k = 0; k < plan.operands; ++k) {
      const int input = segments.input(s, k);
      prepared->inputs.push_back(input);
      if (r.input(input).shape.rank() == 0) segment.single |= 1u << k;
    }
    segment.operands = prepared->operands.data() + s * plan.operands;
    segment.outputs = prepared->outputs.data() + s * plan.outputs;
    prepared->segments.push_back(segment);
  }
  return prepared;
}

void run_segments(const Run& r) {
  auto& p = r.prepared<Prepared>();
  for (std::size_t i = 0; i < p.inputs.size(); ++i) p.operands[i] = r.input(p.inputs[i]).data;
  for (std::size_t i = 0; i < p.outputs.size(); ++i) p.outputs[i] = r.output(static_cast<int>(i)).data;
  kernels::run_fused_segments(p.code, p.segments);
}

}  // namespace

// An output may lie over an operand of its own segment that no other one reads.
bool segments_may_share_memory(const Attributes& attributes, int input, int output) {
  FusedPlan plan;
  make_plan(attributes, plan);
  const Segments segments(attributes, plan);
  for (int s = 0; s < segments.count(); ++s)
    for (int k = 0; k < plan.operands; ++k)
      if (segments.input(s, k) == input && s != output / plan.outputs) return false;
  return true;
}

Operation fused_segments_operation() {
  return {.name = "fused_segments",
          .min_inputs = 1,
          .max_inputs = kAnyNumber,
          .attributes = {{"steps", AttributeKind::integers},
                         {"immediates", AttributeKind::numbers, std::vector<double>{}},
                         {"outputs", AttributeKind::integers},
                         {"arity", AttributeKind::integer},
                         {"operands", AttributeKind::integers}},
          .infer = infer_segments,
          .run = run_segments,
          .prepare = prepare_segments,
          .no_gradient = "it is made after differentiation",
          .traits = {.in_place = true, .internal = true}};
}

}  // namespace addax::ops
