// Arithmetic of sizes.
#pragma once

#include <cstdint>

namespace addax::kernels::ADDAX_ISA_NS {

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace addax::kernels::ADDAX_ISA_NS
