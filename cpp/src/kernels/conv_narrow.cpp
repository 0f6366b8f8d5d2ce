#include "kernels/conv_walk.h"
#include "kernels/epilogue.h"

// Convolutions to few channels: the image's channels fill the vectors, and every output value is the sum of one.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

// sums[i] = Σ over the runs of pixel i times w.
template <class T, int count>
ADDAX_INLINE void dot_pixels(const DotRow<T>& d, const T* image, const T* w, T* sums) {
  constexpr int W = kLanes<T>;
  const std::int64_t step = d.pixel_step;
  Vec<T> acc[count] = {};
  for (std::int64_t r = 0; r < d.run_count; ++r) {
    const T* x = image + d.runs[r].a;
    const T* y = w + d.runs[r].b;
    const std::int64_t length = d.runs[r].k;
    std::int64_t k = 0;
    for (; k + W <= length; k += W) {
      const Vec<T> weights = load(y + k);
#pragma GCC unroll 8
      for (int i = 0; i < count; ++i) acc[i] += load(x + i * step + k) * weights;
    }
    if (k == length) continue;
    const std::int64_t lanes = length - k;
    const Vec<T> weights = load_partial(y + k, lanes);
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i) acc[i] += load_partial(x + i * step + k, lanes) * weights;
  }
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) sums[i] = reduce_add(acc[i]);
}

}  // namespace

template <class T>
void run_dot_row(const DotRow<T>& d) {
  for (std::int64_t o = 0; o < d.out_channels; ++o) {
    const auto pixels = [&]<int count>(std::integral_constant<int, count>, std::int64_t pixel) {
      T sums[count];
      dot_pixels<T, count>(d, d.image + pixel * d.pixel_step, d.w + o * d.w_step, sums);
      finish_row(sums, count, d.bias == nullptr ? nullptr : d.bias + o, 0, d.activation);
      for (int i = 0; i < count; ++i) d.result[(pixel + i) * d.result_step + o] = sums[i];
    };
    std::int64_t pixel = 0;
    for (; pixel + 8 <= d.pixels; pixel += 8) pixels(std::integral_constant<int, 8>{}, pixel);
    for (; pixel + 2 <= d.pixels; pixel += 2) pixels(std::integral_constant<int, 2>{}, pixel);
    for (; pixel < d.pixels; ++pixel) pixels(std::integral_constant<int, 1>{}, pixel);
  }
}

template void run_dot_row(const DotRow<float>&);
template void run_dot_row(const DotRow<double>&);

}  // namespace addax::kernels::ADDAX_ISA_NS
