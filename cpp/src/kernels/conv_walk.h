// The walk of a convolution over an image: forward, and each phase of the data gradient. What a walk is, how it is cut
// into tasks and how its weights are laid out.
#pragma once

#include <cstdint>

#include "kernels/conv.h"
#include "kernels/microkernel.h"
#include "kernels/walk.h"

namespace addax::kernels::ADDAX_ISA_NS {

// Taps side by side.
struct Group {
  std::int64_t at[kSpatial];
  std::int64_t plane;
  std::int64_t taps;
  std::int64_t first;  // slot of its first tap among the weights
};

// The output pixel o reads the image at o · step + tap.at for each tap.
template <class T>
struct Walk {
  const T* image;
  std::int64_t batch;
  std::int64_t in[kSpatial];
  std::int64_t in_channels;  // of a group
  T* result;
  std::int64_t out[kSpatial];
  std::int64_t out_stride[kSpatial];  // elements between output pixels
  std::int64_t out_sample;            // elements between samples
  std::int64_t out_channels;          // of a group
  std::int64_t step[kSpatial];
  std::int64_t groups;
  const T* w;       // as the user has it: slot by slot in_channels × out_channels; null if packed
  const T* packed;  // in the layout of the weights' plan; null if there is none
  const T* bias;
  Activation activation;
  const Tail* tail;  // only if the result's pixels lie one after another
  Tap* taps;
  std::int64_t tap_count;
  std::int64_t planes;
};

// How the weights of a convolution are laid out for a walk: decided by the kernel and the channels alone, never by the
// image, so that they can be packed once. Panels of `width` output channels, each slots × in_channels × width; if
// narrow, slots × in_channels for one output channel after the other.
struct WeightPlan {
  std::int64_t slots;  // taps of the kernel
  std::int64_t in_channels, out_channels, groups;
  bool transposed;      // for the data gradient: in and out change places in w
  std::int64_t stride;  // transposed: along the innermost dimension, which decides the order of the slots
  std::int64_t row;     // slots along the innermost dimension
  bool narrow;          // few output channels: dot products instead of blocks
  bool listed;          // few products: their places are listed one by one
  int vectors;          // per panel
  std::int64_t width;   // of a panel
  std::int64_t panels;
  bool lies_right;  // one panel: w can be read as it lies

  std::int64_t size() const { return groups * panels * width * slots * in_channels; }  // values of the packed weights
};

template <class T>
WeightPlan plan_weights(const ConvShape& s, bool transposed);
// The slot of tap `index` of the kernel.
std::int64_t slot_of(const WeightPlan& p, std::int64_t index);
template <class T>
void pack_weights(const WeightPlan& p, const T* w, T* packed);

// Walks. `groups`: room for as many groups as taps.
template <class T>
void run_walk(const Walk<T>& walk, const WeightPlan& weights, Group* groups);

// A row of output pixels of one panel whose inputs are single values at listed places: convolutions of images with few
// channels, whose runs would be too short for the microkernel's loop (conv_listed.cpp).
struct Single {
  std::int64_t a, b;  // offsets into the image and the weights
};
template <class T>
struct ListedRow {
  const T* image;  // of pixel 0
  std::int64_t pixel_step;
  const Single* singles;
  std::int64_t count;
  const T* w;
  T* result;
  std::int64_t result_step;
  std::int64_t pixels;
  std::int64_t columns;  // in ((vectors - 1) · lanes, vectors · lanes]
  const T* bias;         // or null
  Activation activation;
};
void run_listed_row(const ListedRow<float>& row, int vectors);

// A row of output pixels by dot products along the channels: convolutions to few channels.
template <class T>
struct DotRow {
  const T* image;  // of pixel 0
  std::int64_t pixel_step;
  const RunOf* runs;
  std::int64_t run_count;
  const T* w;  // of output channel 0
  std::int64_t w_step;
  std::int64_t out_channels;  // 1 to 4
  T* result;
  std::int64_t result_step;
  std::int64_t pixels;
  const T* bias;  // or null
  Activation activation;
};
template <class T>
void run_dot_row(const DotRow<T>& row);

}  // namespace addax::kernels::ADDAX_ISA_NS
