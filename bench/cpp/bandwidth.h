// What the benchmarks that move memory are measured against: the bandwidth that this machine shows in the same run,
// with the threads that the kernels use.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

namespace bench {

float* large_array();  // 2^26 numbers, 256 MB: beyond every cache

double read_bandwidth();  // bytes a second of reading the large array; measured at the first call
double copy_bandwidth();  // bytes read and written a second of copying a half of it to the other

// Prints GB/s of useful traffic and what part of the bandwidth that is, for `bytes` an iteration.
void report_bytes(benchmark::State& state, double bytes, double bandwidth);

}  // namespace bench
