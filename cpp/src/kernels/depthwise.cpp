#include "kernels/depthwise.h"

#include <algorithm>

#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/epilogue.h"
#include "kernels/walk.h"

// One kernel per channel: channels in the vector, several pixels of a row at a time, so that each tap's weights are
// loaded once for all of them and the image is the second operand of the multiplications. Pixels whose taps leave the
// image sideways go one by one. With a multiplier the image is first repeated, channel by channel; then every output
// channel has its own input.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr int kActive = 0;                                 // scratch slot
constexpr int kPixels = 8;                                 // accumulators: hide the latency of the multiplication
constexpr std::int64_t kTaskWork = std::int64_t{1} << 19;  // multiplications
constexpr std::int64_t kMostSlices = 16;

// A tap whose row of the image exists.
template <class T>
struct ActiveTap {
  const T* image;  // of the pixel read for output pixel 0, channel 0
  const T* w;
  std::int64_t column;
};

// A convolution of every channel by itself: forward, and each phase of the data gradient.
template <class T>
struct ChannelWalk {
  const T* image;
  std::int64_t batch;
  std::int64_t in[kSpatial];
  std::int64_t channels;
  T* result;
  std::int64_t out[kSpatial];
  std::int64_t out_stride[kSpatial];
  std::int64_t out_sample;
  std::int64_t step[kSpatial];
  const T* w;
  const T* bias;
  Activation activation;
  const Tap* taps;
  std::int64_t tap_count;
};

// `count` neighbouring output pixels, the first at `pixel`, one vector of channels.
template <class T, int count, bool kPartial>
ADDAX_INLINE void pixels_of(const ChannelWalk<T>& walk, const ActiveTap<T>* taps, std::int64_t tap_count, T* out,
                            std::int64_t pixel, std::int64_t channel, std::int64_t lanes) {
  const auto read = [&](const T* p) __attribute__((always_inline)) {
    return kPartial ? load_partial(p, lanes) : load(p);
  };
  const std::int64_t step = walk.step[2] * walk.channels;
  Vec<T> acc[count] = {};
  for (std::int64_t t = 0; t < tap_count; ++t) {
    const std::int64_t column = pixel * walk.step[2] + taps[t].column;
    if (count == 1 && (column < 0 || column >= walk.in[2])) continue;
    const Vec<T> w = read(taps[t].w + channel);
    const T* x = taps[t].image + pixel * step + channel;
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i) acc[i] += read(x + i * step) * w;
  }
  Vec<T> bias{};
  if (walk.bias != nullptr) bias = read(walk.bias + channel);
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) {
    const Vec<T> y = activate(acc[i] + bias, walk.activation);
    T* at = out + (pixel + i) * walk.out_stride[2] + channel;
    if (kPartial) {
      store_partial(at, y, lanes);
    } else {
      store(at, y);
    }
  }
}

// Pixel blocks outermost: the image is then read in the order in which it lies.
template <class T, int count>
void block_of(const ChannelWalk<T>& walk, const ActiveTap<T>* taps, std::int64_t tap_count, T* out,
              std::int64_t pixel) {
  constexpr int W = kLanes<T>;
  std::int64_t c = 0;
  for (; c + W <= walk.channels; c += W) pixels_of<T, count, false>(walk, taps, tap_count, out, pixel, c, W);
  if (c < walk.channels) pixels_of<T, count, true>(walk, taps, tap_count, out, pixel, c, walk.channels - c);
}

template <class T>
void run_row(const ChannelWalk<T>& walk, std::int64_t sample, std::int64_t depth, std::int64_t row) {
  ActiveTap<T>* const active = thread_scratch_of<ActiveTap<T>>(kActive, walk.tap_count + 1);
  std::int64_t count = 0, least = 0, most = 0;
  for (std::int64_t t = 0; t < walk.tap_count; ++t) {
    const Tap& tap = walk.taps[t];
    const std::int64_t d = depth * walk.step[0] + tap.at[0], h = row * walk.step[1] + tap.at[1];
    if (d < 0 || d >= walk.in[0] || h < 0 || h >= walk.in[1]) continue;
    least = count == 0 ? tap.at[2] : std::min(least, tap.at[2]);
    most = count == 0 ? tap.at[2] : std::max(most, tap.at[2]);
    const std::int64_t pixel = ((sample * walk.in[0] + d) * walk.in[1] + h) * walk.in[2] + tap.at[2];
    active[count++] = {walk.image + pixel * walk.channels, walk.w + tap.index * walk.channels, tap.at[2]};
  }
  // Pixels in [low, high) have all their taps inside the row.
  const std::int64_t step = walk.step[2];
  std::int64_t low = std::min(walk.out[2], least < 0 ? ceil_div(-least, step) : 0);
  const std::int64_t last = walk.in[2] - 1 - most;
  std::int64_t high = last < 0 ? 0 : std::min(walk.out[2], last / step + 1);
  if (high < low) high = low;
  T* const out = walk.result + sample * walk.out_sample + depth * walk.out_stride[0] + row * walk.out_stride[1];
  std::int64_t p = 0;
  for (; p < low; ++p) block_of<T, 1>(walk, active, count, out, p);
  for (; p + kPixels <= high; p += kPixels) block_of<T, kPixels>(walk, active, count, out, p);
  for (; p + 4 <= high; p += 4) block_of<T, 4>(walk, active, count, out, p);
  for (; p + 2 <= high; p += 2) block_of<T, 2>(walk, active, count, out, p);
  for (; p < walk.out[2]; ++p) block_of<T, 1>(walk, active, count, out, p);
}

template <class T>
void run_walk(const ChannelWalk<T>& walk) {
  const std::int64_t rows = walk.batch * walk.out[0] * walk.out[1];
  const std::int64_t work = std::max<std::int64_t>(1, walk.out[2] * walk.channels * (walk.tap_count + 1));
  parallel_for(rows, std::max<std::int64_t>(1, kTaskWork / work), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      run_row(walk, r / walk.out[1] / walk.out[0], r / walk.out[1] % walk.out[0], r % walk.out[1]);
    }
  });
}

// ---- The multiplier.

std::int64_t multiplier(const ConvShape& s) { return s.in_channels == 0 ? 1 : s.out_channels / s.in_channels; }
std::int64_t in_pixels(const ConvShape& s) { return s.batch * volume(s.in); }

template <class T>
std::int64_t repeated_bytes(const ConvShape& s) {
  if (multiplier(s) == 1) return 0;
  return whole_lines(in_pixels(s) * s.out_channels * static_cast<std::int64_t>(sizeof(T)));
}

// out[i · times + m] = x[i]
template <class T>
void repeat(const T* x, std::int64_t n, std::int64_t times, T* out) {
  parallel_for(n, std::max<std::int64_t>(1, (std::int64_t{1} << 15) / times),
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t i = first; i < last; ++i) {
                   for (std::int64_t m = 0; m < times; ++m) out[i * times + m] = x[i];
                 }
               });
}

// x[i] = Σ_m in[i · times + m]
template <class T>
void sum_repeated(const T* in, std::int64_t n, std::int64_t times, T* x) {
  parallel_for(n, std::max<std::int64_t>(1, (std::int64_t{1} << 15) / times),
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t i = first; i < last; ++i) {
                   T sum{0};
                   for (std::int64_t m = 0; m < times; ++m) sum += in[i * times + m];
                   x[i] = sum;
                 }
               });
}

// The image with as many channels as the output: itself, or repeated into the workspace.
template <class T>
const T* widened(const Conv<T>& job) {
  const std::int64_t times = multiplier(job.shape);
  if (times == 1) return job.x;
  T* out = static_cast<T*>(job.workspace);
  repeat(job.x, in_pixels(job.shape) * job.shape.in_channels, times, out);
  return out;
}

std::int64_t tap_bytes(const ConvShape& s) {
  return whole_lines(volume(s.kernel) * static_cast<std::int64_t>(sizeof(Tap)));
}

// ---- Forward and the gradient of the data.

template <class T>
void forward(const Conv<T>& job) {
  const ConvShape& s = job.shape;
  Tap* const taps = reinterpret_cast<Tap*>(static_cast<char*>(job.workspace) + repeated_bytes<T>(s));
  ChannelWalk<T> w{};
  w.image = widened(job);
  w.batch = s.batch;
  w.channels = s.out_channels;
  w.result = job.result;
  std::int64_t stride = s.out_channels;
  for (int d = kSpatial - 1; d >= 0; --d) {
    w.in[d] = s.in[d];
    w.out[d] = s.out[d];
    w.step[d] = s.stride[d];
    w.out_stride[d] = stride;
    stride *= s.out[d];
  }
  w.out_sample = stride;
  w.w = job.w;
  w.bias = job.bias;
  w.activation = job.activation;
  w.taps = taps;
  w.tap_count = forward_taps(s, taps);
  run_walk(w);
}

template <class T>
std::int64_t workspace_of_walk(const ConvShape& s) {
  return repeated_bytes<T>(s) + tap_bytes(s);
}

template <class T>
void data_gradient(const Conv<T>& job) {
  const ConvShape& s = job.shape;
  const std::int64_t times = multiplier(s);
  T* const result = times == 1 ? job.result : static_cast<T*>(job.workspace);
  Tap* const taps = reinterpret_cast<Tap*>(static_cast<char*>(job.workspace) + repeated_bytes<T>(s));
  for_each_phase(s, [&](const std::int64_t(&phase)[kSpatial]) {
    ChannelWalk<T> w{};
    w.image = job.y;
    w.batch = s.batch;
    w.channels = s.out_channels;
    w.result = result + ((phase[0] * s.in[1] + phase[1]) * s.in[2] + phase[2]) * s.out_channels;
    std::int64_t stride = s.out_channels;
    for (int d = kSpatial - 1; d >= 0; --d) {
      w.in[d] = s.out[d];
      w.out[d] = phase_count(s.in[d], phase[d], s.stride[d]);
      w.step[d] = 1;
      w.out_stride[d] = stride * s.stride[d];
      stride *= s.in[d];
    }
    w.out_sample = stride;
    w.w = job.w;
    w.taps = taps;
    std::int64_t planes = 0;
    w.tap_count = gradient_taps(s, phase, taps, planes);
    run_walk(w);
  });
  if (times != 1) sum_repeated(result, in_pixels(s) * s.in_channels, times, job.result);
}

// ---- Gradient of the kernel: dw[t][c] = Σ over output pixels of x · dy.

// Adds one row's contribution to `count` neighbouring taps of a kernel row, one vector of channels.
template <class T, int count, bool kPartial>
ADDAX_INLINE void taps_of(const ConvShape& s, const T* x, const T* dy, T* dw, std::int64_t tap_column,
                          std::int64_t channel, std::int64_t lanes) {
  const auto read = [&](const T* p) __attribute__((always_inline)) {
    return kPartial ? load_partial(p, lanes) : load(p);
  };
  const std::int64_t channels = s.out_channels, step = s.stride[2];
  const std::int64_t spread = (count - 1) * s.dilation[2];
  const std::int64_t least = tap_column, last = s.in[2] - 1 - tap_column - spread;
  const std::int64_t low = std::min(s.out[2], least < 0 ? ceil_div(-least, step) : 0);
  const std::int64_t high = std::max(low, last < 0 ? 0 : std::min(s.out[2], last / step + 1));
  Vec<T> acc[count];
#pragma GCC unroll 4
  for (int i = 0; i < count; ++i) acc[i] = read(dw + i * channels + channel);
  const auto edge = [&](std::int64_t p) {
    const Vec<T> g = read(dy + p * channels + channel);
#pragma GCC unroll 4
    for (int i = 0; i < count; ++i) {
      const std::int64_t column = p * step + tap_column + i * s.dilation[2];
      if (column >= 0 && column < s.in[2]) acc[i] += read(x + column * channels + channel) * g;
    }
  };
  for (std::int64_t p = 0; p < low; ++p) edge(p);
  const T* from = x + tap_column * channels + channel;
  for (std::int64_t p = low; p < high; ++p) {
    const Vec<T> g = read(dy + p * channels + channel);
#pragma GCC unroll 4
    for (int i = 0; i < count; ++i) acc[i] += read(from + (p * step + i * s.dilation[2]) * channels) * g;
  }
  for (std::int64_t p = high; p < s.out[2]; ++p) edge(p);
#pragma GCC unroll 4
  for (int i = 0; i < count; ++i) {
    T* at = dw + i * channels + channel;
    if (kPartial) {
      store_partial(at, acc[i], lanes);
    } else {
      store(at, acc[i]);
    }
  }
}

template <class T, bool kPartial>
void kernel_row(const ConvShape& s, const T* x, const T* dy, T* dw, std::int64_t channel, std::int64_t lanes) {
  std::int64_t t = 0;
  const auto column = [&] { return t * s.dilation[2] - s.pad_low[2]; };
  for (; t + 4 <= s.kernel[2]; t += 4) {
    taps_of<T, 4, kPartial>(s, x, dy, dw + t * s.out_channels, column(), channel, lanes);
  }
  if (s.kernel[2] - t == 3) {
    taps_of<T, 3, kPartial>(s, x, dy, dw + t * s.out_channels, column(), channel, lanes);
    t += 3;
  }
  for (; t < s.kernel[2]; ++t) taps_of<T, 1, kPartial>(s, x, dy, dw + t * s.out_channels, column(), channel, lanes);
}

std::int64_t slices_of(const ConvShape& s) {
  const std::int64_t rows = s.batch * s.out[0] * s.out[1];
  const std::int64_t work = rows * s.out[2] * s.out_channels * volume(s.kernel);
  return std::clamp<std::int64_t>(std::min(work / kTaskWork, rows / 2), 1, kMostSlices);
}

template <class T>
std::int64_t kernel_gradient_workspace(const ConvShape& s) {
  const std::int64_t slices = slices_of(s);
  const std::int64_t size = volume(s.kernel) * s.out_channels;
  return repeated_bytes<T>(s) + (slices == 1 ? 0 : slices * size * static_cast<std::int64_t>(sizeof(T)));
}

template <class T>
void kernel_gradient(const Conv<T>& job) {
  const ConvShape& s = job.shape;
  const T* const x = widened(job);
  const std::int64_t slices = slices_of(s), size = volume(s.kernel) * s.out_channels;
  T* const sums =
      slices == 1 ? job.result : reinterpret_cast<T*>(static_cast<char*>(job.workspace) + repeated_bytes<T>(s));
  const std::int64_t rows = s.batch * s.out[0] * s.out[1];
  parallel_for(slices, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t slice = first; slice < last; ++slice) {
      T* const dw = sums + slice * size;
      std::fill_n(dw, size, T{0});
      for (std::int64_t r = rows * slice / slices; r < rows * (slice + 1) / slices; ++r) {
        const std::int64_t sample = r / s.out[1] / s.out[0], depth = r / s.out[1] % s.out[0], row = r % s.out[1];
        const T* const dy = job.y + r * s.out[2] * s.out_channels;
        for (std::int64_t k = 0; k < s.kernel[0] * s.kernel[1]; ++k) {
          const std::int64_t d = depth * s.stride[0] + k / s.kernel[1] * s.dilation[0] - s.pad_low[0];
          const std::int64_t h = row * s.stride[1] + k % s.kernel[1] * s.dilation[1] - s.pad_low[1];
          if (d < 0 || d >= s.in[0] || h < 0 || h >= s.in[1]) continue;
          const T* const from = x + ((sample * s.in[0] + d) * s.in[1] + h) * s.in[2] * s.out_channels;
          T* const to = dw + k * s.kernel[2] * s.out_channels;
          constexpr int W = kLanes<T>;
          std::int64_t c = 0;
          for (; c + W <= s.out_channels; c += W) kernel_row<T, false>(s, from, dy, to, c, W);
          if (c < s.out_channels) kernel_row<T, true>(s, from, dy, to, c, s.out_channels - c);
        }
      }
    }
  });
  if (slices == 1) return;
  for (std::int64_t i = 0; i < size; ++i) {
    T sum = sums[i];
    for (std::int64_t slice = 1; slice < slices; ++slice) sum += sums[slice * size + i];
    job.result[i] = sum;
  }
}

template <class T>
ConvFunctions<T> functions() {
  return {&forward<T>,           &data_gradient<T>,     &kernel_gradient<T>,
          &workspace_of_walk<T>, &workspace_of_walk<T>, &kernel_gradient_workspace<T>};
}

}  // namespace

void fill(DepthwiseKernels& kernels) { kernels = {functions<float>(), functions<double>()}; }

}  // namespace addax::kernels::ADDAX_ISA_NS
