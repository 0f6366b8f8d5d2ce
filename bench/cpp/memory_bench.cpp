// Kernels that mostly move memory: reductions, softmax, gather, transposes.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "bandwidth.h"
#include "kernels/index.h"
#include "kernels/kernels.h"

namespace {

using namespace addax;
using namespace bench;

// args: rows, columns, which axes go (1: rows, 2: columns, 3: both)
void sum(benchmark::State& state) {
  const std::int64_t sizes[] = {state.range(0), state.range(1)};
  const bool axes[] = {(state.range(2) & 1) != 0, (state.range(2) & 2) != 0};
  const auto layout = kernels::make_reduce_layout(sizes, axes, 2);
  std::vector<float> out(static_cast<std::size_t>(layout.outputs));
  const float* x = large_array();
  for (auto _ : state) {
    kernels::kernels().reduce.f32.sum(x, out.data(), layout, 1);
    benchmark::DoNotOptimize(out.data());
  }
  report_bytes(state, 4.0 * static_cast<double>(sizes[0] * sizes[1]), read_bandwidth());
}

void max(benchmark::State& state) {
  const std::int64_t sizes[] = {state.range(0), state.range(1)};
  const bool axes[] = {(state.range(2) & 1) != 0, (state.range(2) & 2) != 0};
  const auto layout = kernels::make_reduce_layout(sizes, axes, 2);
  std::vector<float> out(static_cast<std::size_t>(layout.outputs));
  const float* x = large_array();
  for (auto _ : state) {
    kernels::kernels().reduce.f32.max(x, out.data(), layout);
    benchmark::DoNotOptimize(out.data());
  }
  report_bytes(state, 4.0 * static_cast<double>(sizes[0] * sizes[1]), read_bandwidth());
}

// args: rows, columns
void softmax(benchmark::State& state) {
  const std::int64_t rows = state.range(0), columns = state.range(1), n = rows * columns;
  std::vector<float> y(static_cast<std::size_t>(n));
  const float* x = large_array();
  for (auto _ : state) {
    kernels::kernels().softmax.f32.softmax(x, y.data(), rows, columns, 1);
    benchmark::DoNotOptimize(y.data());
  }
  report_bytes(state, 8.0 * static_cast<double>(n), copy_bandwidth());
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
  const float* x = large_array();
  for (auto _ : state) {
    kernels::gather(x, indices.data(), out.data(), 1, size, count, 4 * width);
    benchmark::DoNotOptimize(out.data());
  }
  report_bytes(state, 8.0 * static_cast<double>(count * width), copy_bandwidth());
}

// args: rows, columns; [rows, columns] becomes [columns, rows]
void transpose(benchmark::State& state) {
  const std::int64_t sizes[] = {state.range(0), state.range(1)};
  const int perm[] = {1, 0};
  std::vector<float> y(static_cast<std::size_t>(sizes[0] * sizes[1]));
  const float* const x = large_array();
  for (auto _ : state) {
    kernels::kernels().transpose.permute(x, y.data(), 4, 2, sizes, perm);
    benchmark::DoNotOptimize(y.data());
  }
  report_bytes(state, 8.0 * static_cast<double>(sizes[0] * sizes[1]), copy_bandwidth());
}

// args: batch, time, heads, depth; the middle axes change places, as for attention
void transpose_heads(benchmark::State& state) {
  const std::int64_t sizes[] = {state.range(0), state.range(1), state.range(2), state.range(3)};
  const int perm[] = {0, 2, 1, 3};
  const std::int64_t n = sizes[0] * sizes[1] * sizes[2] * sizes[3];
  std::vector<float> y(static_cast<std::size_t>(n));
  const float* const x = large_array();
  for (auto _ : state) {
    kernels::kernels().transpose.permute(x, y.data(), 4, 4, sizes, perm);
    benchmark::DoNotOptimize(y.data());
  }
  report_bytes(state, 8.0 * static_cast<double>(n), copy_bandwidth());
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
BENCHMARK(transpose)->Args({64, 64})->Args({1000, 1000})->Args({4096, 4096})->Args({1 << 20, 3})->UseRealTime();
BENCHMARK(transpose_heads)->Args({32, 128, 8, 32})->UseRealTime();
