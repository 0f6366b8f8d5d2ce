#include "kernels/conv_weights.h"

#include "kernels/pack.h"

// The layouts of a convolution's weights.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

// Products of an output value up to which their places are listed one by one (conv_listed.cpp), and how many of them
// one run would hold. Measured on Zen 4: 6 points of the peak better than runs at 16 channels, 12 at one, none from 64
// on.
constexpr std::int64_t kListedProducts = 512;
constexpr std::int64_t kListedRun = 160;
// Pixels that stand for "many" when the width of panels is chosen.
constexpr std::int64_t kManyPixels = 1 << 12;

// For dot products: the weights of one output channel after those of the other.
template <class T>
void pack_rows_of_weights(const WeightPlan& p, const T* w, T* packed) {
  const std::int64_t stride = p.groups * (p.transposed ? p.in_channels : p.out_channels);
  const std::int64_t tap_size = (p.transposed ? p.out_channels : p.in_channels) * stride;
  for (std::int64_t q = 0; q < p.groups * p.out_channels; ++q) {
    const std::int64_t group = q / p.out_channels, o = q % p.out_channels;
    for (std::int64_t t = 0; t < p.slots; ++t) {
      const T* from = w + t * tap_size;
      T* to = packed + (q * p.slots + slot_of(p, t)) * p.in_channels;
      for (std::int64_t c = 0; c < p.in_channels; ++c)
        to[c] =
            p.transposed ? from[o * stride + group * p.in_channels + c] : from[c * stride + group * p.out_channels + o];
    }
  }
}

}  // namespace

template <class T>
WeightPlan plan_weights(const ConvShape& s, bool transposed) {
  WeightPlan p = weights_of(s, transposed);
  p.narrow = p.out_channels <= kLanes<T> / 4 && p.in_channels >= kLanes<T> / 2;
  p.listed = sizeof(T) == 4 && !p.narrow && p.slots * p.in_channels <= kListedProducts &&
             (s.dilation[2] == 1 ? p.row : 1) * p.in_channels <= kListedRun;
  p.vectors = choose_blocking(kManyPixels, p.out_channels, T{}).vectors;
  p.width = p.narrow ? p.out_channels : p.vectors * kLanes<T>;
  p.panels = p.narrow ? 1 : ceil_div(p.out_channels, p.width);
  // Listed values are read in whole vectors, which would run over the end of w.
  p.lies_right = !transposed && !p.narrow && p.panels == 1 && (!p.listed || p.out_channels % kLanes<T> == 0);
  return p;
}

// Forward, the kernel's own order. The taps of a row that a phase of the data gradient reads are those congruent
// modulo the stride, from the last to the first: slots put the classes after one another, each turned round.
std::int64_t slot_of(const WeightPlan& p, std::int64_t index) {
  if (!p.transposed) return index;
  const std::int64_t tap = index % p.row, phase = tap % p.stride;
  std::int64_t slot = index - tap;
  for (std::int64_t before = 0; before < phase; ++before) slot += ceil_div(p.row - before, p.stride);
  return slot + ceil_div(p.row - phase, p.stride) - 1 - tap / p.stride;
}

template <class T>
void pack_weights(const WeightPlan& p, const T* w, T* packed) {
  if (p.narrow) return pack_rows_of_weights(p, w, packed);
  const std::int64_t block = p.in_channels * p.width;
  for_each_panel_of_weights(p, w, [&](const T* from, std::int64_t stride, std::int64_t columns, std::int64_t slot) {
    pack_panel(from, stride, p.transposed, packed + slot * block, p.width, p.in_channels, columns);
  });
}

template WeightPlan plan_weights<float>(const ConvShape&, bool);
template void pack_weights(const WeightPlan&, const float*, float*);
#if defined(ADDAX_FLOAT64_HERE)
template WeightPlan plan_weights<double>(const ConvShape&, bool);
template void pack_weights(const WeightPlan&, const double*, double*);
#endif

}  // namespace addax::kernels::ADDAX_ISA_NS
