// Normalizations and attention. Normalizations print GB/s of the traffic that they cannot do without (x is read twice
// by batch normalization, once by the others); attention prints GFLOP/s of its products and % of the peak.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "kernels/kernels.h"
#include "peak.h"

namespace {

using namespace addax::kernels;

std::vector<float> numbers(std::int64_t n) {
  std::vector<float> x(static_cast<std::size_t>(n));
  std::uint32_t state = 1;
  for (float& v : x) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  return x;
}

void report(benchmark::State& state, double arrays, std::int64_t elements) {
  const double bytes = 4 * arrays * static_cast<double>(elements) * static_cast<double>(state.iterations());
  state.counters["GB/s"] = benchmark::Counter(bytes / 1e9, benchmark::Counter::kIsRate);
}

// args: positions, channels
void batch_norm(benchmark::State& state) {
  const std::int64_t n = state.range(0), c = state.range(1);
  const auto x = numbers(n * c), gamma = numbers(c);
  std::vector<float> y(x.size()), mean(gamma.size()), variance(gamma.size());
  const auto& k = kernels().norm_channels.f32;
  std::vector<double> workspace(static_cast<std::size_t>(k.batch_workspace(n, c) / 8 + 1));
  for (auto _ : state) {
    k.batch({1, n, c, c, 1e-3, Activation::none, x.data(), gamma.data(), gamma.data(), nullptr, y.data(), mean.data(),
             variance.data(), workspace.data()});
    benchmark::DoNotOptimize(y.data());
  }
  report(state, 3, n * c);
}

void batch_norm_gradient(benchmark::State& state) {
  const std::int64_t n = state.range(0), c = state.range(1);
  const auto activation = static_cast<Activation>(state.range(2));
  const auto x = numbers(n * c), dy = numbers(n * c), gamma = numbers(c);
  const std::vector<float> variance(gamma.size(), 0.3f);
  std::vector<float> dx(x.size()), dgamma(gamma.size()), dbeta(gamma.size());
  const auto& k = kernels().norm_channels.f32;
  std::vector<double> workspace(static_cast<std::size_t>(k.batch_workspace(n, c) / 8 + 1));
  for (auto _ : state) {
    k.batch_gradient({1, n, c, c, 1e-3, activation, x.data(), dy.data(), gamma.data(), variance.data(), gamma.data(),
                      gamma.data(), dx.data(), dgamma.data(), dbeta.data(), workspace.data()});
    benchmark::DoNotOptimize(dx.data());
  }
  report(state, 5, n * c);
}

// args: rows, size
void layer_norm(benchmark::State& state) {
  const std::int64_t n = state.range(0), c = state.range(1);
  const auto x = numbers(n * c), gamma = numbers(c);
  std::vector<float> y(x.size()), mean(static_cast<std::size_t>(n)), inverse(mean);
  for (auto _ : state) {
    kernels().norm_rows.f32.layer(
        {n, c, 1e-3, x.data(), gamma.data(), gamma.data(), y.data(), mean.data(), inverse.data()});
    benchmark::DoNotOptimize(y.data());
  }
  report(state, 2, n * c);
}

void layer_norm_gradient(benchmark::State& state) {
  const std::int64_t n = state.range(0), c = state.range(1);
  const auto x = numbers(n * c), dy = numbers(n * c), gamma = numbers(c), mean = numbers(n);
  std::vector<float> dx(x.size()), dgamma(gamma.size()), dbeta(gamma.size());
  const auto& k = kernels().norm_rows.f32;
  std::vector<double> workspace(static_cast<std::size_t>(k.gradient_workspace(n, c) / 8 + 1));
  for (auto _ : state) {
    k.layer_gradient({n, c, x.data(), dy.data(), mean.data(), mean.data(), gamma.data(), dx.data(), dgamma.data(),
                      dbeta.data(), workspace.data()});
    benchmark::DoNotOptimize(dx.data());
  }
  report(state, 3, n * c);
}

struct Sizes {
  std::int64_t batch, length, heads, depth;
  explicit Sizes(const benchmark::State& state)
      : batch(state.range(0)), length(state.range(1)), heads(state.range(2)), depth(state.range(3)) {}
  std::int64_t elements() const { return batch * length * heads * depth; }
  std::int64_t rows() const { return batch * length * heads; }
  double product() const { return 2.0 * static_cast<double>(elements() * length); }  // FLOP of one of them
};

AttentionInputs<float> inputs(const Sizes& s, const std::vector<float>& x) {
  return {s.batch, s.length, s.length, s.heads,  s.heads,  s.depth, s.depth, 0.1,
          false,   false,    x.data(), x.data(), x.data(), nullptr, nullptr, {}};
}

// args: batch, length, heads, depth
void attention(benchmark::State& state) {
  const Sizes s(state);
  const auto x = numbers(s.elements());
  std::vector<float> out(x.size()), statistics(static_cast<std::size_t>(2 * s.rows()));
  for (auto _ : state) {
    kernels().attention.f32.forward({inputs(s, x), out.data(), statistics.data()});
    benchmark::DoNotOptimize(out.data());
  }
  bench::report_flops(state, 2 * s.product());
}

void attention_gradient(benchmark::State& state) {
  const Sizes s(state);
  const auto x = numbers(s.elements());
  std::vector<float> out(x.size()), statistics(static_cast<std::size_t>(2 * s.rows()));
  std::vector<float> dq(x.size()), dk(x.size()), dv(x.size());
  kernels().attention.f32.forward({inputs(s, x), out.data(), statistics.data()});
  for (auto _ : state) {
    kernels().attention.f32.gradient(
        {inputs(s, x), x.data(), out.data(), statistics.data(), dq.data(), dk.data(), dv.data()});
    benchmark::DoNotOptimize(dq.data());
  }
  bench::report_flops(state, 5 * s.product());
}

}  // namespace

BENCHMARK(batch_norm)->Args({128 * 32 * 32, 16})->Args({128 * 64, 64})->Args({16 * 48 * 48, 24})->Args({144, 1280});
BENCHMARK(batch_norm_gradient)
    ->Args({128 * 32 * 32, 16, 0})
    ->Args({128 * 32 * 32, 16, 1})
    ->Args({128 * 64, 64, 0})
    ->Args({16 * 48 * 48, 24, 0});
BENCHMARK(layer_norm)->Args({4096, 256})->Args({128, 256})->Args({512, 1024})->Args({4096, 10});
BENCHMARK(layer_norm_gradient)->Args({4096, 256})->Args({128, 256})->Args({512, 1024});
BENCHMARK(attention)->Args({32, 128, 8, 32})->Args({1, 128, 8, 32})->Args({2, 1024, 4, 64})->Args({8, 32, 4, 16});
BENCHMARK(attention_gradient)->Args({32, 128, 8, 32})->Args({2, 1024, 4, 64})->Args({8, 32, 4, 16});
