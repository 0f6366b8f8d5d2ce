#include "kernels/depthwise_row.h"

#include <algorithm>

#include "kernels/bounds.h"

// Blocks of up to eight neighbouring pixels: eight sums hide the latency of the multiplication. The weights of a run of
// taps stay in registers, each pixel of the image is loaded once per run and meets every tap that wants it: 3×3 of
// stride 1 takes 10 loads for 24 multiplications, so that the multiplications decide. The compiler has to be held to
// that (`keep_loaded`): with a load for each multiplication it is 50 GFLOP/s instead of 90.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

// Stops the compiler from turning a pointer and a stride into a pointer per pixel, which would spill.
template <class T>
ADDAX_INLINE void keep(T*& p) {
  asm("" : "+r"(p));
}
// Keeps a vector of pixels in its register: x86 would rather load it again for each multiplication.
template <class V>
ADDAX_INLINE void keep_loaded([[maybe_unused]] V& v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__x86_64__)
  asm("" : "+x"(v));
#endif
}

template <class T>
using BlocksFunction = void (*)(const DepthwiseRow<T>&, std::int64_t pixel, std::int64_t blocks, std::int64_t channel,
                                std::int64_t lanes);

// `blocks` times `count` output pixels, from `pixel` on. step 0: that of the row. kInner: whole vectors, and all taps
// in the image.
template <class T, int taps, int fixed_step, int count, bool kInner>
void run_blocks(const DepthwiseRow<T>& row, std::int64_t pixel, std::int64_t blocks, std::int64_t channel,
                std::int64_t lanes) {
  const auto read = [&](const T* p) __attribute__((always_inline)) {
    return kInner ? load(p) : load_partial(p, lanes);
  };
  const std::int64_t step = fixed_step == 0 ? row.step : fixed_step;
  const std::int64_t channels = row.channels, columns = row.columns, tap_step = row.tap_step;
  const std::int64_t out_pixel = row.out_pixel, new_rows = row.new_rows;
  const TapRun<T>* const runs = row.runs;
  const TapRun<T>* const end = runs + row.run_count;
  const Bounds<Vec<T>> bounds(row.activation);
  const Vec<T> bias = row.bias == nullptr ? Vec<T>{} : read(row.bias + channel);
  T* out = row.out + pixel * out_pixel + channel;
  for (; blocks > 0; --blocks, pixel += count) {
    const std::int64_t offset = pixel * step * channels + channel;
    Vec<T> acc[count];
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i) acc[i] = bias;
    for (const TapRun<T>* run = runs; run < end; ++run) {
      const T* x = run->image + offset;
      const T* const weights = run->w + channel;
      const std::int64_t column = run->column + pixel * step;
      const auto missing = [&](std::int64_t at) __attribute__((always_inline)) {
        return !kInner && (column + at < 0 || column + at >= columns);
      };
      Vec<T> w[taps];
#pragma GCC unroll 5
      for (int t = 0; t < taps; ++t) w[t] = read(weights + t * tap_step);
      if constexpr (fixed_step == 0) {
#pragma GCC unroll 8
        for (int i = 0; i < count; ++i) {
          if (!missing(i * step)) acc[i] += read(x) * w[0];
          x += step * channels;
          keep(x);
        }
      } else {
#pragma GCC unroll 19
        for (int j = 0; j < (count - 1) * fixed_step + taps; ++j) {
          if (!missing(j)) {
            Vec<T> v = read(x);
            keep_loaded(v);
#pragma GCC unroll 8
            for (int i = 0; i < count; ++i) {
              const int t = j - i * fixed_step;
              if (t >= 0 && t < taps) acc[i] += v * w[t];
            }
          }
          x += channels;
          keep(x);
        }
      }
    }
    if constexpr (kInner && fixed_step != 0) {
      const T* next = end[-1].image + offset;
      for (std::int64_t r = 0; r < new_rows; ++r) {
        next += columns * channels;
        const T* at = next;
#pragma GCC unroll 16
        for (int j = 0; j < count * fixed_step; ++j) {
          __builtin_prefetch(at);
          at += channels;
          keep(at);
        }
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i) {
      const Vec<T> y = bounds(acc[i]);
      if (kInner) {
        store(out, y);
      } else {
        store_partial(out, y, lanes);
      }
      out += out_pixel;
      keep(out);
    }
  }
}

template <class T, int taps, int step, bool kInner>
constexpr BlocksFunction<T> kBlocks[9] = {nullptr,
                                          run_blocks<T, taps, step, 1, kInner>,
                                          run_blocks<T, taps, step, 2, kInner>,
                                          run_blocks<T, taps, step, 3, kInner>,
                                          run_blocks<T, taps, step, 4, kInner>,
                                          nullptr,
                                          run_blocks<T, taps, step, 6, kInner>,
                                          run_blocks<T, taps, step, 7, kInner>,
                                          run_blocks<T, taps, step, 8, kInner>};

// The next block of a row that has n pixels left: never a single one unless there is no other.
std::int64_t next_block(std::int64_t n) {
  constexpr std::int64_t kNext[] = {0, 1, 2, 3, 4, 3, 6, 7, 8, 6, 6};
  return n < 11 ? kNext[n] : 8;
}

template <class T, int taps, int step>
void run(const DepthwiseRow<T>& row, std::int64_t channel, std::int64_t lanes) {
  const auto inner = [&](std::int64_t p, std::int64_t n) {
    return row.run_count > 0 && lanes == kLanes<T> && row.first_column + p * row.step >= 0 &&
           row.last_column + (p + n - 1) * row.step + taps <= row.columns;
  };
  for (std::int64_t p = 0; p < row.pixels;) {
    const std::int64_t n = next_block(row.pixels - p);
    const bool whole = inner(p, n);
    std::int64_t blocks = 1;
    const auto alike = [&](std::int64_t q) { return next_block(row.pixels - q) == n && inner(q, n); };
    while (whole && alike(p + blocks * n)) ++blocks;
    (whole ? kBlocks<T, taps, step, true> : kBlocks<T, taps, step, false>)[n](row, p, blocks, channel, lanes);
    p += blocks * n;
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
