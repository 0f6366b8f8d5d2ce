// A product or convolution with fixed weights, then arithmetic with fixed vectors along its channels: a bias, or batch
// normalization at inference, (x − mean) · factor + offset. All of it is y = product · S + T, so S goes into the
// weights and T becomes the bias:
//
//   multiply(conv(x, w), s)  →  conv(x, w · s)
//
// "Fixed" means state alone: the prologue computes the folded weights, once for as long as the state stays.
#include <optional>
#include <string_view>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

class AffineFolding {
 public:
  explicit AffineFolding(Program program)
      : program_(std::move(program)), state_(state_only(program_)), only_reader_(only_readers(program_)) {
    gone_.assign(program_.steps.size(), false);
  }

  Program run() {
    for (std::size_t s = 0; s < program_.steps.size(); ++s)
      if (is_product(program_.steps[s])) fold(s);
    if (added_.empty()) return std::move(program_);
    // What depends on state alone comes first, so that folded weights are there when their product runs.
    std::vector<Step> first, rest;
    for (std::size_t s = 0; s < program_.steps.size(); ++s)
      if (!gone_[s]) (state_[at(program_.steps[s].outputs[0])] ? first : rest).push_back(std::move(program_.steps[s]));
    program_.steps = std::move(first);
    std::move(added_.begin(), added_.end(), std::back_inserter(program_.steps));
    std::move(rest.begin(), rest.end(), std::back_inserter(program_.steps));
    return dead_code(std::move(program_));
  }

 private:
  // product · scale + shift; −1: a scale of 1, a shift of 0.
  struct Affine {
    int scale = -1, shift = -1;
    int last = -1;  // the last step of the chain
  };

  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  static bool is(const Step& step, std::string_view name) { return step.operation->name == name; }
  const Spec& spec(int slot) const { return program_.slots[at(slot)].spec; }

  // A product along whose result's last axis the weights can be scaled; the weights are fixed.
  bool is_product(const Step& step) const {
    const bool scalable = is(step, "conv") || is(step, "depthwise_conv") ||
                          (is(step, "matmul") && spec(step.inputs[1]).dims.size() == 2) ||
                          (is(step, "conv_data_gradient") && step.attributes.integer("groups") == 1);
    return scalable && state_[at(step.inputs[1])] && !state_[at(step.outputs[0])] &&
           spec(step.outputs[0]).dims.back().known();
  }

  int append(const char* operation, std::vector<int> inputs, const Dims& dims, Attributes attributes = {}) {
    const Spec result{spec(inputs[0]).dtype, dims};
    const int slot = program_.add_slot(result, SlotKind::step, 0);
    state_.push_back(true);
    added_.push_back({&operation_named(operation), std::move(attributes), std::move(inputs), {slot}});
    return slot;
  }

  // A vector of the channels, from an operand that is one along the last axis or a single number.
  std::optional<int> vector_of(int slot, const Dim& channels) {
    const Dims dims = spec(slot).dims;
    if (!state_[at(slot)]) return std::nullopt;
    for (std::size_t d = 0; d + 1 < dims.size(); ++d)
      if (!(dims[d] == 1)) return std::nullopt;
    if (!dims.empty() && !(dims.back() == channels) && !(dims.back() == 1)) return std::nullopt;
    const Dims wanted{channels};
    if (dims == wanted) return slot;
    if (dims.empty() || dims.back() == 1) return append("broadcast_to", {flat(slot)}, wanted, {{"shape", wanted}});
    return append("reshape", {slot}, wanted, {{"shape", wanted}});
  }
  int flat(int slot) {
    return spec(slot).dims.empty() ? slot : append("reshape", {slot}, {Dim(1)}, {{"shape", Dims{Dim(1)}}});
  }

  // The chain of steps on `slot`, each the only reader of the one before.
  Affine chain_of(int slot) {
    Affine affine;
    const Dim channels = spec(slot).dims.back();
    const Dims result = spec(slot).dims, vector{channels};
    for (int reader = only_reader_[at(slot)]; reader >= 0; reader = only_reader_[at(slot)]) {
      const Step& step = program_.steps[at(reader)];
      const bool subtract = is(step, "subtract") && step.inputs[0] == slot;
      if ((!is(step, "add") && !is(step, "multiply") && !subtract) || spec(step.outputs[0]).dims != result) break;
      const std::optional<int> operand = vector_of(step.inputs[0] == slot ? step.inputs[1] : step.inputs[0], channels);
      if (!operand) break;
      if (is(step, "multiply")) {
        affine.scale = affine.scale < 0 ? *operand : append("multiply", {affine.scale, *operand}, vector);
        if (affine.shift >= 0) affine.shift = append("multiply", {affine.shift, *operand}, vector);
      } else if (affine.shift >= 0) {
        affine.shift = append(step.operation->name, {affine.shift, *operand}, vector);
      } else {
        affine.shift = subtract ? append("negative", {*operand}, vector) : *operand;
      }
      affine.last = reader;
      slot = step.outputs[0];
    }
    return affine;
  }

  // The weights times the scale of the channel that each of them contributes to.
  int scaled(const Step& product, int scale) {
    const int weights = product.inputs[1];
    const Dims dims = spec(weights).dims;  // a copy: slots are added below
    const bool rows =
        is(product, "conv_data_gradient") || (is(product, "matmul") && product.attributes.flag("transpose_b"));
    Dims wanted{dims.back()};
    if (rows) wanted = {dims[dims.size() - 2], Dim(1)};
    if (is(product, "depthwise_conv")) wanted = {dims[dims.size() - 2], dims.back()};
    if (wanted != spec(scale).dims) scale = append("reshape", {scale}, wanted, {{"shape", wanted}});
    return append("multiply", {weights, scale}, dims);
  }

  void fold(std::size_t s) {
    const std::size_t before = added_.size();
    const int product = program_.steps[s].outputs[0];
    const Affine affine = chain_of(product);
    if (affine.scale < 0) {
      added_.resize(before);  // a bias alone: nothing to fold
      return;
    }
    program_.steps[s].inputs[1] = scaled(program_.steps[s], affine.scale);
    const int result = program_.steps[at(affine.last)].outputs[0];
    for (int slot = product; slot != result;) {
      const int reader = only_reader_[at(slot)];
      slot = program_.steps[at(reader)].outputs[0];
      gone_[at(reader)] = true;
    }
    if (affine.shift < 0) {
      program_.steps[s].outputs[0] = result;
      return;
    }
    Step& last = program_.steps[at(affine.last)];
    last = {&operation_named("add"), {}, {product, affine.shift}, {result}};
    gone_[at(affine.last)] = false;
  }

  Program program_;
  std::vector<bool> state_;
  std::vector<int> only_reader_;
  std::vector<bool> gone_;   // steps that weights or bias have taken in
  std::vector<Step> added_;  // on state alone
};

}  // namespace

Program affine_folding(Program program) { return AffineFolding(std::move(program)).run(); }

}  // namespace addax::passes
