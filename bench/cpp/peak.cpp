#include "peak.h"

#include <algorithm>
#include <ctime>

#include "base/cpu.h"
#include "base/parallel.h"

namespace bench {
namespace {

constexpr int kChains = 12;  // independent sums: more than latency times throughput
constexpr std::int64_t kRounds = 1 << 20;

// A macro: the compiler splits vectors into what a function's own target has before it inlines, so that a shared
// template would run with the narrowest.
#define ADDAX_CHAINS(name, target, lanes)                                                            \
  target float name() {                                                                              \
    typedef float V __attribute__((vector_size(4 * (lanes))));                                       \
    V sum[kChains], a = V{} + 1.0000001f, b = V{} + 1e-7f;                                           \
    _Pragma("GCC unroll 12") for (int c = 0; c < kChains; ++c) sum[c] = V{} + static_cast<float>(c); \
    for (std::int64_t i = 0; i < kRounds; ++i) {                                                     \
      _Pragma("GCC unroll 12") for (int c = 0; c < kChains; ++c) sum[c] = sum[c] * a + b;            \
      asm volatile("" : "+m"(b));                                                                    \
    }                                                                                                \
    V total{};                                                                                       \
    _Pragma("GCC unroll 12") for (int c = 0; c < kChains; ++c) total += sum[c];                      \
    return total[0];                                                                                 \
  }

ADDAX_CHAINS(plain, , 4)
#if defined(__x86_64__)
ADDAX_CHAINS(avx2, __attribute__((target("avx2,fma"))), 8)
ADDAX_CHAINS(avx512, __attribute__((target("avx512f,prefer-vector-width=512"))), 16)
#endif

struct Choice {
  float (*run)();
  int lanes;
};

Choice choose() {
  switch (addax::active_isa()) {
#if defined(__x86_64__)
    case addax::Isa::avx512:
      return {avx512, 16};
    case addax::Isa::avx2:
      return {avx2, 8};
#endif
    default:
      return {plain, 4};
  }
}

}  // namespace

double peak_flops() {
  static const double rate = [] {
    const Choice choice = choose();
    double best = 1e9;
    for (int i = 0; i < 10; ++i) {
      const std::clock_t start = std::clock();  // CPU time: what the core could do, whoever else is on it
      benchmark::DoNotOptimize(choice.run());
      best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    }
    return 2.0 * kChains * choice.lanes * static_cast<double>(kRounds) / best;
  }();
  return rate * addax::thread_count();
}

void report_flops(benchmark::State& state, double flops) {
  const double total = flops * static_cast<double>(state.iterations());
  state.counters["GFLOP/s"] = benchmark::Counter(total / 1e9, benchmark::Counter::kIsRate);
  state.counters["%peak"] = benchmark::Counter(100 * total / peak_flops(), benchmark::Counter::kIsRate);
}

}  // namespace bench
