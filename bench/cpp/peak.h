// What the arithmetic benchmarks are measured against: multiply-adds in registers, with the active instruction set, on
// one core, times the threads that the kernels use.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

namespace bench {

double peak_flops();  // float32, per second; measured at the first call

// Prints GFLOP/s and the part of the peak for `flops` operations an iteration.
void report_flops(benchmark::State& state, double flops);

}  // namespace bench
