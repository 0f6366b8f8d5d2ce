// Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2,
// 3", SC 2011). Element i of an array depends on the stream and on i alone.
//
// Block b of a stream is philox(counter = {b, stream.counter}, key = stream.seed), each a 64-bit number, low word
// first. Arrays of 32-bit draws take words in order: element i is word i mod 4 of block i / 4. Where the number of
// draws is itself random, attempt a ≥ 1 of element i has the block i + a 2^48 (an array has fewer than 2^48 elements).
#pragma once

#include <cstdint>

namespace addax::kernels {

struct Stream {
  std::uint64_t seed, counter;
};

struct PhiloxBlock {
  std::uint32_t word[4];
};
PhiloxBlock philox(PhiloxBlock counter, std::uint32_t key_low, std::uint32_t key_high);

struct RandomKernels {
  // [0, 1), multiples of 2^-24.
  void (*uniform_f32)(Stream stream, float* out, std::int64_t n);
  // Box-Muller on words 2k and 2k + 1 for elements 2k and 2k + 1; |z| < 6.7.
  void (*normal_f32)(Stream stream, float* out, std::int64_t n);
  // Normal, given that |z| ≤ 2: the inverse of its distribution function at a uniform number.
  void (*truncated_normal_f32)(Stream stream, float* out, std::int64_t n);
};

// [0, 1), multiples of 2^-53; elements 2b and 2b + 1 are block b.
void uniform_f64(Stream stream, double* out, std::int64_t n);
void normal_f64(Stream stream, double* out, std::int64_t n);
void truncated_normal_f64(Stream stream, double* out, std::int64_t n);

// Integers in [low, high), low < high, each equally likely (D. Lemire, "Fast random integer generation in an interval",
// 2019).
template <class T>  // std::uint8_t, std::int32_t or std::int64_t; the bounds fit it (high may be one beyond)
void integers(Stream stream, std::int64_t low, std::int64_t high, T* out, std::int64_t n);

// Gamma of shape alpha[i] and scale 1 (G. Marsaglia and W. Tsang, "A simple method for generating gamma variables",
// 2000). alpha of 0 gives 0, a negative one or NaN gives NaN.
template <class T>  // float or double
void gamma(Stream stream, const T* alpha, T* out, std::int64_t n);

namespace baseline {
void fill(RandomKernels& table);
}
namespace avx2 {
void fill(RandomKernels& table);
}
namespace avx512 {
void fill(RandomKernels& table);
}
namespace neon {
void fill(RandomKernels& table);
}

}  // namespace addax::kernels
