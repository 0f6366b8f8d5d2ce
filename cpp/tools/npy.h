// NumPy's .npy files: one array each. Little-endian, row-major.
#pragma once

#include <string>

#include "addax/tensor.h"

namespace addax::tools {

// Throws Error(io) if the file cannot be read, Error(value) that says what is wrong in it; nothing is allocated that
// the file's size does not justify.
Tensor read_npy(const std::string& path);

// Throws Error(io).
void write_npy(const std::string& path, const Tensor& tensor);

}  // namespace addax::tools
