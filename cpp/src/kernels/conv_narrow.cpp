#include <utility>

#include "kernels/conv_walk.h"
#include "kernels/epilogue.h"

// Convolutions to few channels: the image's channels fill the vectors, and every output value is the sum of one. A
// block of pixels by channels shares its loads; the vectors of several pixels are summed up together.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

// Of each block of `size` lanes, the first (or second) half of a's, then that of b's.
template <int size, bool second, class V, int... I>
ADDAX_INLINE V halves(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int W = sizeof...(I), half = size / 2;
  return __builtin_shufflevector(a, b, ((I % size < half ? I : W + I - half) + (second ? half : 0))...);
}

// v[0], whose lanes hold the sums of v's vectors, `count` of them: that of vector i in each lane of a block, the blocks
// in the order of i's bits reversed.
template <int count, int size, class V>
ADDAX_INLINE void sum_together(V* v) {
  constexpr std::make_integer_sequence<int, kLanes<Lane<V>>> lanes{};
  if constexpr (count > 1) {
#pragma GCC unroll 8
    for (int i = 0; i < count / 2; ++i)
      v[i] = halves<size, false>(v[2 * i], v[2 * i + 1], lanes) + halves<size, true>(v[2 * i], v[2 * i + 1], lanes);
    sum_together<count / 2, size / 2>(v);
  } else if constexpr (size > 1) {
    v[0] = halves<size, false>(v[0], v[0], lanes) + halves<size, true>(v[0], v[0], lanes);
    sum_together<1, size / 2>(v);
  }
}

// The block of sums that holds vector i of `count`.
template <int count>
constexpr int place(int i) {
  int at = 0;
  for (int bit = 1; bit < count; bit *= 2) at = 2 * at + (i & bit ? 1 : 0);
  return at;
}

// Output channels [0, channels) of `pixels` pixels.
template <class T, int pixels, int channels>
void dot_block(const DotRow<T>& d, const T* image, T* result) {
  constexpr int W = kLanes<T>;
  const std::int64_t step = d.pixel_step, w_step = d.w_step, run_count = d.run_count;
  const T* const weights = d.w;
  const RunOf* const runs = d.runs;
  Vec<T> acc[channels][pixels] = {};
  const auto add = [&](auto partial, const T* x, const T* w, std::int64_t lanes) __attribute__((always_inline)) {
    const auto read = [&](const T* p) __attribute__((always_inline)) {
      return partial ? load_partial(p, lanes) : load(p);
    };
    Vec<T> wv[channels];
#pragma GCC unroll 4
    for (int o = 0; o < channels; ++o) wv[o] = read(w + o * w_step);
#pragma GCC unroll 8
    for (int i = 0; i < pixels; ++i) {
      const Vec<T> xv = read(x + i * step);
#pragma GCC unroll 4
      for (int o = 0; o < channels; ++o) acc[o][i] += xv * wv[o];
    }
  };
  for (std::int64_t r = 0; r < run_count; ++r) {
    const T* const x = image + runs[r].a;
    const T* const w = weights + runs[r].b;
    const std::int64_t length = runs[r].k;
    std::int64_t k = 0;
    for (; k + W <= length; k += W) add(std::false_type{}, x + k, w + k, W);
    if (k < length) add(std::true_type{}, x + k, w + k, length - k);
  }
#pragma GCC unroll 4
  for (int o = 0; o < channels; ++o) {
    sum_together<pixels, W>(acc[o]);
    T lanes[W], sums[pixels];
    store(lanes, acc[o][0]);
    for (int i = 0; i < pixels; ++i) sums[i] = lanes[place<pixels>(i) * (W / pixels)];
    finish_row(sums, pixels, d.bias == nullptr ? nullptr : d.bias + o, 0, d.activation);
    for (int i = 0; i < pixels; ++i) result[i * d.result_step + o] = sums[i];
  }
}

template <class T, int channels>
void dot_row(const DotRow<T>& d) {
  // Sums enough to hide the latency of the multiplication; no more pixels than lanes.
  constexpr int kPixels = channels == 1 && kLanes<T> >= 8 ? 8 : kLanes<T> >= 4 ? 4 : kLanes<T>;
  std::int64_t i = 0;
  for (; i + kPixels <= d.pixels; i += kPixels)
    dot_block<T, kPixels, channels>(d, d.image + i * d.pixel_step, d.result + i * d.result_step);
  for (; i < d.pixels; ++i) dot_block<T, 1, channels>(d, d.image + i * d.pixel_step, d.result + i * d.result_step);
}

}  // namespace

template <class T>
void run_dot_row(const DotRow<T>& d) {
  switch (d.out_channels) {
    case 4:
      return dot_row<T, 4>(d);
    case 3:
      return dot_row<T, 3>(d);
    case 2:
      return dot_row<T, 2>(d);
    default:
      return dot_row<T, 1>(d);
  }
}

template void run_dot_row(const DotRow<float>&);
#if defined(ADDAX_FLOAT64_HERE)
template void run_dot_row(const DotRow<double>&);
#endif

}  // namespace addax::kernels::ADDAX_ISA_NS
