#include "peak.h"

#include <algorithm>
#include <ctime>

#include "base/parallel.h"
#include "kernels/kernels.h"

namespace bench {

double peak_flops() {
  static const double rate = [] {
    double best = 0;
    for (int i = 0; i < 10; ++i) {
      const std::clock_t start = std::clock();  // CPU time: what the core could do, whoever else is on it
      double flops = 0;
      for (int round = 0; round < 16; ++round) flops += addax::kernels::kernels().peak.multiply_adds();
      best = std::max(best, flops * CLOCKS_PER_SEC / static_cast<double>(std::clock() - start));
    }
    return best;
  }();
  return rate * addax::thread_count();
}

void report_flops(benchmark::State& state, double flops) {
  const double total = flops * static_cast<double>(state.iterations());
  state.counters["GFLOP/s"] = benchmark::Counter(total / 1e9, benchmark::Counter::kIsRate);
  state.counters["%peak"] = benchmark::Counter(100 * total / peak_flops(), benchmark::Counter::kIsRate);
}

}  // namespace bench
