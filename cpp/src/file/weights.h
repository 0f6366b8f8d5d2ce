// The manifest and its bytes: specs in order, data back to back, little-endian (TF.js's layout, model-formats of TF.js
// 4.22). Quantized entries (uint8, uint16: value · scale + min in double; float16) become what they stand for.
#pragma once

#include <vector>

#include "addax/model_file.h"
#include "file/files.h"
#include "file/json.h"

namespace addax::file {

std::vector<NamedTensor> read_weights(const Json& manifest, const Folder& folder);

// The bytes of one weights file and the manifest that describes it.
std::vector<std::uint8_t> pack_weights(const std::vector<NamedTensor>& weights);
Json weights_manifest(const std::vector<NamedTensor>& weights, const std::string& file_name);

}  // namespace addax::file
