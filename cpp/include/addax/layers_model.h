// Models of TensorFlow.js in a native app, as TensorFlow.js or its converter wrote them.
//
//   const addax::Model model = addax::load_layers_model("mobilenet/model.json");
//   const addax::Tensor y = model.predict(x);
//
// Their files describe layers. What Addax writes holds programs besides, which need no layers: where there is a choice,
// save with Addax and load with Model::load. Only an app that calls these functions links the layers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "addax/export.h"
#include "addax/model.h"
#include "addax/status.h"

namespace ADDAX_API addax {

#ifndef ADDAX_NO_EXCEPTIONS
/// The folder with a model.json, or the JSON file. A file that holds programs is loaded as Model::load does; of others
/// the layers of its topology are recorded as operations, for prediction alone: such a model does not train or stream,
/// and stateful layers keep their states while the model lives. `save` writes the topology as it was, with the present
/// weights. Sizes that the file leaves open stay open, dtypes are the file's (TensorFlow.js says float32 of ids, too).
/// Weights are mapped as by Model::load; quantized ones become floats.
///
/// Throws Error(io) if a file cannot be opened; Error(value) for a graph model, and that names the place if the
/// topology does not fit together or to the weights; Error(unsupported) that names the layer for a class or option that
/// is not known here (Python knows more, and `addax convert` writes what Model::load takes).
Model load_layers_model(const std::string& path);
/// The text of model.json and the bytes of the weights files one after the other, borrowed as by Model::load.
Model load_layers_model(std::string_view json, std::span<const std::uint8_t> weights);
#endif
Expected<Model> try_load_layers_model(const std::string& path) noexcept;
Expected<Model> try_load_layers_model(std::string_view json, std::span<const std::uint8_t> weights) noexcept;

}  // namespace addax
