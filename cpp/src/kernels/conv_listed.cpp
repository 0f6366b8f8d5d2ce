#include <array>
#include <utility>

#include "kernels/bounds.h"
#include "kernels/conv_walk.h"

// Convolutions of images with few channels. A 3×3 kernel on a grey image is nine products a pixel: too few to pay for
// a loop over runs, a call per block and a bias added at the end. Here one call does a row of pixels, block by block;
// the sums begin with the bias, and every product's place is read from a list.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr int W = kLanes<float>;

// Pixels in a block of NV vectors. About a dozen sums hide the latency of the multiplication; with more, the stores of
// one block and the first products of the next overlap less (measured on Zen 4: 28 sums cost some 30 cycles a block).
constexpr int most_pixels(int nv) {
  constexpr int kWide[] = {7, 6, 4, 3};
  return kVectorRegisters == 32 ? kWide[nv - 1] : max_rows<float>(nv);
}

// Stops the compiler from turning a few pointers and a stride into a pointer per row, which would spill.
ADDAX_INLINE void keep(const float*& p) { asm("" : "+r"(p)); }

// `blocks` blocks of MR pixels, NV vectors each.
template <int MR, int NV>
void run_blocks(const ListedRow<float>& row, std::int64_t blocks) {
  constexpr int kGroups = (MR + 2) / 3;  // x86 adds a register times 1 or 2 for free: a pointer for every third pixel
  const std::int64_t step = row.pixel_step;
  const std::int64_t last = row.columns - (NV - 1) * W;
  const std::int64_t result_step = row.result_step, count = row.count;
  const Single* const singles = row.singles;
  const float* const weights = row.w;
  const Bounds<VecF> bounds(row.activation);
  VecF bias[NV] = {};
  if (row.bias != nullptr) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v)
      bias[v] = v < NV - 1 || last == W ? load(row.bias + v * W) : load_partial(row.bias + v * W, last);
  }
  const float* image = row.image;
  float* result = row.result;
  for (std::int64_t block = 0; block < blocks; ++block) {
    VecF acc[MR][NV];
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) acc[i][v] = bias[v];
    for (std::int64_t n = 0; n < count; ++n) {
      const float* p[kGroups];
#pragma GCC unroll 8
      for (int g = 0; g < kGroups; ++g) {
        p[g] = g == 0 ? image + singles[n].a : p[g - 1] + 3 * step;
        keep(p[g]);
      }
      const float* const w = weights + singles[n].b;
      VecF b[NV];
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) b[v] = load(w + v * W);
#pragma GCC unroll 16
      for (int i = 0; i < MR; ++i) {
        const VecF a = splat(p[i / 3][(i % 3) * step]);
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) acc[i][v] += a * b[v];
      }
    }
    const auto finish = [&](auto whole, auto capped) __attribute__((always_inline)) {
#pragma GCC unroll 16
      for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) {
          VecF y = at_least(acc[i][v], bounds.least);
          if (capped) y = at_most(y, bounds.most);
          float* const to = result + i * result_step + v * W;
          if (v < NV - 1 || whole) {
            store(to, y);
          } else {
            store_partial(to, y, last);
          }
        }
      }
    };
    using Yes = std::true_type;
    using No = std::false_type;
    if (last < W) {
      finish(No{}, Yes{});
    } else if (row.activation == Activation::relu6) {
      finish(Yes{}, Yes{});
    } else {
      finish(Yes{}, No{});
    }
    image += MR * step;
    result += MR * result_step;
  }
}

using BlocksFunction = void (*)(const ListedRow<float>&, std::int64_t);
constexpr int kMostPixels = most_pixels(1);

template <int NV, int... I>
constexpr std::array<BlocksFunction, kMostPixels> instances(std::integer_sequence<int, I...>) {
  return {&run_blocks<I + 1, NV>...};
}
template <int NV>
constexpr std::array<BlocksFunction, kMostPixels> instances() {
  if constexpr (NV <= kMaxVectors<float>) {
    return instances<NV>(std::make_integer_sequence<int, most_pixels(NV)>{});
  } else {
    return {};
  }
}
constexpr std::array<std::array<BlocksFunction, kMostPixels>, 4> kInstances = {instances<1>(), instances<2>(),
                                                                               instances<3>(), instances<4>()};

}  // namespace

void run_listed_row(const ListedRow<float>& row, int vectors) {
  const auto& table = kInstances[static_cast<std::size_t>(vectors - 1)];
  const std::int64_t blocks = ceil_div(row.pixels, most_pixels(vectors));
  const std::int64_t rows = row.pixels / blocks, larger = row.pixels % blocks;
  ListedRow<float> rest = row;
  if (larger > 0) {
    table[static_cast<std::size_t>(rows)](row, larger);
    rest.image += larger * (rows + 1) * row.pixel_step;
    rest.result += larger * (rows + 1) * row.result_step;
  }
  table[static_cast<std::size_t>(rows - 1)](rest, blocks - larger);
}

}  // namespace addax::kernels::ADDAX_ISA_NS
