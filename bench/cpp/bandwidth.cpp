#include "bandwidth.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <vector>

#include "base/parallel.h"

namespace bench {
namespace {

using addax::parallel_for;

constexpr std::int64_t kLarge = std::int64_t{1} << 26;

double best_seconds(const std::function<void()>& work) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

float* large_array() {
  static std::vector<float> x(static_cast<std::size_t>(kLarge), 0.5f);
  return x.data();
}

double read_bandwidth() {
  static const double rate = [] {
    const auto* words = reinterpret_cast<const std::uint64_t*>(large_array());
    const double seconds = best_seconds([&] {
      parallel_for(kLarge / 2, 1 << 20, [&](std::int64_t first, std::int64_t last) {
        std::uint64_t mixed = 0;
        for (std::int64_t i = first; i < last; ++i) mixed |= words[i];
        benchmark::DoNotOptimize(mixed);
      });
    });
    return 4.0 * static_cast<double>(kLarge) / seconds;
  }();
  return rate;
}

double copy_bandwidth() {
  static const double rate = [] {
    const std::int64_t half = kLarge / 2;
    float* x = large_array();
    const double seconds = best_seconds([&] {
      parallel_for(half, 1 << 18, [&](std::int64_t first, std::int64_t last) {
        std::memcpy(x + half + first, x + first, static_cast<std::size_t>(last - first) * 4);
      });
    });
    return 4.0 * static_cast<double>(kLarge) / seconds;
  }();
  return rate;
}

void report_bytes(benchmark::State& state, double bytes, double bandwidth) {
  const double total = bytes * static_cast<double>(state.iterations());
  state.counters["GB/s"] = benchmark::Counter(total / 1e9, benchmark::Counter::kIsRate);
  state.counters["%bandwidth"] = benchmark::Counter(100 * total / bandwidth, benchmark::Counter::kIsRate);
}

}  // namespace bench
