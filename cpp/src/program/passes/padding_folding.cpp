// Zeros around an image before a convolution become the convolution's own padding, and what is cut off its gradients
// is never computed:
//
//   conv(pad(x), w)                      →  conv(x, w) with pads
//   conv_kernel_gradient(pad(x), dy)     →  conv_kernel_gradient(x, dy) with pads
//   crop(conv_data_gradient(dy, w))      →  conv_data_gradient(dy, w) of the smaller image, with pads
//
// and the same for depthwise convolutions. A crop is a pad by less than nothing: so is the gradient of `pad` written.
#include <optional>
#include <string_view>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

using Pads = std::vector<std::int64_t>;  // low, high for each spatial axis in turn

class PaddingFolding {
 public:
  explicit PaddingFolding(Program program) : program_(std::move(program)), reads_(count_reads(program_)) {
    maker_.assign(program_.slots.size(), -1);
  }

  Program run() {
    for (std::size_t s = 0; s < program_.steps.size(); ++s) {
      Step& step = program_.steps[s];
      for (const int output : step.outputs) maker_[at(output)] = static_cast<int>(s);
      if (reads_image(step)) read_unpadded(step);
      if (is(step, "pad")) compute_less(step);
    }
    return changed_ ? dead_code(std::move(program_)) : std::move(program_);
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  static bool is(const Step& step, std::string_view name) { return step.operation->name == name; }
  const Dims& dims(int slot) const { return program_.slots[at(slot)].spec.dims; }
  Step* made_by(int slot) { return maker_[at(slot)] < 0 ? nullptr : &program_.steps[at(maker_[at(slot)])]; }

  static bool reads_image(const Step& step) {
    return is(step, "conv") || is(step, "depthwise_conv") || is(step, "conv_kernel_gradient") ||
           is(step, "depthwise_conv_kernel_gradient");
  }

  // What the pad adds around an image, or cuts off it with sign −1; nothing unless that is known and spatial zeros.
  static std::optional<Pads> pads_of(const Step& pad, std::int64_t sign) {
    if (pad.attributes.string("mode") != "constant" || pad.attributes.number("value") != 0) return std::nullopt;
    const Dims &low = pad.attributes.dims("low"), &high = pad.attributes.dims("high");
    Pads pads;
    for (std::size_t d = 0; d < low.size(); ++d) {
      if (!low[d].known() || !high[d].known()) return std::nullopt;
      const std::int64_t before = sign * low[d].value(), after = sign * high[d].value();
      const bool spatial = d != 0 && d + 1 != low.size();
      if (before < 0 || after < 0 || (!spatial && (before != 0 || after != 0))) return std::nullopt;
      if (spatial) pads.insert(pads.end(), {before, after});
    }
    return pads;
  }

  // Adds to the pads that the convolution has already; not if those depend on the image's size.
  static bool add_pads(Step& step, const Pads& pads) {
    const std::string& padding = step.attributes.string("padding");
    if (padding == "same") return false;
    Pads sum = pads;
    if (padding == "explicit")
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += step.attributes.integers("pads")[i];
    step.attributes.set("padding", std::string("explicit"));
    step.attributes.set("pads", sum);
    return true;
  }

  void read_unpadded(Step& step) {
    const Step* const pad = made_by(step.inputs[0]);
    if (pad == nullptr || !is(*pad, "pad")) return;
    const auto pads = pads_of(*pad, 1);
    if (!pads || !add_pads(step, *pads)) return;
    step.inputs[0] = pad->inputs[0];
    changed_ = true;
  }

  void compute_less(Step& crop) {
    const int image = crop.inputs[0];
    Step* const gradient = made_by(image);
    if (gradient == nullptr || reads_[at(image)] != 1 ||
        !(is(*gradient, "conv_data_gradient") || is(*gradient, "depthwise_conv_data_gradient")))
      return;
    const auto pads = pads_of(crop, -1);
    if (!pads || !add_pads(*gradient, *pads)) return;
    Step smaller = *gradient;
    smaller.attributes.set("shape", dims(crop.outputs[0]));
    smaller.outputs = crop.outputs;
    crop = std::move(smaller);
    changed_ = true;
  }

  Program program_;
  std::vector<int> reads_;
  std::vector<int> maker_;  // slot → step, −1 if none
  bool changed_ = false;
};

}  // namespace

Program padding_folding(Program program) { return PaddingFolding(std::move(program)).run(); }

}  // namespace addax::passes
