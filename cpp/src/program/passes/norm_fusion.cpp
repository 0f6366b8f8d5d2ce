// What follows batch normalization in training joins its second pass, and its gradient's mask joins the gradient's two:
//
//   relu(batch_normalization(x))                →  batch_normalization(x) {activation: relu}
//   relu(batch_normalization(x) + shortcut)     →  batch_normalization_add(x, shortcut) {activation: relu}
//   batch_normalization_gradient(x, where(z > 0, dz, 0))  →  batch_normalization_gradient(x, dz) {activation: relu}
//
// and the same with relu6 = minimum(relu, 6). The gradient computes z's sign anew from x, which it reads anyway.
#include <optional>
#include <string_view>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

class NormFusion {
 public:
  explicit NormFusion(Program program)
      : program_(std::move(program)), reads_(count_reads(program_)), only_reader_(only_readers(program_)) {
    maker_.assign(program_.slots.size(), -1);
    gone_.assign(program_.steps.size(), false);
    for (std::size_t s = 0; s < program_.steps.size(); ++s)
      for (const int output : program_.steps[s].outputs) maker_[at(output)] = static_cast<int>(s);
  }

  Program run() {
    for (std::size_t s = 0; s < program_.steps.size(); ++s)
      if (is(program_.steps[s], "batch_normalization") && plain(program_.steps[s])) fuse(s);
    return without(std::move(program_), gone_);
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  static bool is(const Step& step, std::string_view name) { return step.operation->name == name; }
  static bool plain(const Step& step) { return step.attributes.string("activation") == "none"; }
  const Spec& spec(int slot) const { return program_.slots[at(slot)].spec; }

  // The step that alone reads the slot, once, if it has this name; −1 if there is none.
  int only_reader(int slot, std::string_view name) const {
    const int reader = only_reader_[at(slot)];
    return reader >= 0 && is(program_.steps[at(reader)], name) ? reader : -1;
  }
  const Step* made_by(const char* name, int slot) const {
    const int maker = maker_[at(slot)];
    return maker >= 0 && !gone_[at(maker)] && is(program_.steps[at(maker)], name) ? &program_.steps[at(maker)]
                                                                                  : nullptr;
  }
  bool is_constant(int slot, float value) const {
    const Slot& s = program_.slots[at(slot)];
    return s.kind == SlotKind::constant && s.spec.dims.empty() && s.spec.dtype == DType::float32 &&
           *program_.constants[at(s.index)].data_as<float>() == value;
  }

  // d if the slot is where(comparison(tested, bound), d, 0), of one shape; the comparison's name is given.
  std::optional<int> masked(int slot, const char* comparison, int tested, float bound) const {
    const Step* const where = made_by("where", slot);
    if (where == nullptr || !is_constant(where->inputs[2], 0)) return std::nullopt;
    const Step* const mask = made_by(comparison, where->inputs[0]);
    if (mask == nullptr || mask->inputs[0] != tested || !is_constant(mask->inputs[1], bound)) return std::nullopt;
    if (!(spec(where->inputs[1]) == spec(tested)) || !(spec(slot) == spec(tested))) return std::nullopt;
    return where->inputs[1];
  }

  // The gradient step of the normalization s; −1 if there is none or several.
  int gradient_of(std::size_t s) const {
    const Step& forward = program_.steps[s];
    int found = -1;
    for (std::size_t g = s + 1; g < program_.steps.size(); ++g) {
      const Step& step = program_.steps[g];
      if (!is(step, "batch_normalization_gradient") || step.inputs[2] != forward.outputs[1]) continue;
      if (found >= 0 || !plain(step) || step.inputs[0] != forward.inputs[0] || step.inputs[4] != forward.inputs[1] ||
          step.inputs[5] != forward.inputs[2] || step.inputs[3] != forward.outputs[2])
        return -1;
      found = static_cast<int>(g);
    }
    return found;
  }

  void fuse(std::size_t s) {
    if (spec(program_.steps[s].outputs[0]).dtype != DType::float32) return;
    const int y = program_.steps[s].outputs[0];
    if (const int relu = only_reader(y, "relu"); relu >= 0) {
      const int z = program_.steps[at(relu)].outputs[0];
      if (!fuse_relu6(s, at(relu), z)) fuse_relu(s, at(relu), z);
    } else if (const int add = only_reader(y, "add"); add >= 0) {
      fuse_shortcut(s, at(add));
    }
  }

  void fuse_relu(std::size_t s, std::size_t relu, int z) {
    const int gradient = gradient_of(s);
    if (gradient >= 0) {
      const auto d = masked(program_.steps[at(gradient)].inputs[1], "greater", z, 0);
      if (d) set_activation(program_.steps[at(gradient)], "relu", *d);
    }
    program_.steps[s].attributes.set("activation", std::string("relu"));
    take_result(s, relu);
  }

  // The positive part r is read by the minimum, and by the two masks of the gradient or by nobody else.
  bool fuse_relu6(std::size_t s, std::size_t relu, int r) {
    int minimum = -1;
    for (std::size_t i = relu + 1; i < program_.steps.size() && minimum < 0; ++i) {
      const Step& step = program_.steps[i];
      if (is(step, "minimum") && step.inputs[0] == r && is_constant(step.inputs[1], 6)) minimum = static_cast<int>(i);
    }
    if (minimum < 0) return false;
    const int gradient = gradient_of(s);
    if (gradient >= 0) {
      const int dy = program_.steps[at(gradient)].inputs[1];
      const auto inner = masked(dy, "greater", r, 0);
      const auto d = inner ? masked(*inner, "less_equal", r, 6) : std::nullopt;
      if (!d || reads_[at(r)] != 3 || reads_[at(dy)] != 1) return false;
      set_activation(program_.steps[at(gradient)], "relu6", *d);
    } else if (reads_[at(r)] != 1) {
      return false;
    }
    program_.steps[s].attributes.set("activation", std::string("relu6"));
    gone_[relu] = true;
    take_result(s, at(minimum));
    return true;
  }

  void fuse_shortcut(std::size_t s, std::size_t add) {
    const Step& sum = program_.steps[add];
    const int y = program_.steps[s].outputs[0];
    const int shortcut = sum.inputs[0] == y ? sum.inputs[1] : sum.inputs[0];
    if (shortcut == y || !(spec(shortcut) == spec(y)) || !defined_before(shortcut, s)) return;
    const int relu = only_reader(sum.outputs[0], "relu");
    Step& step = program_.steps[s];
    step.operation = &operation_named("batch_normalization_add");
    step.inputs.push_back(shortcut);
    step.attributes.set("activation", std::string(relu >= 0 ? "relu" : "none"));
    if (relu >= 0) gone_[add] = true;
    take_result(s, relu >= 0 ? at(relu) : add);
  }

  bool defined_before(int slot, std::size_t s) const {
    return program_.slots[at(slot)].kind != SlotKind::step || (maker_[at(slot)] >= 0 && at(maker_[at(slot)]) < s);
  }

  static void set_activation(Step& gradient, const char* activation, int upstream) {
    gradient.attributes.set("activation", std::string(activation));
    gradient.inputs[1] = upstream;
  }

  // Step s gives what the later step gave, which goes.
  void take_result(std::size_t s, std::size_t last) {
    program_.steps[s].outputs[0] = program_.steps[last].outputs[0];
    gone_[last] = true;
  }

  Program program_;
  std::vector<int> reads_;
  std::vector<int> only_reader_;
  std::vector<int> maker_;  // slot → step; −1 if none
  std::vector<bool> gone_;
};

}  // namespace

Program norm_fusion(Program program) { return NormFusion(std::move(program)).run(); }

}  // namespace addax::passes
