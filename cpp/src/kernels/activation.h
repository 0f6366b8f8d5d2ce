// Activations that a matrix product or convolution applies to its outputs while they are in registers.
#pragma once

namespace addax::kernels {

enum class Activation { none, relu, relu6 };

}  // namespace addax::kernels
