// What the convolutions share: taps, which of them meet an input pixel, and copies of rows of an image.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/conv.h"
#include "kernels/simd.h"
#include "kernels/sizes.h"

namespace addax::kernels::ADDAX_ISA_NS {

struct Tap {
  std::int64_t at[kSpatial];  // the pixel it reads for output pixel 0
  std::int64_t index;         // within the kernel
  std::int64_t plane;         // which of the depths that the taps read
};

// The taps of a forward convolution, in the kernel's order.
inline std::int64_t forward_taps(const ConvShape& s, Tap* taps) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < s.kernel[0]; ++i) {
    for (std::int64_t j = 0; j < s.kernel[1]; ++j) {
      for (std::int64_t l = 0; l < s.kernel[2]; ++l) {
        taps[count] = {
            {i * s.dilation[0] - s.pad_low[0], j * s.dilation[1] - s.pad_low[1], l * s.dilation[2] - s.pad_low[2]},
            count,
            i};
        ++count;
      }
    }
  }
  return count;
}

// The next tap along dimension d, from `tap` downwards, that reaches input positions phase + stride · q; -1 if there is
// none.
inline std::int64_t next_reach(const ConvShape& s, int d, std::int64_t phase, std::int64_t tap) {
  while (tap >= 0 && (phase + s.pad_low[d] - tap * s.dilation[d]) % s.stride[d] != 0) --tap;
  return tap;
}

// The data gradient at input positions phase + stride · q is a convolution of dL/dy: its taps, as offsets into dL/dy
// for q = 0, in ascending order of place. Sets the number of planes among them.
inline std::int64_t gradient_taps(const ConvShape& s, const std::int64_t (&phase)[kSpatial], Tap* taps,
                                  std::int64_t& planes) {
  const auto place = [&](int d, std::int64_t tap) {
    return (phase[d] + s.pad_low[d] - tap * s.dilation[d]) / s.stride[d];
  };
  const auto first = [&](int d) { return next_reach(s, d, phase[d], s.kernel[d] - 1); };
  const auto next = [&](int d, std::int64_t tap) { return next_reach(s, d, phase[d], tap - 1); };
  std::int64_t count = 0;
  planes = 0;
  for (std::int64_t i = first(0); i >= 0; i = next(0, i), ++planes) {
    for (std::int64_t j = first(1); j >= 0; j = next(1, j)) {
      for (std::int64_t l = first(2); l >= 0; l = next(2, l)) {
        taps[count++] = {{place(0, i), place(1, j), place(2, l)}, (i * s.kernel[1] + j) * s.kernel[2] + l, planes};
      }
    }
  }
  return count;
}

// How many positions a phase of the stride has.
inline std::int64_t phase_count(std::int64_t in, std::int64_t phase, std::int64_t stride) {
  return in <= phase ? 0 : (in - phase + stride - 1) / stride;
}

// Calls body(phase) for every phase that has positions.
template <class Body>
void for_each_phase(const ConvShape& s, const Body& body) {
  std::int64_t phase[kSpatial];
  for (phase[0] = 0; phase[0] < std::min(s.stride[0], s.in[0]); ++phase[0]) {
    for (phase[1] = 0; phase[1] < std::min(s.stride[1], s.in[1]); ++phase[1]) {
      for (phase[2] = 0; phase[2] < std::min(s.stride[2], s.in[2]); ++phase[2]) body(phase);
    }
  }
}

inline std::int64_t volume(const std::int64_t (&size)[kSpatial]) { return size[0] * size[1] * size[2]; }
inline std::int64_t whole_lines(std::int64_t bytes) { return ceil_div(bytes, 64) * 64; }

// Moves trailing dimensions of size 1 to the front: the innermost is the one that has blocks.
inline ConvShape canonical(ConvShape s) {
  for (int round = 0; round + 1 < kSpatial; ++round) {
    if (s.in[2] != 1 || s.out[2] != 1 || s.kernel[2] != 1 || s.pad_low[2] != 0) break;
    for (auto* field : {&s.in, &s.out, &s.kernel, &s.stride, &s.dilation, &s.pad_low}) {
      std::int64_t(&f)[kSpatial] = *field;
      std::rotate(f, f + 2, f + 3);
    }
  }
  return s;
}

// Copies columns [first_column, first_column + columns) of a row of pixels, zeros outside the image, `channels` of each
// pixel, to pixels `pitch` apart.
template <class T>
void copy_row(const T* row, std::int64_t pixel, std::int64_t in_columns, T* to, std::int64_t pitch,
              std::int64_t first_column, std::int64_t columns, std::int64_t channels) {
  const std::int64_t begin = std::clamp<std::int64_t>(-first_column, 0, columns);
  const std::int64_t end = std::clamp<std::int64_t>(in_columns - first_column, begin, columns);
  const auto bytes = [&](std::int64_t n) { return static_cast<std::size_t>(n) * sizeof(T); };
  std::memset(to, 0, bytes(begin * pitch));
  if (pixel == pitch) {
    if (end > begin) {
      std::memcpy(to + begin * pitch, row + (first_column + begin) * pixel, bytes((end - begin) * pixel));
    }
  } else {
    for (std::int64_t c = begin; c < end; ++c) {
      std::memcpy(to + c * pitch, row + (first_column + c) * pixel, bytes(channels));
    }
  }
  std::memset(to + end * pitch, 0, bytes((columns - end) * pitch));
}

// Where the pixels of a piece of an image lie: the image itself, or the copy of some of its rows.
template <class T>
struct Source {
  const T* base;
  std::int64_t pixel;      // elements between pixels
  std::int64_t row;        // between rows
  std::int64_t plane;      // between planes
  std::int64_t first_row;  // in the image, of row 0 here
  std::int64_t first_column;
  const T* end = nullptr;  // of the memory that holds the pixels
};

}  // namespace addax::kernels::ADDAX_ISA_NS
