// The tail of a convolution whose result is not finished block by block: a pass of its own.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/parallel.h"
#include "kernels/tail.h"

namespace addax::kernels::ADDAX_ISA_NS {

inline void run_whole_tail(const Tail& tail, std::int64_t rows, std::int64_t row_length) {
  constexpr std::int64_t kBlock = 1 << 13;  // elements: 32 KB
  const std::int64_t grain = std::max<std::int64_t>(1, kBlock / std::max<std::int64_t>(1, row_length));
  parallel_for(rows, grain, [&](std::int64_t first, std::int64_t last) {
    run_tail(tail, row_length, first, last - first, 0, row_length);
  });
}

}  // namespace addax::kernels::ADDAX_ISA_NS
