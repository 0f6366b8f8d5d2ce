// The transforms of F(2×2, 3×3), each on one vector of channels, and the walk over the tiles of an image.
//
//   y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A
//
// with the interpolation points 0, 1, -1, ∞ (Lavin and Gray, arXiv:1509.09308, section 4.1). The 4×4 transformed values
// are called planes, numbered row by row.
#pragma once

#include <algorithm>
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

// Stops the compiler from keeping an address per plane or row, which would spill.
template <class P>
ADDAX_INLINE void keep_bumping(P*& p) {
  asm("" : "+r"(p));
}

// Bᵀ d B of 4×4 pixels, `row(i, d)` giving the four of row i in turn; stored `plane` apart.
template <class Row>
ADDAX_INLINE void transform_input(const Row& row, float* out, std::int64_t plane) {
  VecF t[4][4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    VecF d[4];
    row(i, d);
    input_line(d[0], d[1], d[2], d[3], t[i][0], t[i][1], t[i][2], t[i][3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const VecF v = i == 0   ? t[0][j] - t[2][j]
                     : i == 1 ? t[1][j] + t[2][j]
                     : i == 2 ? t[2][j] - t[1][j]
                              : t[1][j] - t[3][j];
      store(out, v);
      out += plane;
      keep_bumping(out);
    }
  }
}

// Aᵀ m A: the 2×2 outputs, row by row, of 16 products `plane` apart.
ADDAX_INLINE void transform_output(const float* m, std::int64_t plane, VecF (&y)[4]) {
  VecF left[4], right[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    VecF v[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      v[j] = load(m);
      m += plane;
      keep_bumping(m);
    }
    left[i] = v[0] + (v[1] + v[2]);
    right[i] = (v[1] - v[2]) - v[3];
  }
  y[0] = left[0] + (left[1] + left[2]);
  y[1] = right[0] + (right[1] + right[2]);
  y[2] = (left[1] - left[2]) - left[3];
  y[3] = (right[1] - right[2]) - right[3];
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

  std::int64_t first_row(const TileGrid::At& at) const { return 2 * at.row - pad_row; }
  std::int64_t first_column(const TileGrid::At& at) const { return 2 * at.column - pad_column; }

  // How many 4×4 tiles lie wholly inside the image, from `at` to the right.
  std::int64_t inner_tiles(const TileGrid::At& at) const {
    const std::int64_t row = first_row(at), column = first_column(at);
    if (row < 0 || row + 4 > rows || column < 0) return 0;
    return (columns - column - 2) / 2;
  }

  // The tile's first pixel, within the image or not.
  ADDAX_INLINE const float* corner(const TileGrid::At& at) const { return data + offset_of(at); }
  std::int64_t offset_of(const TileGrid::At& at) const {
    return ((at.image * rows + first_row(at)) * columns + first_column(at)) * channels;
  }

  // The addresses of the pixels of a tile that is not inside, row by row.
  template <int size>
  void list_pixels(const TileGrid::At& at, const float* (&pixels)[size * size]) const {
    const std::int64_t row = first_row(at), column = first_column(at);
    std::int64_t line = offset_of(at);  // may lie before the image: no address until a pixel exists
    for (int i = 0; i < size; ++i, line += columns * channels) {
      const bool row_exists = row + i >= 0 && row + i < rows;
      for (int j = 0; j < size; ++j) {
        const bool exists = row_exists & (column + j >= 0) & (column + j < columns);
        pixels[size * i + j] = exists ? data + line + j * channels : zeros;
      }
    }
  }

  // Asks for the 2×2 pixels that the tile reads and the ones above and to its left do not.
  // Inlined by force: the compiler takes a function that only prefetches for one without effect, and drops its calls.
  template <int size>
  ADDAX_INLINE void prefetch(const TileGrid::At& at) const {
    const float* const pixels = corner(at) + (size - 2) * (columns + 1) * channels;
    for (std::int64_t c = 0; c < 2 * channels; c += 16) {
      __builtin_prefetch(pixels + c);
      __builtin_prefetch(pixels + columns * channels + c);
    }
  }
};

// Tiles whose pixels are asked for while others are multiplied: the transforms would wait for them.
struct Ahead {
  std::int64_t left;
  TileGrid::At at;

  template <int size>
  ADDAX_INLINE void next(std::int64_t count, const TileGrid& grid, const TiledImages& images) {
    for (; count > 0 && left > 0; --count, --left, grid.advance(at)) images.prefetch<size>(at);
  }
};

// Distances that are powers of two would put all planes, or all rows of a block, into the same few lines of L1.
inline std::int64_t spread(std::int64_t floats) {
  const std::int64_t lines = (floats + 15) / 16;
  return 16 * (lines % 16 == 0 ? lines + 1 : lines);
}

// A tile inside the image, the first pixel at `corner`.
ADDAX_INLINE void transform_inner_tile(const float* corner, std::int64_t line, std::int64_t channels, float* out,
                                       std::int64_t plane) {
  constexpr int W = kLanes<float>;
  std::int64_t c = 0;
  for (; c + W <= channels; c += W) {
    const float* p = corner + c;
    const auto row = [&](int, VecF(&d)[4]) __attribute__((always_inline)) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) d[j] = load(p + j * channels);
      p += line;
      keep_bumping(p);
    };
    transform_input(row, out + c, plane);
  }
  if (c == channels) return;
  const auto row = [&](int i, VecF(&d)[4]) __attribute__((always_inline)) {
    for (int j = 0; j < 4; ++j) d[j] = load_partial(corner + i * line + j * channels + c, channels - c);
  };
  transform_input(row, out + c, plane);
}

// A tile whose pixels lie anywhere.
inline void transform_listed_tile(const float* const (&pixels)[kPlanes], std::int64_t channels, float* out,
                                  std::int64_t plane) {
  constexpr int W = kLanes<float>;
  for (std::int64_t c = 0; c < channels; c += W) {
    const std::int64_t lanes = channels - c < W ? channels - c : W;
    const auto row = [&](int i, VecF(&d)[4]) __attribute__((always_inline)) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) d[j] = load_partial(pixels[4 * i + j] + c, lanes);
    };
    transform_input(row, out + c, plane);
  }
}

// Transforms tiles [first, last): plane i of tile t goes to out + i · plane + (t - first) · pitch, whole vectors.
inline void transform_input_tiles(const TiledImages& images, const TileGrid& grid, std::int64_t first,
                                  std::int64_t last, float* out, std::int64_t plane, std::int64_t pitch) {
  TileGrid::At at = grid.at(first);
  const std::int64_t channels = images.channels, line = images.columns * channels;
  for (std::int64_t t = first; t < last;) {
    // As many inner tiles as there are side by side, or one at the edge.
    const std::int64_t inner = std::min({last - t, grid.columns - at.column, images.inner_tiles(at)});
    if (inner <= 0) {
      const float* pixels[kPlanes];
      images.list_pixels<4>(at, pixels);
      transform_listed_tile(pixels, channels, out, plane);
      out += pitch;
      grid.advance(at);
      ++t;
      continue;
    }
    const float* corner = images.corner(at);
    for (std::int64_t i = 0; i < inner; ++i, corner += 2 * channels, out += pitch) {
      transform_inner_tile(corner, line, channels, out, plane);
    }
    t += inner;
    at.column += inner - 1;
    grid.advance(at);
  }
}

}  // namespace addax::kernels::ADDAX_ISA_NS
