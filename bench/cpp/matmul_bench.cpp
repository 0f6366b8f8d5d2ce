// Matrix products: squares, the layers of small networks (few rows, narrow outputs), their gradients, heads of
// attention, weights packed once, and bfloat16. Sizes after each other: m, n, k, A transposed, B transposed, items.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "base/aligned.h"
#include "kernels/kernels.h"
#include "peak.h"

namespace {

using namespace addax;

template <class T>
struct Problem {
  kernels::Matmul<T> job{};
  AlignedArray<T> a, b, c;
  AlignedArray<char> workspace;

  explicit Problem(const benchmark::State& state) {
    job.m = state.range(0);
    job.n = state.range(1);
    job.k = state.range(2);
    job.transpose_a = state.range(3) != 0;
    job.transpose_b = state.range(4) != 0;
    const std::int64_t items = state.range(5);
    if (items > 1) {
      job.batch_rank = 1;
      job.batch[0] = items;
      job.a_strides[0] = job.m * job.k;
      job.b_strides[0] = job.k * job.n;
    }
    a = ones(items * job.m * job.k);
    b = ones(items * job.k * job.n);
    c = ones(items * job.m * job.n);
    job.a = a.get();
    job.b = b.get();
    job.c = c.get();
  }

  static AlignedArray<T> ones(std::int64_t n) {
    auto x = make_aligned<T>(n, "the benchmark's matrices");
    T one;
    if constexpr (sizeof(T) == 2) {
      one = kernels::to_brain_half(1.0f);
    } else {
      one = T{1};
    }
    std::fill_n(x.get(), n, one);
    return x;
  }

  template <class Functions>
  void measure(benchmark::State& state, const Functions& functions) {
    workspace = make_aligned<char>(functions.workspace(job), "the benchmark's workspace");
    job.workspace = workspace.get();
    for (auto _ : state) {
      if constexpr (std::is_same_v<T, kernels::BrainHalf>) {
        functions.run(job, {});
      } else {
        functions.run(job);
      }
      benchmark::ClobberMemory();
    }
    const double items = static_cast<double>(state.range(5));
    bench::report_flops(state, 2.0 * items * static_cast<double>(job.m * job.n) * static_cast<double>(job.k));
  }
};

void matmul(benchmark::State& state) { Problem<float>(state).measure(state, kernels::kernels().matmul.f32); }

void matmul_packed(benchmark::State& state) {
  Problem<float> p(state);
  const auto& functions = kernels::kernels().matmul.f32;
  const auto packed = make_aligned<float>(functions.packed_size(p.job.k, p.job.n), "the benchmark's panels");
  functions.pack(p.job.b, p.job.n, false, p.job.k, p.job.n, packed.get());
  p.job.b = packed.get();
  p.job.packed_b = true;
  p.measure(state, functions);
}

// In % of the float32 peak.
void matmul_bf16(benchmark::State& state) {
  Problem<kernels::BrainHalf>(state).measure(state, kernels::kernels().matmul_bf16);
}

using Benchmark = benchmark::internal::Benchmark;

void named(Benchmark* b) { b->ArgNames({"m", "n", "k", "ta", "tb", "items"})->UseRealTime(); }

void layers(Benchmark* b) {
  for (const std::int64_t m : {1, 8, 32, 128}) b->Args({m, 512, 784, 0, 0, 1})->Args({m, 10, 512, 0, 0, 1});
  b->Args({1, 64, 64, 0, 0, 1})->Args({32, 16, 16, 0, 0, 1})->Args({1, 512, 512, 0, 0, 1});
  b->Args({6400, 512, 64, 0, 0, 1})->Args({3136, 64, 64, 0, 0, 1})->Args({49, 512, 4608, 0, 0, 1});
  b->Args({4096, 768, 256, 0, 0, 1})->Args({4096, 256, 1024, 0, 0, 1})->Args({196, 256, 1024, 0, 0, 1});
}

void all(Benchmark* b) {
  named(b);
  for (const std::int64_t n : {16, 32, 64, 128, 256, 512, 1024, 2048}) b->Args({n, n, n, 0, 0, 1});
  for (const std::int64_t n : {256, 1024}) b->Args({n, n, n, 1, 0, 1})->Args({n, n, n, 0, 1, 1});
  layers(b);
  b->Args({784, 512, 128, 1, 0, 1})->Args({128, 784, 512, 0, 1, 1})->Args({128, 512, 10, 0, 1, 1});
  b->Args({1, 512, 512, 0, 1, 1})->Args({256, 1024, 4096, 1, 0, 1});
  b->Args({128, 32, 128, 0, 0, 256})->Args({128, 128, 32, 0, 1, 256});
}

void squares(Benchmark* b) {
  named(b);
  for (const std::int64_t n : {64, 128, 256, 512, 1024}) b->Args({n, n, n, 0, 0, 1});
  b->Args({512, 512, 512, 1, 0, 1})->Args({512, 512, 512, 0, 1, 1});
}

BENCHMARK(matmul)->Apply(all);
BENCHMARK(matmul_packed)->Apply(named)->Apply(layers);
BENCHMARK(matmul_bf16)->Apply(squares);

}  // namespace
