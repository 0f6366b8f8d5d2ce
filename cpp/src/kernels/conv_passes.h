// What the passes of a convolution are: plain products where they can be, else walks (conv_walk.h). Shared by float32,
// float64 (conv.cpp) and bfloat16 (conv_bf16.cpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kernels/conv_walk.h"
#include "kernels/matmul.h"

namespace addax::kernels::ADDAX_ISA_NS {

// A kernel of one tap that visits every pixel: a plain product.
inline bool pointwise(const ConvShape& s) {
  if (s.groups != 1) return false;
  for (int d = 0; d < kSpatial; ++d) {
    if (s.kernel[d] != 1 || s.stride[d] != 1 || s.pad_low[d] != 0 || s.in[d] != s.out[d]) return false;
  }
  return true;
}

// The kernel covers the whole image: a product, too.
inline bool covering(const ConvShape& s) {
  if (s.groups != 1) return false;
  for (int d = 0; d < kSpatial; ++d) {
    if (s.out[d] != 1 || s.in[d] != s.kernel[d] || s.pad_low[d] != 0 || (s.dilation[d] != 1 && s.kernel[d] != 1))
      return false;
  }
  return true;
}

inline bool is_product(const ConvShape& s) { return pointwise(s) || covering(s); }

template <class T>
Matmul<T> forward_product(const ConvShape& s) {
  Matmul<T> job{};
  job.m = s.batch * volume(s.out);
  job.n = s.out_channels;
  job.k = volume(s.kernel) * s.in_channels;
  return job;
}

// dx = dy · wᵀ
template <class T>
Matmul<T> data_product(const ConvShape& s) {
  Matmul<T> job = forward_product<T>(s);
  std::swap(job.n, job.k);
  job.transpose_b = true;
  return job;
}

// The workspace of a walk begins with its taps and groups of taps.
inline std::int64_t tap_bytes(const ConvShape& s) {
  return whole_lines(volume(s.kernel) * static_cast<std::int64_t>(sizeof(Tap)));
}
inline std::int64_t group_bytes(const ConvShape& s) {
  return whole_lines(volume(s.kernel) * static_cast<std::int64_t>(sizeof(Group)));
}
// What both walks say: from `image` of `in_channels` to `out_channels`, all groups together.
template <class T>
Walk<T> walk_of(const ConvShape& s, const std::int64_t (&image)[kSpatial], std::int64_t in_channels,
                std::int64_t out_channels) {
  Walk<T> w{};
  w.batch = s.batch;
  w.in_channels = in_channels / s.groups;
  w.out_channels = out_channels / s.groups;
  w.groups = s.groups;
  std::copy_n(image, kSpatial, w.in);
  return w;
}

template <class T>
Walk<T> forward_walk(const ConvShape& s) {
  Walk<T> w = walk_of<T>(s, s.in, s.in_channels, s.out_channels);
  std::copy_n(s.out, kSpatial, w.out);
  std::copy_n(s.stride, kSpatial, w.step);
  w.out_stride[2] = s.out_channels;
  w.out_stride[1] = s.out[2] * w.out_stride[2];
  w.out_stride[0] = s.out[1] * w.out_stride[1];
  w.out_sample = s.out[0] * w.out_stride[0];
  w.planes = s.kernel[0];
  return w;
}

template <class T>
Walk<T> data_walk(const ConvShape& s, const std::int64_t (&phase)[kSpatial]) {
  Walk<T> w = walk_of<T>(s, s.out, s.out_channels, s.in_channels);
  std::int64_t stride = s.in_channels;
  for (int d = kSpatial - 1; d >= 0; --d) {
    w.out[d] = phase_count(s.in[d], phase[d], s.stride[d]);
    w.out_stride[d] = stride * s.stride[d];
    stride *= s.in[d];
    w.step[d] = 1;
  }
  w.out_sample = stride;
  return w;
}

template <class T>
Matmul<T> kernel_product(const ConvShape& s) {
  Matmul<T> job{};
  job.m = s.in_channels;
  job.n = s.out_channels;
  job.k = s.batch * volume(s.out);
  job.transpose_a = true;
  return job;
}

}  // namespace addax::kernels::ADDAX_ISA_NS
