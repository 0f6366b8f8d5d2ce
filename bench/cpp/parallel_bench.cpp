// The cost of parallel regions: back to back, after idleness, and with small and large bodies. Run twice at once to see
// how processes that compete for processors treat each other.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <thread>
#include <vector>

#include "base/parallel.h"

namespace {

using addax::parallel_for;

// Two chunks that do next to nothing: what is left is the region itself.
void empty_region(benchmark::State& state) {
  for (auto _ : state) parallel_for(2, 1, [](std::int64_t first, std::int64_t) { benchmark::DoNotOptimize(first); });
}
BENCHMARK(empty_region)->UseRealTime();

// About `range` microseconds of arithmetic in 16 chunks; "gain" is the time of one thread over this time.
void spin(std::int64_t units) {
  double x = 1;
  for (std::int64_t i = 0; i < units; ++i) benchmark::DoNotOptimize(x = std::sqrt(x + 1));
}
std::int64_t units_per_microsecond() {
  static const std::int64_t units = [] {
    const auto begin = std::chrono::steady_clock::now();
    spin(1 << 20);
    const double us = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
    return static_cast<std::int64_t>((1 << 20) / us);
  }();
  return units;
}
void working_region(benchmark::State& state) {
  const std::int64_t units = units_per_microsecond() * state.range(0) / 16;
  double worst = 0;
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    parallel_for(16, 1, [&](std::int64_t first, std::int64_t last) { spin(units * (last - first)); });
    worst =
        std::max(worst, std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  state.counters["worst_us"] = worst;
  state.counters["gain"] =
      benchmark::Counter(static_cast<double>(state.range(0)) * 1e-6 * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}
BENCHMARK(working_region)->Arg(20)->Arg(100)->Arg(1000)->UseRealTime();

// A region of 100 µs after 20 ms of sleep: helpers must wake up.
void after_idleness(benchmark::State& state) {
  const std::int64_t units = units_per_microsecond() * 100 / 16;
  for (auto _ : state) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto begin = std::chrono::steady_clock::now();
    parallel_for(16, 1, [&](std::int64_t first, std::int64_t last) { spin(units * (last - first)); });
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
}
BENCHMARK(after_idleness)->UseManualTime()->Iterations(50);

}  // namespace
