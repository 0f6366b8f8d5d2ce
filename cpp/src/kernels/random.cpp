#include "kernels/random.h"

#include "base/parallel.h"
#include "kernels/vmath.h"

namespace addax::kernels::ADDAX_ISA_NS {
namespace {

using std::int64_t;
using std::uint64_t;

using VecU = Vec<std::uint32_t>;
using VecUL = Vec<uint64_t>;
constexpr int kBlocks = kLanes<uint64_t>;  // computed at once, one per 64-bit lane
constexpr int kWords = 4 * kBlocks;        // two vectors of words
constexpr int64_t kGrain = 16384;          // a multiple of kWords

// Products of the lanes' lower halves.
ADDAX_INLINE VecUL multiply_low(VecUL a, VecUL b) {
#if defined(__AVX512F__)
  return (VecUL)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (VecUL)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__x86_64__)
  return (VecUL)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

struct TwoVectors {
  VecU v[2];
};

template <class V>
struct Interleave {
  static constexpr int n = static_cast<int>(sizeof(V) / sizeof(Lane<V>));
  template <int half>
  static ADDAX_INLINE V of(V a, V b) {  // a0 b0 a1 b1 …
    Vec<MaskLane<Lane<V>>> order;
    for (int i = 0; i < n; ++i) order[i] = half * (n / 2) + i / 2 + (i % 2) * n;
    return __builtin_shuffle(a, b, order);
  }
};
// Lanes 0, 2, 4, … (odd = 0) or 1, 3, 5, … of two vectors in a row.
template <int odd, class V>
ADDAX_INLINE V every_other(V a, V b) {
  Vec<MaskLane<Lane<V>>> order;
  for (int i = 0; i < Interleave<V>::n; ++i) order[i] = 2 * i + odd;
  return __builtin_shuffle(a, b, order);
}

// The words of kBlocks blocks from `block` on, in order. Only the lower halves of the lanes count until the end: the
// products ignore the upper ones.
ADDAX_INLINE TwoVectors words(Stream stream, uint64_t block) {
  const VecUL b = splat<uint64_t>(block) + lane_index<uint64_t>();
  VecUL c0 = b, c1 = b >> 32, c2 = splat<uint64_t>(stream.counter & 0xffffffffu),
        c3 = splat<uint64_t>(stream.counter >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(stream.seed), k1 = static_cast<std::uint32_t>(stream.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const VecUL p0 = multiply_low(c0, splat<uint64_t>(0xD2511F53u)),
                p1 = multiply_low(c2, splat<uint64_t>(0xCD9E8D57u));
    c0 = (p1 >> 32) ^ c1 ^ splat<uint64_t>(k0);
    c2 = (p0 >> 32) ^ c3 ^ splat<uint64_t>(k1);
    c1 = p1;
    c3 = p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  const VecUL first = (c0 & 0xffffffffu) | c1 << 32, second = (c2 & 0xffffffffu) | c3 << 32;
  return {{(VecU)Interleave<VecUL>::of<0>(first, second), (VecU)Interleave<VecUL>::of<1>(first, second)}};
}

// out[i] = the lanes that f makes of the words; f takes and gives two vectors.
template <class F>
void generate(Stream stream, float* out, int64_t n, F f) {
  parallel_for(n, kGrain, [=](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i += kWords) {
      VecF y[2];
      f(words(stream, static_cast<uint64_t>(i / 4)), y);
      if (i + kWords <= last) {
        store(out + i, y[0]);
        store(out + i + kLanesF, y[1]);
      } else {
        const int64_t rest = last - i, head = rest < kLanesF ? rest : kLanesF;
        store_partial(out + i, y[0], head);
        store_partial(out + i + head, y[1], rest - head);
      }
    }
  });
}

void uniform(Stream stream, float* out, int64_t n) {
  generate(stream, out, n, [](const TwoVectors& w, VecF y[2]) {
    for (int k = 0; k < 2; ++k) y[k] = convert<float>((VecI)(w.v[k] >> 8)) * 0x1p-24f;
  });
}

// G. Box and M. Muller, "A note on the generation of random normal deviates" (1958). The angle's quadrant comes from
// two bits of its word, so that sine and cosine need no reduction.
void normal(Stream stream, float* out, int64_t n) {
  generate(stream, out, n, [](const TwoVectors& w, VecF y[2]) {
    const VecU radius_word = every_other<0>(w.v[0], w.v[1]), angle_word = every_other<1>(w.v[0], w.v[1]);
    const VecF u = (convert<float>((VecI)(radius_word >> 1)) + 1.0f) * 0x1p-31f;  // (0, 1]
    const VecF radius = sqrt(-2.0f * log(u));
    const SineCosine s = sine_cosine(convert<float>((VecI)(angle_word << 2)) * 3.65724099e-10f);  // π/2 · 2^-32
    const VecI odd = (VecI)((angle_word >> 30) & 1) != 0;
    const VecI sign = (VecI)(angle_word & 0x80000000u);
    const VecF x = select(odd, -s.sine, s.cosine), z = select(odd, s.cosine, s.sine);
    const VecF even = radius * as<float>(as<std::int32_t>(x) ^ sign),
               other = radius * as<float>(as<std::int32_t>(z) ^ sign);
    y[0] = Interleave<VecF>::of<0>(even, other);
    y[1] = Interleave<VecF>::of<1>(even, other);
  });
}

void truncated_normal(Stream stream, float* out, int64_t n) {
  generate(stream, out, n, [](const TwoVectors& w, VecF y[2]) {
    for (int k = 0; k < 2; ++k) {
      // 23 bits and a half: symmetric about 0 and never ±1. P(|z| ≤ 2) = erf(√2).
      const VecF x = (convert<float>((VecI)(w.v[k] >> 9)) + 0.5f) * 0x1p-22f - 1.0f;
      y[k] = clamp_keeping_nan(1.41421356f * erfinv(x * 0.954499736f), -2.0f, 2.0f);
    }
  });
}

}  // namespace

void fill(RandomKernels& table) {
  table.uniform_f32 = uniform;
  table.normal_f32 = normal;
  table.truncated_normal_f32 = truncated_normal;
}

}  // namespace addax::kernels::ADDAX_ISA_NS
