// The model folder: `model.json`, a TF.js layers-model, and one binary file of weights.
//
// Reading trusts nothing: JSON is bounded and strict, weight files are opened below the folder only and must have
// exactly the bytes that the manifest declares, programs pass through the shape rules. Writing is safe against a kill
// at any moment: the weights go under a new name, model.json is replaced by a rename and is what counts, the old
// weights go last.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "addax/export.h"
#include "addax/program.h"

namespace ADDAX_API addax {

struct NamedTensor {
  std::string name;
  Tensor tensor;
  std::string group;  ///< "" for the model's weights, "optimizer" for the optimizer's state
};

/// How a file keeps float32 weights: as they are, or in the codes of the `tensorflowjs` converter, of 8 or 16 bits.
enum class Quantize { none, uint8, uint16, float16 };

struct ModelFile {
  /// The whole model.json but `weightsManifest` and the programs, as JSON text.
  std::string json;
  std::vector<NamedTensor> weights;  ///< as in the manifest; quantized ones as the floats that they stand for
  std::map<std::string, ProgramPtr> programs;
  Quantize quantize = Quantize::none;  ///< of the model's weights; the optimizer's state stays exact
  std::int64_t shard_bytes = 0;        ///< weights files are no larger; 0: there is one
};

/// Writes `folder/model.json` and weights files named by their digest. Throws Error(io) with the path and the reason;
/// the old files then stay as they were.
void write_model(const std::string& folder, const ModelFile& model);

/// What a file that quantizes makes of a weight: float32 loses precision, all else stays. Throws Error(value) for
/// numbers that have no code.
Tensor quantized(const NamedTensor& weight, Quantize kind);

/// Reads a folder, or its model.json. Programs' variables are the weights, by name; each weight becomes one variable
/// that all programs share. Throws Error(value) that names what is wrong, Error(io) if a file cannot be opened.
struct LoadedModel {
  std::string json;  ///< the whole model.json
  std::vector<NamedTensor> weights;
  std::map<std::string, ProgramPtr> programs;
};
LoadedModel read_model(const std::string& path, bool with_programs = false);  ///< weights are in memory of their own

}  // namespace addax
