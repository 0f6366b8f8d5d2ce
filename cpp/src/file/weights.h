// The manifest and its bytes: specs in order, data back to back, little-endian (TF.js's layout, model-formats of TF.js
// 4.22). Quantized entries become what they stand for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "addax/model_file.h"
#include "file/files.h"
#include "file/json.h"

namespace addax::file {

// The bytes of the weights file of that name, which went through check_relative, at most `limit`; throws Error if it
// cannot be had.
using FindShard = std::function<Bytes(const std::string& name, std::int64_t limit)>;

// Whether weights have memory of their own, or are the bytes of their file where these stand as in memory.
enum class Memory { own, borrowed };

// The weights, and the files that they were read from.
struct ReadWeights {
  std::vector<NamedTensor> weights;
  std::vector<Bytes> files;
};
ReadWeights read_weights(const Json& manifest, const FindShard& find, Memory memory);

// The bytes of the weights, and the specs of the manifest that describe them.
struct Packed {
  std::vector<std::uint8_t> bytes;
  Json specs;
};
Packed pack_weights(const std::vector<NamedTensor>& weights, Quantize quantize);

}  // namespace addax::file
