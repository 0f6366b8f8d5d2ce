#include "kernels/depthwise_kernel_gradient.h"

#include <algorithm>

#include "base/parallel.h"
#include "kernels/walk.h"

// dw[t][c] = Σ over output pixels of x · dy, channels in the vector. The sums of all taps of a 3×3 kernel (two rows of
// a 5×5 one) stay in registers while a band of rows goes by: as many chains as hide the latency, one load a
// multiplication. Within a band, one vector of channels after the other, so that the rows that the taps share are read
// from L1.
//
// The rows of all samples are cut into slices by the size of the problem; each slice has its own sums, added in order
// at the end. A band's sums begin at zero, which also keeps the rounding errors of long sums small.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr std::int64_t kTaskWork = std::int64_t{1} << 19;  // multiplications
constexpr std::int64_t kMostSlices = 16;
// Rows of the image and of dL/dy in a band: half of L2.
constexpr std::int64_t kBandBytes = std::int64_t{512} << 10;

// A row of the image as neighbouring taps see it.
template <class T>
struct SeenRow {
  const T* x;           // the pixel of output pixel 0, or null if the row does not exist
  std::int64_t column;  // its column
};

// One output row: rows[i] meets taps i·taps … i·taps + taps - 1, whose pixels are neighbours.
template <class T, int row_count, int taps, bool kPartial>
ADDAX_INLINE void add_row(Vec<T> (&acc)[row_count][taps], const SeenRow<T> (&rows)[row_count], const ConvShape& s,
                          const T* dy, std::int64_t channel, std::int64_t lanes) {
  const auto read = [&](const T* p) __attribute__((always_inline)) {
    return kPartial ? load_partial(p, lanes) : load(p);
  };
  const std::int64_t channels = s.out_channels, step = s.stride[2];
  std::int64_t least = 0, most = 0;
  bool all = true;
  const T* x[row_count];
  for (int i = 0; i < row_count; ++i) {
    all = all && rows[i].x != nullptr;
    least = i == 0 ? rows[i].column : std::min(least, rows[i].column);
    most = i == 0 ? rows[i].column : std::max(most, rows[i].column);
  }
  // Pixels in [low, high) have all their taps inside.
  const std::int64_t low = std::min(s.out[2], least < 0 ? ceil_div(-least, step) : 0);
  const std::int64_t last = s.in[2] - taps - most;
  const std::int64_t high = std::max(low, last < 0 ? 0 : std::min(s.out[2], last / step + 1));
  const auto edge = [&](std::int64_t p) {
    const Vec<T> g = read(dy + p * channels + channel);
#pragma GCC unroll 4
    for (int i = 0; i < row_count; ++i) {
      if (rows[i].x == nullptr) continue;
#pragma GCC unroll 5
      for (int t = 0; t < taps; ++t) {
        const std::int64_t at = p * step + t, column = rows[i].column + at;
        if (column >= 0 && column < s.in[2]) acc[i][t] += read(rows[i].x + at * channels + channel) * g;
      }
    }
  };
  const auto inner = [&](auto complete) __attribute__((always_inline)) {
    for (int i = 0; i < row_count; ++i) {
      x[i] = complete || rows[i].x != nullptr ? rows[i].x + low * step * channels + channel : nullptr;
    }
    const T* from = dy + low * channels + channel;
    for (std::int64_t p = low; p < high; ++p, from += channels) {
      const Vec<T> g = read(from);
#pragma GCC unroll 4
      for (int i = 0; i < row_count; ++i) {
        if (!complete && x[i] == nullptr) continue;
#pragma GCC unroll 5
        for (int t = 0; t < taps; ++t) acc[i][t] += read(x[i] + t * channels) * g;
        x[i] += step * channels;
      }
    }
  };
  for (std::int64_t p = 0; p < low; ++p) edge(p);
  if (all) {
    inner(std::true_type{});
  } else {
    inner(std::false_type{});
  }
  for (std::int64_t p = high; p < s.out[2]; ++p) edge(p);
}

// Rows [from, to), counted over samples and depths.
struct Band {
  std::int64_t from, to;
};

// Adds a band to the sums of tap rows (pieces of `taps` neighbouring taps) [first, first + row_count), one vector of
// channels.
template <class T, int row_count, int taps, bool kPartial>
void add_band(const Conv<T>& job, Band band, std::int64_t first, std::int64_t channel, std::int64_t lanes, T* dw) {
  const ConvShape& s = job.shape;
  const std::int64_t pieces = s.kernel[2] / taps, count = volume(s.kernel) / taps;
  Vec<T> acc[row_count][taps] = {};
  for (std::int64_t r = band.from; r < band.to; ++r) {
    const std::int64_t sample = r / s.out[1] / s.out[0], depth = r / s.out[1] % s.out[0], row = r % s.out[1];
    SeenRow<T> rows[row_count];
    for (int i = 0; i < row_count; ++i) {
      const std::int64_t k = (first + i) / pieces, column = (first + i) % pieces * taps * s.dilation[2] - s.pad_low[2];
      const std::int64_t d = depth * s.stride[0] + k / s.kernel[1] * s.dilation[0] - s.pad_low[0];
      const std::int64_t h = row * s.stride[1] + k % s.kernel[1] * s.dilation[1] - s.pad_low[1];
      const bool exists = first + i < count && d >= 0 && d < s.in[0] && h >= 0 && h < s.in[1];
      const std::int64_t pixel = ((sample * s.in[0] + d) * s.in[1] + h) * s.in[2] + column;
      rows[i] = {exists ? job.x + pixel * s.out_channels : nullptr, column};
    }
    add_row<T, row_count, taps, kPartial>(acc, rows, s, job.y + r * s.out[2] * s.out_channels, channel, lanes);
  }
  for (int i = 0; i < row_count && first + i < count; ++i) {
    for (int t = 0; t < taps; ++t) {
      T* const at = dw + ((first + i) * taps + t) * s.out_channels + channel;
      store_partial(at, load_partial(at, lanes) + acc[i][t], lanes);
    }
  }
}

template <class T, int row_count, int taps>
void add_channels(const Conv<T>& job, Band band, T* dw) {
  constexpr int W = kLanes<T>;
  const std::int64_t channels = job.shape.out_channels, count = volume(job.shape.kernel) / taps;
  for (std::int64_t c = 0; c < channels; c += W) {
    for (std::int64_t first = 0; first < count; first += row_count) {
      if (c + W <= channels) {
        add_band<T, row_count, taps, false>(job, band, first, c, W, dw);
      } else {
        add_band<T, row_count, taps, true>(job, band, first, c, channels - c, dw);
      }
    }
  }
}

template <class T>
void add(const Conv<T>& job, Band band, T* dw) {
  const ConvShape& s = job.shape;
  // float64 is there for checking gradients: one instance is enough.
  if (sizeof(T) == 4 && s.dilation[2] == 1 && s.kernel[2] == 3) {
    add_channels<T, 3, 3>(job, band, dw);
  } else if (sizeof(T) == 4 && s.dilation[2] == 1 && s.kernel[2] == 5) {
    add_channels<T, 2, 5>(job, band, dw);
  } else {
    add_channels<T, 4, 1>(job, band, dw);
  }
}

std::int64_t slices_of(const ConvShape& s) {
  const std::int64_t rows = s.batch * s.out[0] * s.out[1];
  const std::int64_t work = rows * s.out[2] * s.out_channels * volume(s.kernel);
  return std::clamp<std::int64_t>(std::min(work / kTaskWork, rows / 2), 1, kMostSlices);
}

}  // namespace

template <class T>
std::int64_t depthwise_kernel_gradient_workspace(const ConvShape& s) {
  const std::int64_t slices = slices_of(s);
  return slices == 1 ? 0 : slices * volume(s.kernel) * s.out_channels * static_cast<std::int64_t>(sizeof(T));
}

template <class T>
void depthwise_kernel_gradient(const Conv<T>& job) {
  const ConvShape& s = job.shape;
  const std::int64_t slices = slices_of(s), size = volume(s.kernel) * s.out_channels;
  T* const sums = slices == 1 ? job.result : static_cast<T*>(job.workspace);
  const std::int64_t rows = s.batch * s.out[0] * s.out[1];
  const std::int64_t row_bytes =
      (s.in[2] * s.stride[1] + s.out[2]) * s.out_channels * static_cast<std::int64_t>(sizeof(T));
  const std::int64_t band = std::max<std::int64_t>(1, kBandBytes / std::max<std::int64_t>(1, row_bytes));
  parallel_for(slices, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t slice = first; slice < last; ++slice) {
      T* const dw = sums + slice * size;
      std::fill_n(dw, size, T{0});
      const std::int64_t end = rows * (slice + 1) / slices;
      for (std::int64_t r = rows * slice / slices; r < end; r += band) add(job, {r, std::min(end, r + band)}, dw);
    }
  });
  if (slices == 1) return;
  for (std::int64_t i = 0; i < size; ++i) {
    T sum = sums[i];
    for (std::int64_t slice = 1; slice < slices; ++slice) sum += sums[slice * size + i];
    job.result[i] = sum;
  }
}

template void depthwise_kernel_gradient(const Conv<float>&);
template std::int64_t depthwise_kernel_gradient_workspace<float>(const ConvShape&);
#if defined(ADDAX_FLOAT64_HERE)
template void depthwise_kernel_gradient(const Conv<double>&);
template std::int64_t depthwise_kernel_gradient_workspace<double>(const ConvShape&);
#endif

}  // namespace addax::kernels::ADDAX_ISA_NS
