// The whole model of a topology.
#pragma once

#include "layers/layer.h"

namespace addax::layers {

struct NamedSpec {
  std::string name;
  Spec spec;
};

// Inputs of a Sequential, Functional or Model entry. Throws Error(value) if the file does not say their shapes.
std::vector<NamedSpec> inputs_of(const Layer& model);
std::vector<std::string> output_names_of(const Layer& model, std::size_t count);

}  // namespace addax::layers
