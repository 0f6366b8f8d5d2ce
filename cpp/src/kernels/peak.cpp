#include "kernels/peak.h"

#include <cstdint>

#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr int kChains = 12;  // independent sums: more than latency times throughput
constexpr std::int64_t kRounds = 1 << 16;

double multiply_adds() {
  Vec<float> sum[kChains], a = Vec<float>{} + 1.0000001f, b = Vec<float>{} + 1e-7f;
#pragma GCC unroll 12
  for (int c = 0; c < kChains; ++c) sum[c] = Vec<float>{} + static_cast<float>(c);
  for (std::int64_t i = 0; i < kRounds; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) sum[c] = sum[c] * a + b;
    asm volatile("" : "+m"(b));
  }
  Vec<float> total{};
#pragma GCC unroll 12
  for (int c = 0; c < kChains; ++c) total += sum[c];
  asm volatile("" : : "m"(total));  // must be computed
  return 2.0 * kChains * kLanes<float> * static_cast<double>(kRounds);
}

}  // namespace

void fill(PeakKernels& kernels) { kernels.multiply_adds = multiply_adds; }

}  // namespace addax::kernels::ADDAX_ISA_NS
