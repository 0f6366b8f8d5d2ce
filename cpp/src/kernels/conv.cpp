#include "kernels/conv.h"

#include <algorithm>

#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/conv_kernel_gradient.h"
#include "kernels/epilogue.h"
#include "kernels/matmul.h"
#include "kernels/microkernel.h"
#include "kernels/pack.h"
#include "kernels/walk.h"

// Direct convolutions. A row of output pixels is a block of C whose rows are pixels: pixel p of an output row reads the
// image at p · step, so that "A" is the image itself with the row stride step · channels, and each kernel row is one
// run of taps × channels adjacent values. Rows of taps above or below the image are left out of the list of runs; only
// rows that the kernel leaves sideways are copied, with zeros around them, into scratch memory that stays in the cache.
//
// The gradient of the data is the same walk over dL/dy with turned and transposed weights, once per phase of the
// stride: the input pixels congruent to it meet the same taps. The gradient of the kernel takes pixels for k: its A is
// the image with adjacent rows (taps × channels) and its B is dL/dy as it lies.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr int kImage = 0, kRuns = 1;  // scratch slots
// Work worth a task (some 20 µs), and the most that one should do.
constexpr std::int64_t kTaskFlops = std::int64_t{1} << 21;
constexpr std::int64_t kMostTaskFlops = std::int64_t{1} << 23;
constexpr std::int64_t kWantedTasks = 32;
// A block of weights that shall stay in L2 while the pixels of a task go by.
constexpr std::int64_t kWeightBytes = std::int64_t{192} << 10;
// Values in one run at most, so that runs can be grouped into such blocks.
constexpr std::int64_t kLongestRun = 1536;

const MatmulKernels& products() {
  static const MatmulKernels kernels = [] {
    MatmulKernels k{};
    fill(k);
    return k;
  }();
  return kernels;
}
template <class T>
void multiply(const Matmul<T>& job) {
  products().of<T>().run(job);
}
template <class T>
std::int64_t multiply_workspace(const Matmul<T>& job) {
  return products().of<T>().workspace(job);
}

// A kernel of one tap that visits every pixel: a plain product.
bool pointwise(const ConvShape& s) {
  if (s.groups != 1) return false;
  for (int d = 0; d < kSpatial; ++d) {
    if (s.kernel[d] != 1 || s.stride[d] != 1 || s.pad_low[d] != 0 || s.in[d] != s.out[d]) return false;
  }
  return true;
}

// The kernel covers the whole image: a product, too.
bool covering(const ConvShape& s) {
  if (s.groups != 1) return false;
  for (int d = 0; d < kSpatial; ++d) {
    if (s.out[d] != 1 || s.in[d] != s.kernel[d] || s.pad_low[d] != 0 || (s.dilation[d] != 1 && s.kernel[d] != 1))
      return false;
  }
  return true;
}

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

// ---- The walk over an image: forward, and each phase of the data gradient.

// Taps side by side.
struct Group {
  std::int64_t at[kSpatial];
  std::int64_t plane;
  std::int64_t taps;
  std::int64_t first;  // position of its first tap in the list
};

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
  const T* w;
  bool transposed;  // in and out change places in w (pack_weights)
  const T* bias;
  Activation activation;
  Tap* taps;
  std::int64_t tap_count;
  std::int64_t planes;
};

struct WalkPlan {
  Blocking blocking;
  std::int64_t width;
  std::int64_t panels;
  bool pack;
  bool narrow;                // few output channels: dot products instead of blocks
  bool copy;                  // rows of the image are copied
  std::int64_t first_column;  // of the input columns that the taps touch
  std::int64_t columns;
  std::int64_t rows;  // output rows of all samples
  std::int64_t task_rows;
  std::int64_t task_panels;
};

template <class T>
WalkPlan plan_walk(const Walk<T>& w) {
  WalkPlan p{};
  p.blocking = choose_blocking(w.out[2], w.out_channels, T{});
  p.width = p.blocking.vectors * kLanes<T>;
  p.panels = ceil_div(w.out_channels, p.width);
  p.narrow = w.out_channels <= kLanes<T> / 4 && w.in_channels >= kLanes<T> / 2;
  if (p.narrow) {
    p.width = w.out_channels;
    p.panels = 1;
  }
  p.pack = w.transposed || p.panels > 1 || p.narrow;
  std::int64_t low = 0, high = 0;
  for (std::int64_t t = 0; t < w.tap_count; ++t) {
    const std::int64_t at = w.taps[t].at[2];
    low = t == 0 ? at : std::min(low, at);
    high = t == 0 ? at : std::max(high, at);
  }
  p.first_column = low;
  p.columns = (w.out[2] - 1) * w.step[2] + high - low + 1;
  p.copy = w.groups > 1 || low < 0 || low + p.columns > w.in[2];
  p.rows = w.batch * w.out[0] * w.out[1];
  const std::int64_t depth = w.tap_count * w.in_channels;
  const std::int64_t row_flops = std::max<std::int64_t>(1, 2 * w.out[2] * depth * p.width);
  const bool heavy = depth * w.out_channels * static_cast<std::int64_t>(sizeof(T)) > 2 * kWeightBytes;
  p.task_panels = heavy ? 1 : p.panels;
  p.task_rows =
      std::clamp<std::int64_t>(kMostTaskFlops / (row_flops * p.task_panels), 1, std::max<std::int64_t>(1, p.rows));
  const auto tasks = [&] { return w.groups * ceil_div(p.rows, p.task_rows) * ceil_div(p.panels, p.task_panels); };
  const std::int64_t flops = w.groups * p.rows * p.panels * row_flops;
  const std::int64_t wanted = std::clamp<std::int64_t>(flops / kTaskFlops, 1, kWantedTasks);
  while (tasks() < wanted && p.task_rows > 4) p.task_rows = ceil_div(p.task_rows, 2);
  while (tasks() < wanted && p.task_panels > 1) p.task_panels = ceil_div(p.task_panels, 2);
  while (tasks() < wanted && p.task_rows > 1) p.task_rows = ceil_div(p.task_rows, 2);
  return p;
}

// Bytes of the packed weights of a walk.
template <class T>
std::int64_t packed_bytes(const Walk<T>& w, const WalkPlan& p) {
  if (!p.pack) return 0;
  return whole_lines(w.groups * p.panels * p.width * w.tap_count * w.in_channels *
                     static_cast<std::int64_t>(sizeof(T)));
}

// The weights in the order of the taps, panel by panel. Forward, the kernel is (tap, in of a group, out of all groups),
// which is B as it lies; for the data gradient in and out change places and B is its transpose.
template <class T>
void pack_weights(const Walk<T>& w, const WalkPlan& p, T* packed) {
  const std::int64_t depth = w.tap_count * w.in_channels;
  const std::int64_t stride = w.groups * (w.transposed ? w.in_channels : w.out_channels);
  const std::int64_t tap_size = w.transposed ? w.out_channels * stride : w.in_channels * stride;
  const std::int64_t grain =
      std::max<std::int64_t>(1, (std::int64_t{1} << 15) / std::max<std::int64_t>(1, p.width * depth));
  parallel_for(w.groups * p.panels, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t q = first; q < last; ++q) {
      const std::int64_t group = q / p.panels, column = q % p.panels * p.width;
      const std::int64_t columns = std::min(p.width, w.out_channels - column);
      const T* from =
          w.transposed ? w.w + group * w.in_channels + column * stride : w.w + group * w.out_channels + column;
      T* to = packed + q * depth * p.width;
      for (std::int64_t t = 0; t < w.tap_count; ++t) {
        pack_panel(from + w.taps[t].index * tap_size, stride, w.transposed, to + t * w.in_channels * p.width, p.width,
                   w.in_channels, columns);
      }
    }
  });
}

// For dot products: the weights of one output channel after those of the other, each in the order of the taps.
template <class T>
void pack_rows_of_weights(const Walk<T>& w, T* packed) {
  const std::int64_t stride = w.groups * (w.transposed ? w.in_channels : w.out_channels);
  const std::int64_t tap_size = (w.transposed ? w.out_channels : w.in_channels) * stride;
  for (std::int64_t q = 0; q < w.groups * w.out_channels; ++q) {
    const std::int64_t group = q / w.out_channels, o = q % w.out_channels;
    for (std::int64_t t = 0; t < w.tap_count; ++t) {
      const T* from = w.w + w.taps[t].index * tap_size;
      for (std::int64_t c = 0; c < w.in_channels; ++c) {
        *packed++ =
            w.transposed ? from[o * stride + group * w.in_channels + c] : from[c * stride + group * w.out_channels + o];
      }
    }
  }
}

// sums[i] = Σ over the runs of A's row i times b.
template <class T, int count>
ADDAX_INLINE void dot_pixels(const T* a, std::int64_t row_stride, const T* b, const RunOf* runs, std::int64_t run_count,
                             T* sums) {
  constexpr int W = kLanes<T>;
  Vec<T> acc[count] = {};
  for (std::int64_t r = 0; r < run_count; ++r) {
    const T* x = a + runs[r].a;
    const T* y = b + runs[r].b;
    std::int64_t k = 0;
    for (; k + W <= runs[r].k; k += W) {
      const Vec<T> weights = load(y + k);
#pragma GCC unroll 8
      for (int i = 0; i < count; ++i) acc[i] += load(x + i * row_stride + k) * weights;
    }
    if (k == runs[r].k) continue;
    const std::int64_t lanes = runs[r].k - k;
    const Vec<T> weights = load_partial(y + k, lanes);
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i) acc[i] += load_partial(x + i * row_stride + k, lanes) * weights;
  }
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) sums[i] = reduce_add(acc[i]);
}

// Joins taps whose pixels are neighbours. The groups go where the caller says; as many as taps at most.
template <class T>
std::int64_t join_taps(const Walk<T>& w, Group* groups) {
  std::int64_t count = 0;
  for (std::int64_t t = 0; t < w.tap_count; ++t) {
    const Tap& tap = w.taps[t];
    if (count > 0) {
      Group& last = groups[count - 1];
      if (last.plane == tap.plane && last.at[1] == tap.at[1] && last.at[2] + last.taps == tap.at[2] &&
          (last.taps + 1) * w.in_channels <= kLongestRun) {
        ++last.taps;
        continue;
      }
    }
    groups[count++] = {{tap.at[0], tap.at[1], tap.at[2]}, tap.plane, 1, t};
  }
  return count;
}

// Input rows [first, last) that output rows [from, to) read, within the image.
struct RowRange {
  std::int64_t first, last;
};
template <class T>
RowRange input_rows(const Walk<T>& w, std::int64_t from, std::int64_t to) {
  if (w.tap_count == 0) return {0, 0};
  std::int64_t low = w.taps[0].at[1], high = low;
  for (std::int64_t t = 1; t < w.tap_count; ++t) {
    low = std::min(low, w.taps[t].at[1]);
    high = std::max(high, w.taps[t].at[1]);
  }
  const std::int64_t first = std::clamp<std::int64_t>(from * w.step[1] + low, 0, w.in[1]);
  return {first, std::clamp<std::int64_t>((to - 1) * w.step[1] + high + 1, first, w.in[1])};
}

// The output rows [from, to) at depth `depth` of one sample and group, panels [first_panel, last_panel).
template <class T>
struct Segment {
  const Walk<T>& w;
  const WalkPlan& p;
  const Group* groups;
  std::int64_t group_count;
  const T* packed;
  std::int64_t group, sample, depth, from, to;

  Source<T> source() const {
    const std::int64_t pixel = w.groups * w.in_channels;
    const std::int64_t row = w.in[2] * pixel;
    const T* image = w.image + sample * w.in[0] * w.in[1] * row + group * w.in_channels;
    if (!p.copy) return {image, pixel, row, 0, 0, 0};
    const RowRange rows = input_rows(w, from, to);
    const std::int64_t copy_row_size = p.columns * w.in_channels;
    const std::int64_t plane_size = (rows.last - rows.first) * copy_row_size;
    T* copy = thread_scratch_of<T>(kImage, w.planes * plane_size);
    std::int64_t done = -1;
    for (std::int64_t t = 0; t < w.tap_count; ++t) {
      if (w.taps[t].plane <= done) continue;
      done = w.taps[t].plane;
      const std::int64_t d = depth * w.step[0] + w.taps[t].at[0];
      if (d < 0 || d >= w.in[0]) continue;
      for (std::int64_t h = rows.first; h < rows.last; ++h) {
        copy_row(image + (d * w.in[1] + h) * row, pixel, w.in[2],
                 copy + done * plane_size + (h - rows.first) * copy_row_size, w.in_channels, p.first_column, p.columns,
                 w.in_channels);
      }
    }
    return {copy, w.in_channels, copy_row_size, plane_size, rows.first, p.first_column};
  }

  void run(std::int64_t first_panel, std::int64_t last_panel) const {
    const Source<T> s = source();
    const std::int64_t kernel_depth = w.tap_count * w.in_channels;
    const std::int64_t all_out = w.groups * w.out_channels;
    RunOf* const runs = thread_scratch_of<RunOf>(kRuns, group_count + 1);
    Tile<T> tile{};
    tile.row_stride = w.step[2] * s.pixel;
    tile.b_step = p.pack ? p.width : all_out;
    tile.c_stride = w.out_stride[2];
    tile.runs = runs;
    if (p.narrow) {
      run_narrow(s, runs);
      return;
    }
    // Weights by the L2-sized block: whole groups of taps, all rows of the segment for each block.
    const std::int64_t most =
        std::max<std::int64_t>(1, kWeightBytes / (p.width * static_cast<std::int64_t>(sizeof(T))));
    std::int64_t begin = 0;
    do {
      std::int64_t end = begin, values = 0;
      while (end < group_count && (end == begin || values + groups[end].taps * w.in_channels <= most)) {
        values += groups[end++].taps * w.in_channels;
      }
      for (std::int64_t q = first_panel; q < last_panel; ++q) {
        const std::int64_t column = q * p.width;
        tile.columns = std::min(p.width, w.out_channels - column);
        if (p.pack) {
          tile.b = packed + (group * p.panels + q) * kernel_depth * p.width;
        } else {
          tile.b = w.w + group * w.out_channels + column;
          if (tile.columns % kLanes<T> != 0) tile.b_end = w.w + kernel_depth * all_out;
        }
        tile.accumulate = begin > 0;
        if (end == group_count) {
          tile.bias = w.bias == nullptr ? nullptr : w.bias + group * w.out_channels + column;
          tile.activation = w.activation;
        }
        const int vectors = static_cast<int>(vectors_for<T>(tile.columns));
        for (std::int64_t h = from; h < to; ++h) {
          tile.run_count = list_runs(s, begin, end, h, tile.b_step, runs);
          T* const out = w.result + sample * w.out_sample + depth * w.out_stride[0] + h * w.out_stride[1] +
                         group * w.out_channels + column;
          for (std::int64_t block = 0; block < p.blocking.rows; ++block) {
            const std::int64_t pixel = cut(w.out[2], p.blocking.rows, block);
            const std::int64_t pixels = cut(w.out[2], p.blocking.rows, block + 1) - pixel;
            tile.a = s.base + pixel * tile.row_stride;
            tile.c = out + pixel * w.out_stride[2];
            tile_function(Rows::strided, static_cast<int>(pixels), vectors, T{})(tile);
          }
        }
      }
      begin = end;
    } while (begin < group_count);
  }

  void run_narrow(const Source<T>& s, RunOf* runs) const {
    const std::int64_t kernel_depth = w.tap_count * w.in_channels, row_stride = w.step[2] * s.pixel;
    for (std::int64_t h = from; h < to; ++h) {
      const std::int64_t run_count = list_runs(s, 0, group_count, h, 1, runs);
      T* const row =
          w.result + sample * w.out_sample + depth * w.out_stride[0] + h * w.out_stride[1] + group * w.out_channels;
      for (std::int64_t o = 0; o < w.out_channels; ++o) {
        const T* const b = packed + (group * w.out_channels + o) * kernel_depth;
        const T* const bias = w.bias == nullptr ? nullptr : w.bias + group * w.out_channels + o;
        T* const out = row + o;
        const auto pixels = [&]<int count>(std::integral_constant<int, count>, std::int64_t pixel) {
          T sums[count];
          dot_pixels<T, count>(s.base + pixel * row_stride, row_stride, b, runs, run_count, sums);
          finish_row(sums, count, bias, 0, w.activation);
          for (int i = 0; i < count; ++i) out[(pixel + i) * w.out_stride[2]] = sums[i];
        };
        std::int64_t pixel = 0;
        for (; pixel + 8 <= w.out[2]; pixel += 8) pixels(std::integral_constant<int, 8>{}, pixel);
        for (; pixel + 2 <= w.out[2]; pixel += 2) pixels(std::integral_constant<int, 2>{}, pixel);
        for (; pixel < w.out[2]; ++pixel) pixels(std::integral_constant<int, 1>{}, pixel);
      }
    }
  }

  // The runs of groups [begin, end) whose row of the image exists.
  std::int64_t list_runs(const Source<T>& s, std::int64_t begin, std::int64_t end, std::int64_t h, std::int64_t b_step,
                         RunOf* runs) const {
    std::int64_t count = 0;
    for (std::int64_t g = begin; g < end; ++g) {
      const Group& taps = groups[g];
      const std::int64_t d = depth * w.step[0] + taps.at[0], row = h * w.step[1] + taps.at[1];
      if (d < 0 || d >= w.in[0] || row < 0 || row >= w.in[1]) continue;
      const std::int64_t plane = p.copy ? taps.plane * s.plane : d * w.in[1] * s.row;
      const std::int64_t a = plane + (row - s.first_row) * s.row + (taps.at[2] - s.first_column) * s.pixel;
      runs[count++] = {a, taps.first * w.in_channels * b_step, taps.taps * w.in_channels};
    }
    return count;
  }
};

// `workspace`: the packed weights, then the groups of taps.
template <class T>
void run_walk(const Walk<T>& w, void* workspace) {
  const WalkPlan p = plan_walk(w);
  if (p.rows == 0 || w.out[2] == 0 || w.out_channels == 0) return;
  T* const packed = static_cast<T*>(workspace);
  Group* const groups = reinterpret_cast<Group*>(static_cast<char*>(workspace) + packed_bytes(w, p));
  const std::int64_t group_count = join_taps(w, groups);
  if (p.narrow) {
    pack_rows_of_weights(w, packed);
  } else if (p.pack) {
    pack_weights(w, p, packed);
  }
  const std::int64_t row_tasks = ceil_div(p.rows, p.task_rows), panel_tasks = ceil_div(p.panels, p.task_panels);
  const std::int64_t per_depth = w.out[1], per_sample = w.out[0] * w.out[1];
  parallel_for(w.groups * row_tasks * panel_tasks, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t task = first; task < last; ++task) {
      const std::int64_t panel = task % panel_tasks * p.task_panels;
      const std::int64_t group = task / panel_tasks / row_tasks;
      std::int64_t row = task / panel_tasks % row_tasks * p.task_rows;
      const std::int64_t end = std::min(p.rows, row + p.task_rows);
      while (row < end) {
        const std::int64_t sample = row / per_sample, depth = row % per_sample / per_depth, h = row % per_depth;
        const std::int64_t rows = std::min(end - row, per_depth - h);
        Segment<T>{w, p, groups, group_count, packed, group, sample, depth, h, h + rows}.run(
            panel, std::min(p.panels, panel + p.task_panels));
        row += rows;
      }
    }
  });
}

std::int64_t tap_bytes(const ConvShape& s) {
  return whole_lines(volume(s.kernel) * static_cast<std::int64_t>(sizeof(Tap)));
}

// ---- Forward.

template <class T>
Walk<T> forward_walk(const ConvShape& s, Tap* taps) {
  Walk<T> w{};
  w.batch = s.batch;
  w.in_channels = s.in_channels / s.groups;
  w.out_channels = s.out_channels / s.groups;
  w.groups = s.groups;
  std::copy_n(s.in, kSpatial, w.in);
  std::copy_n(s.out, kSpatial, w.out);
  std::copy_n(s.stride, kSpatial, w.step);
  w.out_stride[2] = s.out_channels;
  w.out_stride[1] = s.out[2] * w.out_stride[2];
  w.out_stride[0] = s.out[1] * w.out_stride[1];
  w.out_sample = s.out[0] * w.out_stride[0];
  w.taps = taps;
  w.planes = s.kernel[0];
  w.tap_count = forward_taps(s, taps);
  return w;
}

template <class T>
void forward(const Conv<T>& job) {
  const ConvShape s = canonical(job.shape);
  if (pointwise(s) || covering(s)) {
    Matmul<T> product = forward_product<T>(s);
    product.a = job.x;
    product.b = job.w;
    product.c = job.result;
    product.bias = job.bias;
    product.activation = job.activation;
    product.workspace = job.workspace;
    multiply(product);
    return;
  }
  Walk<T> w = forward_walk<T>(s, static_cast<Tap*>(job.workspace));
  w.image = job.x;
  w.w = job.w;
  w.result = job.result;
  w.bias = job.bias;
  w.activation = job.activation;
  run_walk(w, static_cast<char*>(job.workspace) + tap_bytes(s));
}

// Plans need the taps, which need memory: what they would take, from their number alone, as if packed in the widest
// panels.
template <class T>
std::int64_t walk_bound(std::int64_t taps, std::int64_t in_channels, std::int64_t out_channels, std::int64_t groups) {
  const std::int64_t columns =
      ceil_div(std::max<std::int64_t>(1, out_channels), kLanes<T>) * kLanes<T> + kMaxVectors<T> * kLanes<T>;
  return whole_lines(groups * columns * taps * in_channels * static_cast<std::int64_t>(sizeof(T))) +
         whole_lines(taps * static_cast<std::int64_t>(sizeof(Group)));
}

template <class T>
std::int64_t forward_workspace(const ConvShape& shape) {
  const ConvShape s = canonical(shape);
  if (pointwise(s) || covering(s)) return multiply_workspace(forward_product<T>(s));
  return tap_bytes(s) + walk_bound<T>(volume(s.kernel), s.in_channels / s.groups, s.out_channels / s.groups, s.groups);
}

// ---- Gradient of the data.

template <class T>
Walk<T> data_walk(const ConvShape& s, const std::int64_t (&phase)[kSpatial], Tap* taps) {
  Walk<T> w{};
  w.batch = s.batch;
  w.in_channels = s.out_channels / s.groups;
  w.out_channels = s.in_channels / s.groups;
  w.groups = s.groups;
  w.transposed = true;
  std::copy_n(s.out, kSpatial, w.in);
  std::int64_t stride = s.in_channels;
  for (int d = kSpatial - 1; d >= 0; --d) {
    w.out[d] = phase_count(s.in[d], phase[d], s.stride[d]);
    w.out_stride[d] = stride * s.stride[d];
    stride *= s.in[d];
    w.step[d] = 1;
  }
  w.out_sample = stride;
  w.taps = taps;
  w.tap_count = gradient_taps(s, phase, taps, w.planes);
  return w;
}

template <class T>
void data_gradient(const Conv<T>& job) {
  const ConvShape s = canonical(job.shape);
  if (pointwise(s) || covering(s)) {
    Matmul<T> product = data_product<T>(s);
    product.a = job.y;
    product.b = job.w;
    product.c = job.result;
    product.workspace = job.workspace;
    multiply(product);
    return;
  }
  for_each_phase(s, [&](const std::int64_t(&phase)[kSpatial]) {
    Walk<T> w = data_walk<T>(s, phase, static_cast<Tap*>(job.workspace));
    w.image = job.y;
    w.w = job.w;
    w.result = job.result + ((phase[0] * s.in[1] + phase[1]) * s.in[2] + phase[2]) * s.in_channels;
    run_walk(w, static_cast<char*>(job.workspace) + tap_bytes(s));
  });
}

template <class T>
std::int64_t data_gradient_workspace(const ConvShape& shape) {
  const ConvShape s = canonical(shape);
  if (pointwise(s) || covering(s)) return multiply_workspace(data_product<T>(s));
  return tap_bytes(s) + walk_bound<T>(volume(s.kernel), s.out_channels / s.groups, s.in_channels / s.groups, s.groups);
}

template <class T>
ConvFunctions<T> functions() {
  return {&forward<T>,           &data_gradient<T>,           &conv_kernel_gradient<T>,
          &forward_workspace<T>, &data_gradient_workspace<T>, &conv_kernel_gradient_workspace<T>};
}

}  // namespace

void fill(ConvKernels& kernels) { kernels = {functions<float>(), functions<double>()}; }

}  // namespace addax::kernels::ADDAX_ISA_NS
