// Pooling and resizing of images: a few operations per number that is read.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "bandwidth.h"
#include "kernels/kernels.h"

namespace {

using namespace addax::kernels;
using namespace bench;

std::vector<float> zeros(std::int64_t n) { return std::vector<float>(static_cast<std::size_t>(n)); }

// args: batch, height and width, channels, window, stride
PoolShape pool_shape(const benchmark::State& state) {
  PoolShape s{};
  s.batch = state.range(0);
  s.channels = state.range(2);
  for (int d = 0; d < kSpatial; ++d) {
    const bool flat = d == 0;
    s.in[d] = flat ? 1 : state.range(1);
    s.window[d] = flat ? 1 : state.range(3);
    s.stride[d] = flat ? 1 : state.range(4);
    s.out[d] = (s.in[d] - s.window[d]) / s.stride[d] + 1;
  }
  return s;
}

std::int64_t numbers_in(const PoolShape& s) { return s.batch * s.in[1] * s.in[2] * s.channels; }
std::int64_t numbers_out(const PoolShape& s) { return s.batch * s.out[1] * s.out[2] * s.channels; }

// In training the index of each greatest value is kept, a byte a pooled value.
template <bool kTraining>
void max_pool(benchmark::State& state) {
  const PoolShape s = pool_shape(state);
  std::vector<float> y = zeros(numbers_out(s));
  std::vector<std::uint8_t> index(kTraining ? y.size() : 0);
  const float* const x = large_array();
  for (auto _ : state) {
    kernels().pool.f32.max(s, x, y.data(), kTraining ? index.data() : nullptr);
    benchmark::DoNotOptimize(y.data());
  }
  const double out_bytes = kTraining ? 5.0 : 4.0;
  report_bytes(state, 4.0 * static_cast<double>(numbers_in(s)) + out_bytes * static_cast<double>(numbers_out(s)),
               copy_bandwidth());
}

void max_pool_gradient(benchmark::State& state) {
  const PoolShape s = pool_shape(state);
  std::vector<float> dx = zeros(numbers_in(s));
  std::vector<std::uint8_t> index(static_cast<std::size_t>(numbers_out(s)));
  const float* const x = large_array();
  for (auto _ : state) {
    kernels().pool.f32.max_gradient(s, x, index.data(), dx.data());
    benchmark::DoNotOptimize(dx.data());
  }
  report_bytes(state, 4.0 * static_cast<double>(numbers_in(s)) + 5.0 * static_cast<double>(numbers_out(s)),
               copy_bandwidth());
}

void average_pool(benchmark::State& state) {
  const PoolShape s = pool_shape(state);
  std::vector<float> y = zeros(numbers_out(s));
  const float* const x = large_array();
  for (auto _ : state) {
    kernels().pool.f32.average(s, x, y.data());
    benchmark::DoNotOptimize(y.data());
  }
  report_bytes(state, 4.0 * static_cast<double>(numbers_in(s) + numbers_out(s)), copy_bandwidth());
}

void pools(benchmark::internal::Benchmark* bench) {
  bench->Args({128, 26, 32, 2, 2})->Args({32, 112, 64, 3, 2})->Args({8, 123, 32, 3, 3})->UseRealTime();
}

// args: batch, height and width before and after, channels
void resize_bilinear(benchmark::State& state) {
  const ResizeShape s{state.range(0), state.range(1), state.range(1), state.range(2), state.range(2), state.range(3)};
  const std::int64_t out = s.batch * s.out_height * s.out_width * s.channels;
  std::vector<float> y = zeros(out);
  const float* const x = large_array();
  for (auto _ : state) {
    kernels().resize.f32.bilinear(s, x, y.data());
    benchmark::DoNotOptimize(y.data());
  }
  const std::int64_t in = s.batch * s.in_height * s.in_width * s.channels;
  report_bytes(state, 4.0 * static_cast<double>(in + out), copy_bandwidth());
}

}  // namespace

BENCHMARK(max_pool<false>)->Name("max_pool")->Apply(pools);
BENCHMARK(max_pool<true>)->Name("max_pool_for_training")->Apply(pools);
BENCHMARK(max_pool_gradient)->Apply(pools);
BENCHMARK(average_pool)->Apply(pools);
BENCHMARK(resize_bilinear)->Args({8, 128, 224, 3})->Args({8, 56, 112, 64})->Args({8, 224, 96, 3})->UseRealTime();
