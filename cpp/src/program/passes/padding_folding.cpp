// A frame of zeros around the image of a convolution becomes the convolution's own padding, and the cropping of its
// image's gradient goes into the gradient's shape: the padded image is never made.
//
//   conv(pad(x), w)  →  conv(x, w), explicit pads      pad(conv_data_gradient(dy, w), -low, -high)  →  the same,
//   smaller
#include <optional>
#include <string_view>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

// Low and high for each spatial axis in turn, as convolutions have them.
using Pads = std::vector<std::int64_t>;

// What `pad` adds to spatial axes alone, zeros of a known number; negative where it crops.
std::optional<Pads> spatial_pads(const Step& pad) {
  if (pad.attributes.string("mode") != "constant" || pad.attributes.number("value") != 0) return std::nullopt;
  const Dims &low = pad.attributes.dims("low"), &high = pad.attributes.dims("high");
  if (low.size() < 3 || !all_known(low) || !all_known(high)) return std::nullopt;
  for (const std::size_t fixed : {std::size_t{0}, low.size() - 1})
    if (!(low[fixed] == 0) || !(high[fixed] == 0)) return std::nullopt;
  Pads pads;
  for (std::size_t d = 1; d + 1 < low.size(); ++d) pads.insert(pads.end(), {low[d].value(), high[d].value()});
  return pads;
}

bool none_negative(const Pads& pads) {
  for (const std::int64_t p : pads)
    if (p < 0) return false;
  return true;
}

bool is_any(const Step& step, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    if (step.operation->name == name) return true;
  return false;
}

// Adds to the padding of a convolution; not to "same", which depends on the image's size.
bool add_pads(Step& step, const Pads& pads) {
  const std::string& padding = step.attributes.string("padding");
  if (padding == "same") return false;
  Pads sum = padding == "explicit" ? step.attributes.integers("pads") : Pads(pads.size(), 0);
  if (sum.size() != pads.size()) return false;
  for (std::size_t i = 0; i < pads.size(); ++i) sum[i] += pads[i];
  step.attributes.set("padding", std::string("explicit"));
  step.attributes.set("pads", sum);
  return true;
}

}  // namespace

Program padding_folding(Program program) {
  const std::vector<int> reads = count_reads(program);
  std::vector<int> maker(program.slots.size(), -1), replacement(program.slots.size());
  for (std::size_t i = 0; i < replacement.size(); ++i) replacement[i] = static_cast<int>(i);
  const auto at = [](int i) { return static_cast<std::size_t>(i); };
  const auto maker_of = [&](int slot) -> Step* {
    return maker[at(slot)] < 0 ? nullptr : &program.steps[at(maker[at(slot)])];
  };
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    Step& step = program.steps[s];
    if (step.outputs.size() != 1) continue;
    maker[at(step.outputs[0])] = static_cast<int>(s);
    if (is_any(step, {"conv", "depthwise_conv", "conv_kernel_gradient", "depthwise_conv_kernel_gradient"})) {
      const Step* const pad = maker_of(step.inputs[0]);
      if (pad == nullptr || !is_any(*pad, {"pad"})) continue;
      const std::optional<Pads> pads = spatial_pads(*pad);
      if (pads && none_negative(*pads) && add_pads(step, *pads)) step.inputs[0] = pad->inputs[0];
    } else if (is_any(step, {"pad"})) {
      const int image = step.inputs[0];
      Step* const gradient = maker_of(image);
      if (gradient == nullptr || reads[at(image)] != 1 ||
          !is_any(*gradient, {"conv_data_gradient", "depthwise_conv_data_gradient"}))
        continue;
      std::optional<Pads> pads = spatial_pads(step);
      if (!pads) continue;
      for (std::int64_t& p : *pads) p = -p;
      if (!none_negative(*pads) || !add_pads(*gradient, *pads)) continue;
      const int cropped = step.outputs[0];
      program.slots[at(image)].spec = program.slots[at(cropped)].spec;
      gradient->attributes.set("shape", program.slots[at(cropped)].spec.dims);
      replacement[at(cropped)] = image;
    }
  }
  replace_slots(program, replacement);
  return dead_code(std::move(program));
}

}  // namespace addax::passes
