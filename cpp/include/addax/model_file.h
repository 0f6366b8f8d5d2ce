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

struct ModelFile {
  /// The whole model.json but `weightsManifest` and the programs, as JSON text.
  std::string json;
  std::vector<NamedTensor> weights;  ///< as in the manifest; quantized ones as the floats that they stand for
  std::map<std::string, ProgramPtr> programs;
};

/// Writes `folder/model.json` and a weights file named by its digest. Throws Error(io) with the path and the reason;
/// the old files then stay as they were.
void write_model(const std::string& folder, const ModelFile& model);

/// Reads a folder, or its model.json. Programs' variables are the weights, by name; each weight becomes one variable
/// that all programs share. Throws Error(value) that names what is wrong, Error(io) if a file cannot be opened.
struct LoadedModel {
  std::string json;  ///< the whole model.json
  std::vector<NamedTensor> weights;
  std::map<std::string, ProgramPtr> programs;
};
LoadedModel read_model(const std::string& path, bool with_programs = false);  ///< weights are in memory of their own

}  // namespace addax
