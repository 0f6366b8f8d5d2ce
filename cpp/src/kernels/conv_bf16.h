// Convolutions of bfloat16; conv.cpp puts them into the table.
#pragma once

#include "kernels/conv.h"

namespace addax::kernels::ADDAX_ISA_NS {

ConvFunctions<BrainHalf> bf16_convolutions();

}  // namespace addax::kernels::ADDAX_ISA_NS
