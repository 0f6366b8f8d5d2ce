// Matrix products of float32: squares, the layers of small networks (few rows, narrow outputs) and their gradients.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/aligned.h"
#include "kernels/kernels.h"
#include "peak.h"

namespace {

using namespace addax;

// args: m, n, k, transpose A, transpose B
void matmul(benchmark::State& state) {
  kernels::Matmul<float> job{};
  job.m = state.range(0);
  job.n = state.range(1);
  job.k = state.range(2);
  job.transpose_a = state.range(3) != 0;
  job.transpose_b = state.range(4) != 0;
  const std::vector<float> a(static_cast<std::size_t>(job.m * job.k), 0.5f),
      b(static_cast<std::size_t>(job.k * job.n), 0.25f);
  std::vector<float> c(static_cast<std::size_t>(job.m * job.n));
  job.a = a.data();
  job.b = b.data();
  job.c = c.data();
  const auto& functions = kernels::kernels().matmul.f32;
  const auto memory = make_aligned<char>(functions.workspace(job), "the benchmark's workspace");
  job.workspace = memory.get();
  for (auto _ : state) {
    functions.run(job);
    benchmark::ClobberMemory();
  }
  bench::report_flops(state, 2.0 * static_cast<double>(job.m * job.n) * static_cast<double>(job.k));
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"m", "n", "k", "ta", "tb"})->UseRealTime();
  for (const std::int64_t n : {32, 64, 128, 256, 512, 1024, 2048}) b->Args({n, n, n, 0, 0});
  for (const std::int64_t n : {256, 1024}) b->Args({n, n, n, 1, 0})->Args({n, n, n, 0, 1});
  for (const std::int64_t m : {1, 8, 32, 128}) b->Args({m, 512, 784, 0, 0})->Args({m, 10, 512, 0, 0});
  b->Args({784, 512, 128, 1, 0})->Args({128, 784, 512, 0, 1})->Args({128, 512, 10, 0, 1})->Args({1, 512, 512, 0, 1});
  b->Args({6400, 512, 64, 0, 0})
      ->Args({3136, 64, 64, 0, 0})
      ->Args({49, 512, 4608, 0, 0})
      ->Args({256, 1024, 4096, 1, 0});
}

BENCHMARK(matmul)->Apply(sizes);

}  // namespace
