// One row of a depthwise convolution's output: every channel by itself, channels in the vector.
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {

// Neighbouring taps that read neighbouring pixels of one row of the image.
template <class T>
struct TapRun {
  const T* image;       // the pixel that the first tap reads for output pixel 0
  std::int64_t column;  // its column
  const T* w;           // the first tap's weights
};

template <class T>
struct DepthwiseRow {
  const TapRun<T>* runs;
  std::int64_t run_count;
  std::int64_t tap_step;  // elements between the weights of neighbouring taps; negative where the taps are turned
  std::int64_t channels;  // elements between pixels of the image, between bias and weights' channels
  std::int64_t columns;   // of the image
  std::int64_t step;      // image pixels between output pixels
  T* out;
  std::int64_t out_pixel;                  // elements between output pixels
  std::int64_t pixels;                     // of output
  std::int64_t first_column, last_column;  // of the runs: least and most
  // What the next row of output needs of the image that this one does not: as many rows, from the last run on, are
  // asked for early. 0 where the image is in the cache.
  std::int64_t new_rows;
  const T* bias;  // one per channel, or null
  Activation activation;
};

// Whether runs of this many taps have a kernel; one tap always has, at any step. float64 is there for checking
// gradients and takes the taps one by one.
template <class T>
bool depthwise_run_exists(std::int64_t taps, std::int64_t step) {
  if (taps == 1 || sizeof(T) == 8) return taps == 1;
  return (step == 1 && taps == 2) || ((taps == 3 || taps == 5) && (step == 1 || step == 2));
}

// Computes channels [channel, channel + lanes) of the row, lanes up to a vector, from runs of `taps` taps each.
void depthwise_row(const DepthwiseRow<float>& row, std::int64_t taps, std::int64_t channel, std::int64_t lanes);
void depthwise_row(const DepthwiseRow<double>& row, std::int64_t taps, std::int64_t channel, std::int64_t lanes);

}  // namespace addax::kernels::ADDAX_ISA_NS
