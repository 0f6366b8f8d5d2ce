// Into how many tasks the work of a product or a convolution is cut. By its size alone: the bits of a result must not
// depend on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

namespace addax::kernels {

// Work that is worth a thread that is awake: some 5 µs, of which handing it over takes 0.3.
inline constexpr std::int64_t kLeastTaskFlops = std::int64_t{1} << 19;
// Work of a task where there is plenty: some 20 µs. Smaller tasks share less of what they read.
inline constexpr std::int64_t kTaskFlops = std::int64_t{1} << 21;

// A single sample's layers, of 2 to 8 MFLOP each, are cut into four, so that two or four threads have something to do.
inline std::int64_t wanted_tasks(std::int64_t flops, std::int64_t most) {
  const std::int64_t few = std::clamp<std::int64_t>(flops / kLeastTaskFlops, 1, 4);
  return std::clamp<std::int64_t>(flops / kTaskFlops, few, std::max(few, most));
}

}  // namespace addax::kernels
