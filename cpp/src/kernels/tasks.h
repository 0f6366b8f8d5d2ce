// Into how many tasks the work of a product or a convolution is cut. By its size alone: the bits of a result must not
// depend on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

namespace addax::kernels {

// Work that is worth a thread that is awake: some 2 µs, of which handing it over takes 0.2.
inline constexpr std::int64_t kLeastTaskFlops = std::int64_t{3} << 16;
// Work of a task where there is plenty: some 20 µs. Smaller tasks share less of what they read.
inline constexpr std::int64_t kTaskFlops = std::int64_t{1} << 21;

// A single sample's layers, of up to 8 MFLOP each, are cut into four or two, so that two or four threads have as much
// to do: three tasks would leave one of two threads idle for a quarter of the time.
inline std::int64_t wanted_tasks(std::int64_t flops, std::int64_t most) {
  const std::int64_t worth = flops / kLeastTaskFlops, few = worth >= 4 ? 4 : worth >= 2 ? 2 : 1;
  return std::clamp<std::int64_t>(flops / kTaskFlops, few, std::max(few, most));
}

}  // namespace addax::kernels
