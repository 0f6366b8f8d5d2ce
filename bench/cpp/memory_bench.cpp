// Kernels that mostly move memory: reductions, softmax, gather. Each row prints GB/s of its useful traffic and what
// part that is of the bandwidth this machine shows in the same run: reading one large array, or copying it, with the
// threads that the kernels use.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#include "base/parallel.h"
#include "kernels/index.h"
#include "kernels/kernels.h"

namespace {

using namespace addax;

constexpr std::int64_t kLarge = std::int64_t{1} << 26;  // floats: 256 MB, beyond every cache

std::vector<float>& large() {
  static std::vector<float> x(static_cast<std::size_t>(kLarge), 0.5f);
  return x;
}

double best_seconds(const std::function<void()>& work) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

double read_bandwidth() {
  static const double rate = [] {
    const auto* words = reinterpret_cast<const std::uint64_t*>(large().data());
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
    float* x = large().data();
    const double seconds = best_seconds([&] {
      parallel_for(half, 1 << 18, [&](std::int64_t first, std::int64_t last) {
        std::memcpy(x + half + first, x + first, static_cast<std::size_t>(last - first) * 4);
      });
    });
    return 4.0 * static_cast<double>(kLarge) / seconds;
  }();
  return rate;
}

void report(benchmark::State& state, double bytes, double bandwidth) {
  const double total = bytes * static_cast<double>(state.iterations());
  state.counters["GB/s"] = benchmark::Counter(total / 1e9, benchmark::Counter::kIsRate);
  state.counters["%bandwidth"] = benchmark::Counter(100 * total / bandwidth, benchmark::Counter::kIsRate);
}

// args: rows, columns, which axes go (1: rows, 2: columns, 3: both)
void sum(benchmark::State& state) {
  const std::int64_t sizes[] = {state.range(0), state.range(1)};
  const bool axes[] = {(state.range(2) & 1) != 0, (state.range(2) & 2) != 0};
  const auto layout = kernels::make_reduce_layout(sizes, axes, 2);
  std::vector<float> out(static_cast<std::size_t>(layout.outputs));
  const float* x = large().data();
  for (auto _ : state) {
    kernels::kernels().reduce.f32.sum(x, out.data(), layout, 1);
    benchmark::DoNotOptimize(out.data());
  }
  report(state, 4.0 * static_cast<double>(sizes[0] * sizes[1]), read_bandwidth());
}

void max(benchmark::State& state) {
  const std::int64_t sizes[] = {state.range(0), state.range(1)};
  const bool axes[] = {(state.range(2) & 1) != 0, (state.range(2) & 2) != 0};
  const auto layout = kernels::make_reduce_layout(sizes, axes, 2);
  std::vector<float> out(static_cast<std::size_t>(layout.outputs));
  const float* x = large().data();
  for (auto _ : state) {
    kernels::kernels().reduce.f32.max(x, out.data(), layout);
    benchmark::DoNotOptimize(out.data());
  }
  report(state, 4.0 * static_cast<double>(sizes[0] * sizes[1]), read_bandwidth());
}

// args: rows, columns
void softmax(benchmark::State& state) {
  const std::int64_t rows = state.range(0), columns = state.range(1), n = rows * columns;
  std::vector<float> y(static_cast<std::size_t>(n));
  const float* x = large().data();
  for (auto _ : state) {
    kernels::kernels().softmax.f32.softmax(x, y.data(), rows, columns, 1);
    benchmark::DoNotOptimize(y.data());
  }
  report(state, 8.0 * static_cast<double>(n), copy_bandwidth());
}

// args: table rows, row width, count
void gather(benchmark::State& state) {
  const std::int64_t size = state.range(0), width = state.range(1), count = state.range(2);
  std::vector<std::int32_t> indices(static_cast<std::size_t>(count));
  std::uint32_t random = 1;
  for (auto& index : indices) {
    random = random * 1664525u + 1013904223u;
    index = static_cast<std::int32_t>(random % static_cast<std::uint32_t>(size));
  }
  std::vector<float> out(static_cast<std::size_t>(count * width));
  const float* x = large().data();
  for (auto _ : state) {
    kernels::gather(x, indices.data(), out.data(), 1, size, count, 4 * width);
    benchmark::DoNotOptimize(out.data());
  }
  report(state, 8.0 * static_cast<double>(count * width), copy_bandwidth());
}

}  // namespace

BENCHMARK(sum)
    ->ArgsProduct({{8192}, {8192}, {1, 2, 3}})
    ->Args({1 << 24, 3, 1})
    ->Args({1 << 22, 10, 2})
    ->Args({128, 128, 1})
    ->Args({128, 128, 2})
    ->UseRealTime();
BENCHMARK(max)->ArgsProduct({{8192}, {8192}, {1, 2, 3}})->UseRealTime();
BENCHMARK(softmax)->Args({128, 10})->Args({1024, 100})->Args({512, 1000})->Args({8192, 4096})->UseRealTime();
BENCHMARK(gather)->Args({10000, 64, 4096})->Args({1 << 18, 256, 1 << 15})->Args({100000, 1, 1 << 20})->UseRealTime();
