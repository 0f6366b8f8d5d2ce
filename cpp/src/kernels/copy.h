// Moving items about: strided copies (slice, concatenate, flip, slice_update), filling, padding. Items are bytes of
// width 1, 2, 4 or 8; what they mean does not matter here, so one copy serves every dtype.
#pragma once

#include <cstdint>

namespace addax::kernels {

inline constexpr int kMaxCopyRank = 16;

// out[Σ i_d · out_strides[d]] = in[Σ i_d · in_strides[d]] for all 0 ≤ i_d < sizes[d]. Strides count items and may be
// negative; `in` and `out` point at index 0.
struct StridedCopy {
  const void* in;
  void* out;
  int item;  // bytes
  int rank;  // ≤ kMaxCopyRank
  const std::int64_t* sizes;
  const std::int64_t* in_strides;
  const std::int64_t* out_strides;
};
void copy_strided(const StridedCopy& job);

// out[0 … count) = the item at `value`.
void fill(void* out, const void* value, int item, std::int64_t count);

enum class PadMode { constant, reflect, symmetric, edge };

// out has sizes[d] + low[d] + high[d] items along d. `reflect` needs sizes[d] > 1 where something is padded,
// `symmetric` and `edge` sizes[d] > 0; pads longer than the input go on mirroring, as in NumPy. low and high may be
// negative with `constant`: they crop.
struct Pad {
  const void* in;
  void* out;
  int item;
  int rank;
  const std::int64_t* sizes;
  const std::int64_t* low;
  const std::int64_t* high;
  PadMode mode;
  const void* value;  // one item; used by `constant`
};
void pad(const Pad& job);

}  // namespace addax::kernels
