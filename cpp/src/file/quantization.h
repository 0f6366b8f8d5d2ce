// Weights as codes: uint8 and uint16 stand for `code · scale + min` in double (JavaScript's numbers are doubles),
// float16 for itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "addax/model_file.h"
#include "file/json.h"

namespace addax::file {

struct Quantization {
  Quantize kind;
  double scale = 1, min = 0;

  std::int64_t item() const { return kind == Quantize::uint8 ? 1 : 2; }  // bytes of a code
};

// A manifest's record for a weight of that dtype; throws Error(value) if it makes no sense.
Quantization read_quantization(const Json& json, DType dtype, std::string_view what);
Json to_json(const Quantization& quantization);

// How the `tensorflowjs` converter (4.22) would store a weight: min to max, moved so that zero, which padding and ReLU
// give, stays exact; nothing for what is not float32 or no weight of the model. Throws Error(value) for numbers that no
// code can stand for.
std::optional<Quantization> choose_quantization(const NamedTensor& weight, Quantize kind);

void encode(const Tensor& tensor, const Quantization& quantization, std::uint8_t* codes);
// Fills a float32 or int32 tensor.
void decode(const std::uint8_t* codes, const Quantization& quantization, const Tensor& tensor);

}  // namespace addax::file
