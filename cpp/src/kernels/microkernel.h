// The heart of products and convolutions: a block of C, MR rows by NV vectors, held in registers while
//     acc[i][j] += Σ over runs r, Σ k < r.k :  A[r.a + i·row_stride + k·step] · B[r.b + k·b_step + j]
// goes by, then written once. A matrix product is one run; an NHWC convolution has a run per kernel row (its taps and
// channels lie side by side in the image); a kernel gradient has a run per image row. Every row count has its own
// instance, so rows have no tails; the last vector of columns may be partial.
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {

struct RunOf {
  std::int64_t a;  // offset from Tile::a
  std::int64_t b;  // offset from Tile::b
  std::int64_t k;  // products
};

template <class T>
struct Tile {
  const T* a;
  std::int64_t row_stride;  // Rows::strided: any, step is 1. Rows::adjacent: 1, step is any
  std::int64_t step;
  const T* b;
  std::int64_t b_step;
  // The end of the array that b points into if columns is not a multiple of the vector; loads may run over the end of a
  // row of B but never past this. Null where B has room for whole vectors (packed panels).
  const T* b_end;
  const RunOf* runs;
  std::int64_t run_count;
  T* c;
  std::int64_t c_stride;
  std::int64_t columns;  // in ((NV - 1) · lanes, NV · lanes]
  const T* bias;         // one value per column, or null
  Activation activation;
  bool accumulate;  // add to what C holds
};

enum class Rows { strided, adjacent };

template <class T>
using TileFunction = void (*)(const Tile<T>&);

// Vectors of columns in a block, at most. float64 has few instances: it is there for checking gradients.
template <class T>
inline constexpr int kMaxVectors = sizeof(T) == 8 ? 2 : (kVectorRegisters == 32 ? 4 : 3);

// Rows in a block of nv vectors, at most: rows · nv accumulators, nv vectors of B and a broadcast fit the registers
// (with 4 vectors the broadcast is an operand of the multiplication). With 16 registers the compiler spills a little
// earlier.
template <class T>
constexpr int max_rows(int nv) {
  if (sizeof(T) == 8) return 4;
  constexpr int kWide[] = {14, 14, 9, 7};
  constexpr int kNarrow[] = {10, 5, 4};
  return kVectorRegisters == 32 ? kWide[nv - 1] : kNarrow[nv - 1];
}

// 1 ≤ mr ≤ max_rows<T>(nv), 1 ≤ nv ≤ kMaxVectors<T>.
TileFunction<float> tile_function(Rows rows, int mr, int nv, float);
TileFunction<double> tile_function(Rows rows, int mr, int nv, double);

// How to cut m rows by n columns into blocks. Where several widths are as quick as each other it takes `preferred`: two
// vectors keep a panel of B in L1, three read A along fewer rows.
struct Blocking {
  int vectors;        // per panel of columns; the last panel may have fewer
  std::int64_t rows;  // blocks of rows: m is cut into this many, as equal as possible
};
Blocking choose_blocking(std::int64_t m, std::int64_t n, float, int preferred = 2);
Blocking choose_blocking(std::int64_t m, std::int64_t n, double, int preferred = 2);

// First row of block i of `blocks` equal cuts of m.
inline std::int64_t cut(std::int64_t m, std::int64_t blocks, std::int64_t i) {
  const std::int64_t base = m / blocks, extra = m % blocks;
  return i * base + (i < extra ? i : extra);
}

template <class T>
constexpr std::int64_t vectors_for(std::int64_t columns) {
  return (columns + kLanes<T> - 1) / kLanes<T>;
}

}  // namespace addax::kernels::ADDAX_ISA_NS
