// product → add(product, bias) → activation, each read by the next alone, becomes one step: the kernel applies bias and
// activation to the tile that it holds in registers. Of bfloat16 it is product → cast to float32 → add → activation →
// cast back: bias and activation come before the one rounding.
#include <optional>
#include <string_view>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

struct Fusible {
  std::string_view product, fused;
};
constexpr Fusible kFusible[] = {{"matmul", "matmul_epilogue"},
                                {"conv", "conv_epilogue"},
                                {"conv_data_gradient", "conv_data_gradient_epilogue"},
                                {"depthwise_conv", "depthwise_conv_epilogue"}};

class EpilogueFusion {
 public:
  explicit EpilogueFusion(Program program) : program_(std::move(program)), only_reader_(only_readers(program_)) {
    gone_.assign(program_.steps.size(), false);
  }

  Program run() {
    for (std::size_t s = 0; s < program_.steps.size(); ++s) {
      for (const Fusible& f : kFusible)
        if (!gone_[s] && program_.steps[s].operation->name == f.product) fuse(s, operation_named(f.fused));
    }
    return without(std::move(program_), gone_);
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  const Spec& spec(int slot) const { return program_.slots[at(slot)].spec; }

  // The other operand of add(product, bias) if it is a vector along the product's last axis.
  std::optional<int> bias_of(const Step& add, int product) const {
    if (std::string_view(add.operation->name) != "add") return std::nullopt;
    const int other = add.inputs[0] == product ? add.inputs[1] : add.inputs[0];
    const Dims& dims = spec(product).dims;
    if (other == product || spec(other).dims.size() != 1 || dims.empty() || !(spec(other).dims[0] == dims.back()))
      return std::nullopt;
    return other;
  }

  // Whether the step is minimum(value, 6).
  bool is_minimum_of_six(const Step& step, int value) const {
    if (std::string_view(step.operation->name) != "minimum") return false;
    const Slot& other = program_.slots[at(step.inputs[0] == value ? step.inputs[1] : step.inputs[0])];
    if (other.kind != SlotKind::constant || !other.spec.dims.empty() || other.spec.dtype != DType::float32)
      return false;
    return *program_.constants[at(other.index)].data_as<float>() == 6.0f;
  }

  // Whether the slot is ready before step s runs.
  bool defined_before(int slot, std::size_t s) const {
    const Slot& definition = program_.slots[at(slot)];
    return definition.kind != SlotKind::step || at(definition.index) < s;
  }

  // The result of the step that alone reads the slot and converts it; -1 if there is none. The step is added to `path`.
  int converted(int slot, DType dtype, std::vector<int>& path) const {
    const int reader = only_reader_[at(slot)];
    if (reader < 0 || std::string_view(program_.steps[at(reader)].operation->name) != "cast") return -1;
    const int result = program_.steps[at(reader)].outputs[0];
    if (spec(result).dtype != dtype) return -1;
    path.push_back(reader);
    return result;
  }

  void fuse(std::size_t s, const Operation& fused) {
    const DType dtype = spec(program_.steps[s].outputs[0]).dtype;
    if (dtype == DType::float32) fuse_wide(s, fused, program_.steps[s].outputs[0], {});
    if (dtype != DType::bfloat16) return;
    std::vector<int> path;
    const int wide = converted(program_.steps[s].outputs[0], DType::float32, path);
    if (wide >= 0) fuse_wide(s, fused, wide, path);
  }

  // `product`: the step's result in float32, by the conversions of `path`.
  void fuse_wide(std::size_t s, const Operation& fused, int product, std::vector<int> path) {
    Step& step = program_.steps[s];
    const int add = only_reader_[at(product)];
    if (add < 0) return;
    const std::optional<int> bias = bias_of(program_.steps[at(add)], product);
    if (!bias) return;
    const bool half = !path.empty();
    path.push_back(add);
    int result = program_.steps[at(add)].outputs[0];
    std::string activation = "none";
    // The step that alone reads the result, and goes, if the test holds.
    const auto take = [&](const auto& test, const char* name) {
      const int reader = only_reader_[at(result)];
      if (reader < 0 || !test(program_.steps[at(reader)])) return false;
      path.push_back(reader);
      result = program_.steps[at(reader)].outputs[0];
      activation = name;
      return true;
    };
    if (take([](const Step& next) { return std::string_view(next.operation->name) == "relu"; }, "relu"))
      take([&](const Step& next) { return is_minimum_of_six(next, result); }, "relu6");
    if (half && (result = converted(result, DType::bfloat16, path)) < 0) return;
    const bool early = defined_before(*bias, s);
    for (const int taken : path) gone_[at(taken)] = true;
    step.operation = &fused;
    step.inputs.push_back(*bias);
    step.attributes.set("bias", true);
    step.attributes.set("activation", activation);
    step.attributes = normalize(fused, std::move(step.attributes));
    step.outputs[0] = result;
    if (early) return;
    // A bias that is converted on the way is ready where it was added.
    program_.steps[at(add)] = std::move(step);
    gone_[at(add)] = false;
    gone_[s] = true;
  }

  Program program_;
  std::vector<int> only_reader_;
  std::vector<bool> gone_;  // steps that another has taken in
};

}  // namespace

Program epilogue_fusion(Program program) { return EpilogueFusion(std::move(program)).run(); }

}  // namespace addax::passes
