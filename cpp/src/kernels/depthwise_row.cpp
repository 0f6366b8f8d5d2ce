#include "kernels/depthwise_row.h"

#include <algorithm>

#include "kernels/epilogue.h"

// Blocks of up to eight neighbouring pixels: eight sums hide the latency of the multiplication. The weights of a run of
// taps stay in registers, each pixel of the image is loaded once per run and meets every tap that wants it: 3×3 of
// stride 1 takes 10 loads for 24 multiplications, so that the multiplications decide.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

template <class T>
using BlockFunction = void (*)(const DepthwiseRow<T>&, std::int64_t pixel, std::int64_t channel, std::int64_t lanes);

// `count` output pixels from `pixel` on. step 0: that of the row. kInner: whole vectors, and all taps in the image.
template <class T, int taps, int fixed_step, int count, bool kInner>
void block(const DepthwiseRow<T>& row, std::int64_t pixel, std::int64_t channel, std::int64_t lanes) {
  const auto read = [&](const T* p) __attribute__((always_inline)) {
    return kInner ? load(p) : load_partial(p, lanes);
  };
  const std::int64_t step = fixed_step == 0 ? row.step : fixed_step;
  Vec<T> acc[count] = {};
  for (std::int64_t r = 0; r < row.run_count; ++r) {
    const TapRun<T>& run = row.runs[r];
    const std::int64_t column = run.column + pixel * step;
    const T* const x = run.image + pixel * step * row.channels + channel;
    const auto missing = [&](std::int64_t at) { return !kInner && (column + at < 0 || column + at >= row.columns); };
    Vec<T> w[taps];
#pragma GCC unroll 5
    for (int t = 0; t < taps; ++t) w[t] = read(run.w + t * row.tap_step + channel);
    if constexpr (fixed_step == 0) {
#pragma GCC unroll 8
      for (int i = 0; i < count; ++i) {
        if (!missing(i * step)) acc[i] += read(x + i * step * row.channels) * w[0];
      }
    } else {
#pragma GCC unroll 19
      for (int j = 0; j < (count - 1) * fixed_step + taps; ++j) {
        if (missing(j)) continue;
        const Vec<T> v = read(x + j * row.channels);
#pragma GCC unroll 8
        for (int i = 0; i < count; ++i) {
          const int t = j - i * fixed_step;
          if (t >= 0 && t < taps) acc[i] += v * w[t];
        }
      }
    }
  }
  if constexpr (kInner && fixed_step != 0) {
    const T* next = row.runs[row.run_count - 1].image + pixel * step * row.channels + channel;
    for (std::int64_t r = 0; r < row.new_rows; ++r) {
      next += row.columns * row.channels;
#pragma GCC unroll 16
      for (int j = 0; j < count * fixed_step; ++j) __builtin_prefetch(next + j * row.channels);
    }
  }
  const Vec<T> bias = row.bias == nullptr ? Vec<T>{} : read(row.bias + channel);
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) {
    const Vec<T> y = activate(acc[i] + bias, row.activation);
    T* const at = row.out + (pixel + i) * row.out_pixel + channel;
    if (kInner) {
      store(at, y);
    } else {
      store_partial(at, y, lanes);
    }
  }
}

template <class T, int taps, int step, bool kInner>
constexpr BlockFunction<T> kBlocks[9] = {nullptr,
                                         block<T, taps, step, 1, kInner>,
                                         block<T, taps, step, 2, kInner>,
                                         block<T, taps, step, 3, kInner>,
                                         block<T, taps, step, 4, kInner>,
                                         nullptr,
                                         block<T, taps, step, 6, kInner>,
                                         nullptr,
                                         block<T, taps, step, 8, kInner>};

// The next block of a row that has n pixels left: never a single one unless there is no other.
std::int64_t next_block(std::int64_t n) {
  constexpr std::int64_t kNext[] = {0, 1, 2, 3, 4, 3, 6, 4, 8, 6, 6};
  return n < 11 ? kNext[n] : 8;
}

template <class T, int taps, int step>
void run(const DepthwiseRow<T>& row, std::int64_t channel, std::int64_t lanes) {
  for (std::int64_t p = 0; p < row.pixels;) {
    const std::int64_t n = next_block(row.pixels - p);
    const bool inner = row.run_count > 0 && lanes == kLanes<T> && row.first_column + p * row.step >= 0 &&
                       row.last_column + (p + n - 1) * row.step + taps <= row.columns;
    (inner ? kBlocks<T, taps, step, true> : kBlocks<T, taps, step, false>)[n](row, p, channel, lanes);
    p += n;
  }
}

template <class T>
void dispatch(const DepthwiseRow<T>& row, std::int64_t taps, std::int64_t channel, std::int64_t lanes) {
  if (taps == 3) {
    row.step == 1 ? run<T, 3, 1>(row, channel, lanes) : run<T, 3, 2>(row, channel, lanes);
  } else if (taps == 5) {
    row.step == 1 ? run<T, 5, 1>(row, channel, lanes) : run<T, 5, 2>(row, channel, lanes);
  } else if (taps == 2) {
    run<T, 2, 1>(row, channel, lanes);
  } else {
    run<T, 1, 0>(row, channel, lanes);
  }
}

}  // namespace

void depthwise_row(const DepthwiseRow<float>& row, std::int64_t taps, std::int64_t channel, std::int64_t lanes) {
  dispatch(row, taps, channel, lanes);
}

#if defined(ADDAX_FLOAT64_HERE)
void depthwise_row(const DepthwiseRow<double>& row, std::int64_t, std::int64_t channel, std::int64_t lanes) {
  run<double, 1, 0>(row, channel, lanes);
}
#endif

}  // namespace addax::kernels::ADDAX_ISA_NS
