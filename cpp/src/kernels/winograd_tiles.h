// The transforms of F(2×2, 3×3), each on one vector of channels, and the walk over the tiles of an image.
//
//   y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A
//
// with the interpolation points 0, 1, -1, ∞ (Lavin and Gray, arXiv:1509.09308, section 4.1). The 4×4 transformed values
// are called planes, numbered row by row.
#pragma once

#include <cstdint>

#include "kernels/conv.h"
#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {

inline constexpr int kPlanes = 16;

// Bᵀ on four values: rows or columns of the input.
ADDAX_INLINE void input_line(VecF d0, VecF d1, VecF d2, VecF d3, VecF& t0, VecF& t1, VecF& t2, VecF& t3) {
  t0 = d0 - d2;
  t1 = d1 + d2;
  t2 = d2 - d1;
  t3 = d1 - d3;
}

// Bᵀ d B of the 4×4 pixels at the given addresses.
template <class Read>
ADDAX_INLINE void transform_input(const Read& read, VecF (&v)[kPlanes]) {
  VecF rows[kPlanes];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    input_line(read(j), read(4 + j), read(8 + j), read(12 + j), rows[j], rows[4 + j], rows[8 + j], rows[12 + j]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const int r = 4 * i;
    input_line(rows[r], rows[r + 1], rows[r + 2], rows[r + 3], v[r], v[r + 1], v[r + 2], v[r + 3]);
  }
}

// Aᵀ m A: the 2×2 outputs, row by row.
template <class Read>
ADDAX_INLINE void transform_output(const Read& read, VecF (&y)[4]) {
  VecF top[4], bottom[4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const VecF m1 = read(4 + j), m2 = read(8 + j);
    top[j] = read(j) + (m1 + m2);
    bottom[j] = (m1 - m2) - read(12 + j);
  }
  y[0] = top[0] + (top[1] + top[2]);
  y[1] = (top[1] - top[2]) - top[3];
  y[2] = bottom[0] + (bottom[1] + bottom[2]);
  y[3] = (bottom[1] - bottom[2]) - bottom[3];
}

// G on three values.
ADDAX_INLINE void kernel_line(VecF g0, VecF g1, VecF g2, VecF& t0, VecF& t1, VecF& t2, VecF& t3) {
  const VecF half = splat(0.5f), ends = (g0 + g2) * half, middle = g1 * half;
  t0 = g0;
  t1 = ends + middle;
  t2 = ends - middle;
  t3 = g2;
}

// G g Gᵀ of the 3×3 taps.
template <class Read>
ADDAX_INLINE void transform_kernel(const Read& read, VecF (&u)[kPlanes]) {
  VecF rows[4][3];
#pragma GCC unroll 3
  for (int j = 0; j < 3; ++j)
    kernel_line(read(j), read(3 + j), read(6 + j), rows[0][j], rows[1][j], rows[2][j], rows[3][j]);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    kernel_line(rows[i][0], rows[i][1], rows[i][2], u[4 * i], u[4 * i + 1], u[4 * i + 2], u[4 * i + 3]);
  }
}

// A on two values, the transpose of what makes the outputs: rows or columns of dL/dy.
ADDAX_INLINE void gradient_line(VecF a0, VecF a1, VecF& t0, VecF& t1, VecF& t2, VecF& t3) {
  t0 = a0;
  t1 = a0 + a1;
  t2 = a0 - a1;
  t3 = -a1;
}

// A dy Aᵀ of a 2×2 tile.
template <class Read>
ADDAX_INLINE void transform_gradient(const Read& read, VecF (&v)[kPlanes]) {
  VecF rows[4][2];
#pragma GCC unroll 2
  for (int j = 0; j < 2; ++j) gradient_line(read(j), read(2 + j), rows[0][j], rows[1][j], rows[2][j], rows[3][j]);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    gradient_line(rows[i][0], rows[i][1], v[4 * i], v[4 * i + 1], v[4 * i + 2], v[4 * i + 3]);
  }
}

// Gᵀ on four values: the transpose of the kernel's transform.
ADDAX_INLINE void kernel_gradient_line(VecF u0, VecF u1, VecF u2, VecF u3, VecF& g0, VecF& g1, VecF& g2) {
  const VecF half = splat(0.5f), sum = (u1 + u2) * half;
  g0 = u0 + sum;
  g1 = (u1 - u2) * half;
  g2 = sum + u3;
}

// Gᵀ u G: the gradients of the 3×3 taps.
template <class Read>
ADDAX_INLINE void transform_kernel_gradient(const Read& read, VecF (&g)[9]) {
  VecF rows[3][4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    kernel_gradient_line(read(j), read(4 + j), read(8 + j), read(12 + j), rows[0][j], rows[1][j], rows[2][j]);
  }
#pragma GCC unroll 3
  for (int i = 0; i < 3; ++i) {
    kernel_gradient_line(rows[i][0], rows[i][1], rows[i][2], rows[i][3], g[3 * i], g[3 * i + 1], g[3 * i + 2]);
  }
}

// The 2×2 tiles that cover the images, in the order of the images' rows.
struct TileGrid {
  std::int64_t rows;
  std::int64_t columns;

  struct At {
    std::int64_t image, row, column;
  };
  At at(std::int64_t tile) const {
    const std::int64_t line = tile / columns;
    return {line / rows, line % rows, tile % columns};
  }
  void advance(At& a) const {
    if (++a.column < columns) return;
    a.column = 0;
    if (++a.row < rows) return;
    a.row = 0;
    ++a.image;
  }
};

// Images in tiles of `size`×`size` pixels that begin at (2·row - pad_row, 2·column - pad_column).
struct TiledImages {
  const float* data;
  std::int64_t rows, columns, channels;
  std::int64_t pad_row, pad_column;
  const float* zeros;  // `channels` of them: a pixel outside the image

  // The addresses of a tile's pixels, row by row.
  template <int size>
  ADDAX_INLINE void list_pixels(const TileGrid::At& at, const float* (&pixels)[size * size]) const {
    const std::int64_t row = 2 * at.row - pad_row, column = 2 * at.column - pad_column;
    for (int i = 0; i < size; ++i) {
      const bool inside = row + i >= 0 && row + i < rows;
      const std::int64_t line = ((at.image * rows + row + i) * columns + column) * channels;
      for (int j = 0; j < size; ++j) {
        const bool exists = inside && column + j >= 0 && column + j < columns;
        pixels[size * i + j] = exists ? data + line + j * channels : zeros;
      }
    }
  }
};

// Distances that are powers of two would put all planes, or all rows of a block, into the same few lines of L1.
inline std::int64_t spread(std::int64_t floats) {
  const std::int64_t lines = (floats + 15) / 16;
  return 16 * (lines % 16 == 0 ? lines + 1 : lines);
}

// Transforms tiles [first, last): plane i of tile t goes to out + i · plane + (t - first) · pitch, whole vectors.
inline void transform_input_tiles(const TiledImages& images, const TileGrid& grid, std::int64_t first,
                                  std::int64_t last, float* out, std::int64_t plane, std::int64_t pitch) {
  constexpr int W = kLanes<float>;
  TileGrid::At at = grid.at(first);
  for (std::int64_t t = first; t < last; ++t, grid.advance(at), out += pitch) {
    const float* pixels[kPlanes];
    images.list_pixels<4>(at, pixels);
    VecF v[kPlanes];
    std::int64_t c = 0;
    for (; c + W <= images.channels; c += W) {
      transform_input([&](int i) { return load(pixels[i] + c); }, v);
#pragma GCC unroll 16
      for (int i = 0; i < kPlanes; ++i) store(out + i * plane + c, v[i]);
    }
    if (c == images.channels) continue;
    transform_input([&](int i) { return load_partial(pixels[i] + c, images.channels - c); }, v);
#pragma GCC unroll 16
    for (int i = 0; i < kPlanes; ++i) store(out + i * plane + c, v[i]);
  }
}

}  // namespace addax::kernels::ADDAX_ISA_NS
