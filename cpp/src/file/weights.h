// The manifest and its bytes: specs in order, data back to back, little-endian (TF.js's layout, model-formats of TF.js
// 4.22). Quantized entries (uint8, uint16: value · scale + min in double; float16) become what they stand for.
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

// The bytes of one weights file and the manifest that describes it.
std::vector<std::uint8_t> pack_weights(const std::vector<NamedTensor>& weights);
Json weights_manifest(const std::vector<NamedTensor>& weights, const std::string& file_name);

}  // namespace addax::file
