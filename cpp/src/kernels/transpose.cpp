#include "kernels/transpose.h"

#include <algorithm>
#include <cstring>

#include "base/parallel.h"
#include "kernels/pack.h"

// Axes that stay together are merged first. What is left either moves whole rows, or transposes planes spanned by the
// innermost axis of the input and that of the output, in squares of vectors.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr std::int64_t kTaskItems = std::int64_t{1} << 15;

// The axes of the output, outermost first: size and the input's stride.
struct Axes {
  int count = 0;
  std::int64_t size[kMaxTransposeRank];
  std::int64_t stride[kMaxTransposeRank];
};

Axes merged(int rank, const std::int64_t* sizes, const int* perm) {
  std::int64_t strides[kMaxTransposeRank];
  std::int64_t stride = 1;
  for (int d = rank - 1; d >= 0; --d) {
    strides[d] = stride;
    stride *= sizes[d];
  }
  Axes a;
  for (int i = 0; i < rank; ++i) {
    const std::int64_t size = sizes[perm[i]], from = strides[perm[i]];
    if (size == 1) continue;
    if (a.count > 0 && a.stride[a.count - 1] == from * size) {
      a.size[a.count - 1] *= size;
      a.stride[a.count - 1] = from;
    } else {
      a.size[a.count] = size;
      a.stride[a.count++] = from;
    }
  }
  return a;
}

// The input's offset of position `index` among the axes for which use(d).
template <class Use>
std::int64_t offset_of(const Axes& a, std::int64_t index, const Use& use) {
  std::int64_t offset = 0;
  for (int d = a.count - 1; d >= 0; --d) {
    if (!use(d)) continue;
    offset += index % a.size[d] * a.stride[d];
    index /= a.size[d];
  }
  return offset;
}

// out[j · out_stride + i] = in[i · in_stride + j] for i < rows, j < columns.
template <class U>
void transpose_plane(const U* in, std::int64_t in_stride, U* out, std::int64_t out_stride, std::int64_t rows,
                     std::int64_t columns) {
  constexpr int B = sizeof(U) >= 4 ? kLanes<U> : 16;
  for (std::int64_t i = 0; i < rows; i += B) {
    const std::int64_t height = std::min<std::int64_t>(B, rows - i);
    for (std::int64_t j = 0; j < columns; j += B) {
      const std::int64_t width = std::min<std::int64_t>(B, columns - j);
      const U* from = in + i * in_stride + j;
      U* to = out + j * out_stride + i;
      if constexpr (sizeof(U) >= 4) {
        if (height == B && width == B) {
          Vec<U> r[B];
          for (int u = 0; u < B; ++u) r[u] = load(from + u * in_stride);
          transpose_square<U>(r);
          for (int u = 0; u < B; ++u) store(to + u * out_stride, r[u]);
          continue;
        }
      }
      for (std::int64_t v = 0; v < width; ++v) {
        for (std::int64_t u = 0; u < height; ++u) to[v * out_stride + u] = from[u * in_stride + v];
      }
    }
  }
}

template <class U>
void permute_items(const U* in, U* out, const Axes& a) {
  std::int64_t total = 1;
  for (int d = 0; d < a.count; ++d) total *= a.size[d];
  if (total == 0) return;
  const int last = a.count - 1;
  if (a.count == 0 || a.stride[last] == 1) {
    const std::int64_t row = a.count == 0 ? 1 : a.size[last];
    const std::int64_t grain = std::max<std::int64_t>(1, kTaskItems / row);
    parallel_for(total / row, grain, [&](std::int64_t first, std::int64_t end) {
      for (std::int64_t r = first; r < end; ++r) {
        const U* from = in + offset_of(a, r, [&](int d) { return d != last; });
        if (row < 8) {
          for (std::int64_t i = 0; i < row; ++i) out[r * row + i] = from[i];
        } else {
          std::memcpy(out + r * row, from, static_cast<std::size_t>(row) * sizeof(U));
        }
      }
    });
    return;
  }
  int inner = 0;  // the output's axis along which the input is contiguous
  while (a.stride[inner] != 1) ++inner;
  std::int64_t out_strides[kMaxTransposeRank];
  std::int64_t stride = 1;
  for (int d = last; d >= 0; --d) {
    out_strides[d] = stride;
    stride *= a.size[d];
  }
  const std::int64_t rows = a.size[last], columns = a.size[inner];
  const std::int64_t planes = total / (rows * columns);
  // A task is a strip of columns of one plane.
  const std::int64_t strip =
      std::clamp<std::int64_t>(kTaskItems / rows / 16 * 16, 16, std::max<std::int64_t>(16, columns));
  const std::int64_t strips = (columns + strip - 1) / strip;
  const std::int64_t grain = std::max<std::int64_t>(1, kTaskItems / (rows * std::min(strip, columns)));
  parallel_for(planes * strips, grain, [&](std::int64_t first, std::int64_t end) {
    for (std::int64_t t = first; t < end; ++t) {
      const std::int64_t plane = t / strips, column = t % strips * strip;
      std::int64_t from = 0, to = 0, index = plane;
      for (int d = last - 1; d >= 0; --d) {
        if (d == inner) continue;
        from += index % a.size[d] * a.stride[d];
        to += index % a.size[d] * out_strides[d];
        index /= a.size[d];
      }
      transpose_plane(in + from + column, a.stride[last], out + to + column * out_strides[inner], out_strides[inner],
                      rows, std::min(strip, columns - column));
    }
  });
}

void permute(const void* in, void* out, int item, int rank, const std::int64_t* sizes, const int* perm) {
  const Axes axes = merged(rank, sizes, perm);
  const auto run = [&]<class U>(U) { permute_items(static_cast<const U*>(in), static_cast<U*>(out), axes); };
  switch (item) {
    case 1:
      run(std::uint8_t{});
      break;
    case 2:
      run(std::uint16_t{});
      break;
    case 4:
      run(std::int32_t{});
      break;
    default:
      run(std::int64_t{});
      break;
  }
}

}  // namespace

void fill(TransposeKernels& kernels) { kernels = {&permute}; }

}  // namespace addax::kernels::ADDAX_ISA_NS
