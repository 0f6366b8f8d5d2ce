// conv_chain: convolutions and depthwise convolutions of two spatial axes, each of which reads the result of the one
// before it and nobody else does. They are computed band by band of rows: what lies between two stages is some
// rows in the cache and never a whole image in memory.
//
// Inputs: the image; for each stage its weights, packed if they are for conv, and its bias if it has one; the operands
// of the last stage's tail.
#pragma once

#include <span>
#include <vector>

#include "kernels/activation.h"
#include "kernels/conv.h"

namespace addax::ops {

// One stage: kNumbers numbers of the attribute `stages`. Pairs are of rows and columns.
struct Stage {
  enum class Work : std::int64_t { conv, depthwise };
  static constexpr std::size_t kNumbers = 14;

  Work work = Work::conv;
  std::int64_t out[2] = {}, channels = 0;  // of the result
  std::int64_t window[2] = {}, stride[2] = {}, dilation[2] = {}, pad[2] = {};
  bool bias = false;
  kernels::Activation activation = kernels::Activation::none;

  // Rows of the image that a row of the result sees.
  std::int64_t reach() const { return (window[0] - 1) * dilation[0] + 1; }
};

// Whether a chain can run the stage on images of `rows` × `columns`: every window, the outermost ones too, must see
// some of the image, for bands of an image have rows of their own to read. A convolution may have pads that are wider.
bool fits(const Stage& stage, std::int64_t rows, std::int64_t columns);

Stage stage_of(Stage::Work work, const kernels::ConvShape& shape, bool bias, kernels::Activation activation);

std::vector<std::int64_t> encode(std::span<const Stage> stages);
std::vector<Stage> decode(std::span<const std::int64_t> numbers);

}  // namespace addax::ops
