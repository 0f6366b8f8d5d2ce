// What one element-wise step, or a fused list of them, does to the result of a product or a convolution becomes the
// product's tail: its kernel runs the list on each finished block, so that the result crosses memory once.
#include <algorithm>
#include <string_view>

#include "ops/fused.h"
#include "program/passes/passes.h"

namespace addax::passes {
namespace {

using kernels::Opcode;

// Operations with a tail, and the same operation without one.
struct Tailed {
  std::string_view plain, tailed;
};
constexpr Tailed kTailed[] = {{"matmul", "matmul_epilogue"},
                              {"conv", "conv_epilogue"},
                              {"conv_data_gradient", "conv_data_gradient_epilogue"},
                              {"depthwise_conv", "depthwise_conv_epilogue"}};

class TailFusion {
 public:
  explicit TailFusion(Program program) : program_(std::move(program)), reads_(count_reads(program_)) {
    maker_.assign(program_.slots.size(), -1);
    assigned_.assign(program_.slots.size(), false);
    for (const Assignment& a : program_.assignments) assigned_[at(a.slot)] = true;
  }

  // Steps are taken in order; an element-wise one joins the product that made one of its operands if it can.
  Program run() {
    std::vector<Step> steps = std::move(program_.steps);
    for (Step& step : steps)
      if (!join(step)) append(std::move(step));
    program_.steps.clear();
    for (std::size_t s = 0; s < done_.size(); ++s)
      if (!moved_[s]) program_.steps.push_back(std::move(done_[s]));
    return compact(program_);
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  static bool is(const Step& step, std::string_view name) { return step.operation->name == name; }
  const Spec& spec(int slot) const { return program_.slots[at(slot)].spec; }

  void append(Step step) {
    for (const int output : step.outputs) maker_[at(output)] = static_cast<int>(done_.size());
    done_.push_back(std::move(step));
    moved_.push_back(false);
  }

  static const Operation* tailed(const Step& step) {
    for (const Tailed& t : kTailed)
      if (is(step, t.plain) || (is(step, t.tailed) && step.attributes.integers("tail_steps").empty()))
        return &operation_named(t.tailed);
    return nullptr;
  }

  // The steps as a list: what `fused` has, or a list of one.
  struct List {
    std::vector<int> operands;
    std::vector<std::int64_t> steps, outputs;
    std::vector<double> immediates;
  };
  std::optional<List> list_of(const Step& step) const {
    const auto is_half_slot = [&](int slot) { return is_half(spec(slot).dtype); };
    if (std::any_of(step.inputs.begin(), step.inputs.end(), is_half_slot) ||
        std::any_of(step.outputs.begin(), step.outputs.end(), is_half_slot))
      return std::nullopt;
    if (is(step, "fused"))
      return List{step.inputs, step.attributes.integers("steps"), step.attributes.integers("outputs"),
                  step.attributes.numbers("immediates")};
    const auto opcode = ops::fused_opcode(step.operation->name);
    const auto is_float = [&](int slot) { return spec(slot).dtype == DType::float32; };
    if (!opcode || !step.operation->traits.elementwise || step.outputs.size() != 1 || !is_float(step.outputs[0]) ||
        !std::all_of(step.inputs.begin(), step.inputs.end(), is_float))
      return std::nullopt;
    List list{{}, {static_cast<std::int64_t>(*opcode), 0, 0, 0}, {}, {}};
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      auto found = std::find(list.operands.begin(), list.operands.end(), step.inputs[i]);
      list.steps[1 + i] = found - list.operands.begin();
      if (found == list.operands.end()) list.operands.push_back(step.inputs[i]);
    }
    list.outputs = {static_cast<std::int64_t>(list.operands.size()), 0};
    return list;
  }

  // The operand whose maker takes the list as its tail: the one made last, whose shape all results have.
  int operand_of(const Step& step, const List& list) const {
    int best = -1;
    for (std::size_t k = 0; k < list.operands.size(); ++k) {
      const int maker = maker_[at(list.operands[k])];
      if (maker < 0 || moved_[at(maker)] || spec(list.operands[k]) != Spec{DType::float32, spec(step.outputs[0]).dims})
        continue;
      if (tailed(done_[at(maker)]) == nullptr || done_[at(maker)].outputs.size() != 1) continue;
      if (best < 0 || maker > maker_[at(list.operands[at(best)])]) best = static_cast<int>(k);
    }
    return best;
  }

  // New values of variables are written over the old ones by a step of its own, but would have to be copied from a
  // product: an optimizer's update as a tail moves more bytes than it saves.
  bool updates_state(const Step& step) const {
    return std::any_of(step.outputs.begin(), step.outputs.end(), [&](int slot) { return assigned_[at(slot)]; });
  }

  bool join(const Step& step) {
    if (updates_state(step)) return false;
    const std::optional<List> list = list_of(step);
    const int first = list ? operand_of(step, *list) : -1;
    if (first < 0) return false;
    const int result = list->operands[at(first)], maker = maker_[at(result)];
    const bool alone = reads_[at(result)] == 1;
    // Read by others too, the product stays where it is, and what the tail reads must be there by then.
    const auto there = [&](int slot) { return maker_[at(slot)] <= maker; };
    if (!alone && !std::all_of(list->operands.begin(), list->operands.end(), there)) return false;
    const bool has_float = std::any_of(step.outputs.begin(), step.outputs.end(),
                                       [&](int slot) { return spec(slot).dtype == DType::float32; });
    if (alone && !has_float) return false;
    Step product = with_tail(done_[at(maker)], *list, first, step.outputs, alone);
    if (alone) {
      moved_[at(maker)] = true;
      append(std::move(product));
    } else {
      for (const int output : product.outputs) maker_[at(output)] = maker;
      done_[at(maker)] = std::move(product);
    }
    return true;
  }

  Step with_tail(Step product, const List& list, int first, const std::vector<int>& outputs, bool alone) const {
    const int result = product.outputs[0];
    product.operation = tailed(product);
    product.attributes = normalize(*product.operation, std::move(product.attributes));
    // The result becomes operand 0; the others keep their order.
    const auto renumbered = [&](std::int64_t value) -> std::int64_t {
      return value == first ? 0 : value < first ? value + 1 : value;
    };
    std::vector<std::int64_t> steps = list.steps;
    for (std::size_t i = 0; i < steps.size(); i += 4) {
      const int used = kernels::arity(static_cast<Opcode>(steps[i]));
      for (int k = 1; k <= used; ++k) steps[i + at(k)] = renumbered(steps[i + at(k)]);
    }
    for (std::size_t k = 0; k < list.operands.size(); ++k)
      if (static_cast<int>(k) != first) product.inputs.push_back(list.operands[k]);
    product.attributes.set("tail_steps", steps);
    product.attributes.set("tail_immediates", list.immediates);
    product.attributes.set("tail_outputs", list.outputs);
    product.attributes.set("tail_keep", !alone);
    product.outputs = outputs;
    if (!alone) product.outputs.push_back(result);
    return product;
  }

  Program program_;
  std::vector<int> reads_;
  std::vector<int> maker_;      // slot → step of done_; −1 if none
  std::vector<bool> assigned_;  // slots whose values become a variable's
  std::vector<Step> done_;
  std::vector<bool> moved_;  // steps of done_ that stand further down, with a tail
};

}  // namespace

Program tail_fusion(Program program) { return TailFusion(std::move(program)).run(); }

}  // namespace addax::passes
