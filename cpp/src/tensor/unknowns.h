// What a symbolic size is made of.
#pragma once

#include <string_view>

#include "addax/shape.h"

namespace addax {

// Whether the size depends on the unknown of this name.
bool mentions(const Dim& dim, std::string_view unknown);

}  // namespace addax
