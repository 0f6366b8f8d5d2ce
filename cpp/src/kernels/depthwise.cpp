#include "kernels/depthwise.h"

#include <algorithm>

#include "base/build.h"
#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/depthwise_kernel_gradient.h"
#include "kernels/depthwise_row.h"
#include "kernels/walk.h"

// One kernel per channel: channels in the vector. A task takes a band of rows of one sample and in it one vector of
// channels after the other, all rows each: the rows that the taps share are then in L1, and the band, in L2, is read
// once. With a multiplier the image is first repeated, channel by channel; then every output channel has its own input.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr int kScratch = 0;
constexpr std::int64_t kTaskWork = std::int64_t{1} << 18;  // multiplications
// A single small image with many channels is cut into pieces of its channels, so that a few threads have something to
// do; a piece's work is worth handing over, some 2 µs.
constexpr std::int64_t kFewPieces = 4;
constexpr std::int64_t kPieceWork = std::int64_t{1} << 15;
// The image's part of a band: with as much output, half of L2.
constexpr std::int64_t kBandBytes = std::int64_t{256} << 10;
// Images beyond this size lie behind L2, and the rows of them are asked for early. Of nearer ones that would only push
// from L1 what is still wanted (112x112x96 with stride 2 from L2: 46 GFLOP/s with, 61 without).
constexpr std::int64_t kFarBytes = std::int64_t{512} << 10;

// A convolution of every channel by itself: forward, or one phase of the data gradient.
template <class T>
struct ChannelWalk {
  const T* image;
  std::int64_t in[kSpatial];
  std::int64_t in_sample;
  std::int64_t channels;
  bool far;  // the images are too large to be in L2
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

// How many neighbours in the list of taps are one run: a whole row of the kernel, or each tap by itself.
template <class T>
std::int64_t run_length(const ChannelWalk<T>& walk) {
  const Tap* const taps = walk.taps;
  std::int64_t n = 1;
  while (n < walk.tap_count && taps[n].at[1] == taps[0].at[1] && taps[n].plane == taps[0].plane &&
         taps[n].at[2] == taps[0].at[2] + n)
    ++n;
  const bool whole_row = n == walk.tap_count || taps[n].at[1] != taps[0].at[1] || taps[n].plane != taps[0].plane;
  return whole_row && depthwise_run_exists<T>(n, walk.step[2]) ? n : 1;
}

// Memory for the lists of a band.
template <class T>
struct Lists {
  Tap* taps;
  TapRun<T>* runs;       // as many as taps for every row
  std::int64_t* counts;  // of runs, one per row
};

// The runs of taps of output row r at one depth of a sample: those whose row of the image exists.
template <class T>
std::int64_t list_runs(const ChannelWalk<T>& walk, std::int64_t taps, std::int64_t sample, std::int64_t depth,
                       std::int64_t r, TapRun<T>* runs) {
  std::int64_t count = 0;
  for (std::int64_t t = 0; t < walk.tap_count; t += taps) {
    const Tap& tap = walk.taps[t];
    const std::int64_t d = depth * walk.step[0] + tap.at[0], h = r * walk.step[1] + tap.at[1];
    if (d < 0 || d >= walk.in[0] || h < 0 || h >= walk.in[1]) continue;
    const std::int64_t pixel = (d * walk.in[1] + h) * walk.in[2] + tap.at[2];
    runs[count++] = {walk.image + sample * walk.in_sample + pixel * walk.channels, tap.at[2],
                     walk.w + tap.index * walk.channels};
  }
  return count;
}

// What a task does at a time: rows [from, to) at one depth of a sample, channels [first, last).
struct Band {
  std::int64_t sample, depth, from, to;
  std::int64_t first_channel, last_channel;
};

template <class T>
void run_band(const ChannelWalk<T>& walk, const Band& band, const Lists<T>& lists) {
  constexpr int W = kLanes<T>;
  const std::int64_t taps = walk.tap_count == 0 ? 1 : run_length(walk);
  DepthwiseRow<T> row{};
  row.tap_step = taps > 1 ? (walk.taps[1].index - walk.taps[0].index) * walk.channels : 0;
  row.channels = walk.channels;
  row.columns = walk.in[2];
  row.step = walk.step[2];
  row.out_pixel = walk.out_stride[2];
  row.pixels = walk.out[2];
  row.new_rows = walk.far ? walk.step[1] : 0;
  row.bias = walk.bias;
  row.activation = walk.activation;
  for (std::int64_t t = 0; t < walk.tap_count; t += taps) {
    const std::int64_t column = walk.taps[t].at[2];
    row.first_column = t == 0 ? column : std::min(row.first_column, column);
    row.last_column = t == 0 ? column : std::max(row.last_column, column);
  }
  for (std::int64_t r = 0; r < band.to - band.from; ++r)
    lists.counts[r] = list_runs(walk, taps, band.sample, band.depth, band.from + r, lists.runs + r * walk.tap_count);
  T* const out = walk.result + band.sample * walk.out_sample + band.depth * walk.out_stride[0];
  for (std::int64_t c = band.first_channel; c < band.last_channel; c += W) {
    const std::int64_t lanes = std::min<std::int64_t>(W, band.last_channel - c);
    for (std::int64_t r = band.from; r < band.to; ++r) {
      row.runs = lists.runs + (r - band.from) * walk.tap_count;
      row.run_count = lists.counts[r - band.from];
      row.out = out + r * walk.out_stride[1];
      depthwise_row(row, taps, c, lanes);
    }
  }
}

// Rows of a band: of an image of `rows` rows of `row_bytes` each. A few bands at least where there is work for several
// tasks.
std::int64_t band_rows(std::int64_t rows, std::int64_t row_bytes, std::int64_t row_work) {
  const std::int64_t fit = kBandBytes / std::max<std::int64_t>(1, row_bytes);
  const std::int64_t worth = kTaskWork / std::max<std::int64_t>(1, row_work);
  return std::clamp<std::int64_t>(std::min(fit, std::max<std::int64_t>(8, worth)), 4, std::max<std::int64_t>(4, rows));
}

// ---- The multiplier.

std::int64_t multiplier(const ConvShape& s) { return s.in_channels == 0 ? 1 : s.out_channels / s.in_channels; }
std::int64_t in_pixels(const ConvShape& s) { return s.batch * volume(s.in); }

template <class T>
std::int64_t repeated_bytes(const ConvShape& s) {
  if (multiplier(s) == 1) return 0;
  return whole_lines(in_pixels(s) * s.out_channels * static_cast<std::int64_t>(sizeof(T)));
}

// Elements worth a task; a multiplier may be 0.
std::int64_t repeat_grain(std::int64_t times) {
  return (std::int64_t{1} << 15) / std::clamp<std::int64_t>(times, 1, 1 << 15);
}

// out[i · times + m] = x[i]
template <class T>
void repeat(const T* x, std::int64_t n, std::int64_t times, T* out) {
  parallel_for(n, repeat_grain(times), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      for (std::int64_t m = 0; m < times; ++m) out[i * times + m] = x[i];
    }
  });
}

// x[i] = Σ_m in[i · times + m]
template <class T>
void sum_repeated(const T* in, std::int64_t n, std::int64_t times, T* x) {
  parallel_for(n, repeat_grain(times), [&](std::int64_t first, std::int64_t last) {
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
ChannelWalk<T> forward_walk(const Conv<T>& job, const T* image, Tap* taps) {
  const ConvShape& s = job.shape;
  ChannelWalk<T> w{};
  w.image = image;
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
  w.in_sample = volume(s.in) * s.out_channels;
  w.far = s.batch * w.in_sample * static_cast<std::int64_t>(sizeof(T)) > kFarBytes;
  w.out_sample = stride;
  w.w = job.w;
  w.bias = job.bias;
  w.activation = job.activation;
  w.taps = taps;
  w.tap_count = forward_taps(s, taps);
  return w;
}

template <class T>
ChannelWalk<T> data_walk(const Conv<T>& job, T* result, const std::int64_t (&phase)[kSpatial], Tap* taps) {
  const ConvShape& s = job.shape;
  ChannelWalk<T> w{};
  w.image = job.y;
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
  w.in_sample = volume(s.out) * s.out_channels;
  w.far = s.batch * w.in_sample * static_cast<std::int64_t>(sizeof(T)) > kFarBytes;
  w.out_sample = stride;
  w.w = job.w;
  w.taps = taps;
  std::int64_t planes = 0;
  w.tap_count = gradient_taps(s, phase, taps, planes);
  return w;
}

// How many channels a task takes of each of the `bands`.
template <class T>
std::int64_t channels_at_once(std::int64_t bands, std::int64_t band_work, std::int64_t channels) {
  constexpr std::int64_t W = kLanes<T>;
  const std::int64_t wanted = std::min(kFewPieces / std::max<std::int64_t>(1, bands), band_work / kPieceWork);
  if (wanted < 2 || runs_serially()) return std::max(channels, W);
  return ceil_div(ceil_div(channels, W), wanted / 2 * 2) * W;
}

// Calls body(band, lists) for all of images with `rows` rows, `most` rows at a time; the lists are the thread's memory.
template <class T, class Body>
void for_each_band(const ConvShape& s, std::int64_t depths, std::int64_t rows, std::int64_t most, const Body& body) {
  const std::int64_t bands = ceil_div(rows, most), taps = volume(s.kernel), channels = s.out_channels;
  const std::int64_t work = std::max<std::int64_t>(1, most * channels * s.out[2] * (taps + 1));
  const std::int64_t width = channels_at_once<T>(s.batch * depths * bands, work, channels);
  const std::int64_t pieces = ceil_div(channels, width);
  const std::int64_t grain = pieces > 1 ? 1 : std::max<std::int64_t>(1, kTaskWork / work);
  const std::int64_t run_bytes = whole_lines(most * taps * static_cast<std::int64_t>(sizeof(TapRun<T>)));
  const std::int64_t bytes = tap_bytes(s) + run_bytes + most * static_cast<std::int64_t>(sizeof(std::int64_t));
  parallel_for(s.batch * depths * bands * pieces, grain, [&](std::int64_t first, std::int64_t last) {
    char* const memory = thread_scratch_of<char>(kScratch, bytes);
    const Lists<T> lists{reinterpret_cast<Tap*>(memory), reinterpret_cast<TapRun<T>*>(memory + tap_bytes(s)),
                         reinterpret_cast<std::int64_t*>(memory + tap_bytes(s) + run_bytes)};
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t image = i / pieces / bands, from = i / pieces % bands * most;
      const std::int64_t channel = i % pieces * width;
      body(Band{image / depths, image % depths, from, std::min(rows, from + most), channel,
                std::min(channels, channel + width)},
           lists);
    }
  });
}

template <class T>
void forward(const Conv<T>& job) {
  const ConvShape& s = job.shape;
  const T* const image = widened(job);
  const std::int64_t in_row = s.in[2] * s.out_channels * s.stride[1];
  const std::int64_t most =
      band_rows(s.out[1], in_row * static_cast<std::int64_t>(sizeof(T)), s.out[2] * s.out_channels * volume(s.kernel));
  for_each_band<T>(s, s.out[0], s.out[1], most, [&](const Band& band, const Lists<T>& lists) {
    run_band(forward_walk(job, image, lists.taps), band, lists);
    if (job.tail == nullptr) return;
    const std::int64_t first = ((band.sample * s.out[0] + band.depth) * s.out[1] + band.from) * s.out[2];
    run_tail(*job.tail, s.out_channels, first, (band.to - band.from) * s.out[2], band.first_channel,
             band.last_channel - band.first_channel);
  });
}

template <class T>
void data_gradient(const Conv<T>& job) {
  const ConvShape& s = job.shape;
  const std::int64_t times = multiplier(s), row_size = s.in[2] * s.out_channels;
  T* const result = times == 1 ? job.result : static_cast<T*>(job.workspace);
  const std::int64_t most =
      band_rows(s.in[1], row_size * static_cast<std::int64_t>(sizeof(T)), row_size * volume(s.kernel));
  // All phases of the stride on each band: together they write whole rows and read the same of dL/dy.
  for_each_band<T>(s, s.in[0], s.in[1], most, [&](const Band& band, const Lists<T>& lists) {
    for_each_phase(s, [&](const std::int64_t(&phase)[kSpatial]) {
      if (band.depth % s.stride[0] != phase[0]) return;
      const auto rows_before = [&](std::int64_t row) { return phase_count(row, phase[1], s.stride[1]); };
      Band part = band;
      part.depth = band.depth / s.stride[0];
      part.from = rows_before(band.from);
      part.to = rows_before(band.to);
      run_band(data_walk(job, result, phase, lists.taps), part, lists);
    });
  });
  if (times != 1) sum_repeated(result, in_pixels(s) * s.in_channels, times, job.result);
}

template <class T>
std::int64_t workspace_of_walk(const ConvShape& s) {
  return repeated_bytes<T>(s);
}

// ---- Gradient of the kernel.

template <class T>
void kernel_gradient(const Conv<T>& job) {
  Conv<T> wide = job;
  wide.x = widened(job);
  if (job.workspace != nullptr) wide.workspace = static_cast<char*>(job.workspace) + repeated_bytes<T>(job.shape);
  depthwise_kernel_gradient(wide);
}

template <class T>
std::int64_t kernel_gradient_workspace(const ConvShape& s) {
  return repeated_bytes<T>(s) + depthwise_kernel_gradient_workspace<T>(s);
}

template <class T>
ConvFunctions<T> functions() {
  return {&forward<T>,           &data_gradient<T>,     for_training(&kernel_gradient<T>),
          &workspace_of_walk<T>, &workspace_of_walk<T>, for_training(&kernel_gradient_workspace<T>)};
}

}  // namespace

void fill(DepthwiseKernels& table) {
  table.f32 = functions<float>();
  if constexpr (kFloat64) fill_float64(table);
}

}  // namespace addax::kernels::ADDAX_ISA_NS

// double serves gradient checks: compiled once, which keeps the library small.
#if defined(ADDAX_FLOAT64_HERE)
namespace addax::kernels {
void fill_float64(DepthwiseKernels& table) { table.f64 = ADDAX_ISA_NS::functions<double>(); }
}  // namespace addax::kernels
#endif
