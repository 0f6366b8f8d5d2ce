#include "kernels/conv_kernel_gradient.h"

#include <algorithm>
#include <utility>

#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/microkernel.h"
#include "kernels/pack.h"
#include "kernels/walk.h"

// dw[t, i, o] = Σ over pixels of x[pixel + t, i] · dy[pixel, o]: a product whose k are the pixels. A is the image with
// adjacent rows (taps × channels, side by side in memory), B is dy as it lies, and each row of pixels is a run. Pixels
// are taken in chunks that stay in the cache while all of dw collects from them; the work is cut into slices of the
// pixels, each with a sum of its own, and panels of dw's columns. With few output channels the two change places: the
// image's values fill the vectors.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr int kImage = 0, kRuns = 1, kGradient = 2;         // scratch slots
constexpr std::int64_t kTaskFlops = std::int64_t{1} << 21;  // work worth a task (some 20 µs)
// Output pixels of a chunk, about: enough that adding to dw costs little, few enough for L2.
constexpr std::int64_t kChunkPixels = 256;
constexpr std::int64_t kChunkBytes = std::int64_t{192} << 10;
constexpr std::int64_t kPlanesBytes = std::int64_t{768} << 10;  // of several small planes with many channels
constexpr std::int64_t kMostSlices = 16;
constexpr std::int64_t kPartialBytes = std::int64_t{8} << 20;

// The work is cut two ways: the pixels into slices, each with its own sum, and the columns of dw into sets of panels.
struct KernelPlan {
  std::int64_t row_values;  // adjacent rows of A: taps of a kernel row × channels, or channels if the taps are apart
  std::int64_t row_groups;  // per kernel
  Blocking blocking;
  std::int64_t width;
  std::int64_t panels;
  bool pack;
  bool narrow;  // the sums hold dwᵀ: out_channels rows of row_values
  bool spread;
  std::int64_t pitch;  // between pixels of a copy
  bool copy;
  std::int64_t first_column;
  std::int64_t columns;
  std::int64_t rows;          // output rows of all samples
  std::int64_t chunk_rows;    // output rows of a chunk, of one plane
  std::int64_t chunk_planes;  // more than one only if chunk_rows is a plane's
  std::int64_t slices;
  std::int64_t task_panels;
  std::int64_t size;  // of dw
};

std::int64_t chunk_count(const ConvShape& s, const KernelPlan& p) {
  return ceil_div(s.batch * s.out[0], p.chunk_planes) * ceil_div(s.out[1], p.chunk_rows);
}

template <class T>
KernelPlan plan_kernel(const ConvShape& s) {
  KernelPlan p{};
  const std::int64_t in = s.in_channels / s.groups, out = s.out_channels / s.groups;
  // Pixels a multiple of 1 KB apart would share a few sets of L1: a copy moves them apart by a line more.
  p.spread = in * static_cast<std::int64_t>(sizeof(T)) % 1024 == 0 && in > 0;
  p.pitch = p.spread ? in + 64 / static_cast<std::int64_t>(sizeof(T)) : in;
  const bool joined = (s.dilation[2] == 1 && !p.spread) || s.kernel[2] == 1;
  p.row_values = joined ? s.kernel[2] * in : in;
  p.row_groups = s.kernel[0] * s.kernel[1] * (joined ? 1 : s.kernel[2]);
  p.blocking = choose_blocking(p.row_values, out, T{});
  p.width = p.blocking.vectors * kLanes<T>;
  p.panels = ceil_div(out, p.width);
  p.pack = p.panels > 1;
  p.narrow = out <= kLanes<T> / 4 && p.row_values >= kLanes<T>;
  p.first_column = -s.pad_low[2];
  p.columns = (s.out[2] - 1) * s.stride[2] + (s.kernel[2] - 1) * s.dilation[2] + 1;
  p.copy = s.groups > 1 || p.spread || p.first_column < 0 || p.first_column + p.columns > s.in[2];
  p.rows = s.batch * s.out[0] * s.out[1];
  p.size = volume(s.kernel) * in * s.out_channels;
  const std::int64_t row_bytes =
      (p.columns * in * s.stride[1] + s.out[2] * out) * static_cast<std::int64_t>(sizeof(T)) + 1;
  p.chunk_rows =
      std::max<std::int64_t>(1, std::min(kChunkPixels / std::max<std::int64_t>(1, s.out[2]), kChunkBytes / row_bytes));
  p.chunk_rows = std::min(p.chunk_rows, std::max<std::int64_t>(1, s.out[1]));
  p.chunk_planes = 1;
  if (p.chunk_rows == s.out[1]) {
    const std::int64_t pixels = std::max<std::int64_t>(1, s.out[1] * s.out[2]);
    const std::int64_t fit =
        std::min(kChunkPixels / pixels, kPlanesBytes / (row_bytes * std::max<std::int64_t>(1, s.out[1])));
    p.chunk_planes = std::clamp<std::int64_t>(fit, 1, std::max<std::int64_t>(1, s.batch * s.out[0]));
  }
  const std::int64_t chunks = chunk_count(s, p);
  const std::int64_t flops = 2 * p.rows * s.out[2] * p.size;
  const std::int64_t wanted = std::clamp<std::int64_t>(flops / kTaskFlops, 1, kMostSlices);
  const std::int64_t bytes = std::max<std::int64_t>(1, p.size * static_cast<std::int64_t>(sizeof(T)));
  p.slices = std::clamp<std::int64_t>(std::min({wanted, chunks / 2, kPartialBytes / bytes}), 1, kMostSlices);
  p.task_panels = std::max<std::int64_t>(1, p.panels);  // none if dw is empty
  const auto tasks = [&] { return s.groups * p.slices * ceil_div(p.panels, p.task_panels); };
  while (tasks() < wanted && p.task_panels > 1) p.task_panels = ceil_div(p.task_panels, 2);
  return p;
}

template <class T>
struct KernelTask {
  const Conv<T>& job;
  const ConvShape& s;
  const KernelPlan& p;
  std::int64_t group;
  T* dw;  // the slice's own sum

  // Adds the contribution of output rows [from, to) of planes (samples × depths) [first_plane, last_plane) to panels
  // [first_panel, last_panel).
  void add(std::int64_t first_plane, std::int64_t last_plane, std::int64_t from, std::int64_t to,
           std::int64_t first_panel, std::int64_t last_panel, bool first_chunk) const {
    const std::int64_t out = s.out_channels / s.groups;
    const std::int64_t first_row = std::clamp<std::int64_t>(from * s.stride[1] - s.pad_low[1], 0, s.in[1]);
    const std::int64_t last_row = std::clamp<std::int64_t>(
        (to - 1) * s.stride[1] - s.pad_low[1] + (s.kernel[1] - 1) * s.dilation[1] + 1, first_row, s.in[1]);
    const Source<T> image = source(first_plane, last_plane, first_row, last_row);
    RunOf* const runs = thread_scratch_of<RunOf>(kRuns, (last_plane - first_plane) * (to - from) + 1);
    if (p.narrow) {
      add_narrow(image, first_plane, last_plane, from, to, runs, first_chunk);
      return;
    }
    const std::int64_t pixels = (last_plane - first_plane) * (to - from) * s.out[2];
    const T* const dy = job.y + (first_plane * s.out[1] + from) * s.out[2] * s.out_channels + group * out;
    T* packed = nullptr;
    if (p.pack) {
      packed = thread_scratch_of<T>(kGradient, (last_panel - first_panel) * p.width * pixels);
      for (std::int64_t q = first_panel; q < last_panel; ++q) {
        pack_panel(dy + q * p.width, s.out_channels, false, packed + (q - first_panel) * p.width * pixels, p.width,
                   pixels, std::min(p.width, out - q * p.width));
      }
    }
    Tile<T> tile{};
    tile.step = s.stride[2] * image.pixel;
    tile.b_step = p.pack ? p.width : s.out_channels;
    tile.c_stride = s.out_channels;
    tile.runs = runs;
    tile.accumulate = !first_chunk;
    for (std::int64_t g = 0; g < p.row_groups; ++g) {
      tile.run_count = list_runs(image, g, first_plane, last_plane, from, to, tile.b_step, runs);
      if (tile.run_count == 0 && !first_chunk) continue;
      for (std::int64_t q = first_panel; q < last_panel; ++q) {
        const std::int64_t column = q * p.width;
        tile.columns = std::min(p.width, out - column);
        if (p.pack) {
          tile.b = packed + (q - first_panel) * p.width * pixels;
        } else {
          tile.b = dy + column;
          if (tile.columns % kLanes<T> != 0) tile.b_end = job.y + s.batch * volume(s.out) * s.out_channels;
        }
        const int vectors = static_cast<int>(vectors_for<T>(tile.columns));
        T* const c = dw + g * p.row_values * s.out_channels + group * out + column;
        for (std::int64_t block = 0; block < p.blocking.rows; ++block) {
          const std::int64_t row = cut(p.row_values, p.blocking.rows, block);
          const std::int64_t rows = cut(p.row_values, p.blocking.rows, block + 1) - row;
          if (rows == 0) continue;
          tile.a = image.base + row;
          tile.c = c + row * s.out_channels;
          tile_function(Rows::adjacent, static_cast<int>(rows), vectors, T{})(tile);
        }
      }
    }
  }

  // The runs of tap group g: rows of pixels that exist. Offsets into the image, and into dL/dy of this chunk.
  std::int64_t list_runs(const Source<T>& image, std::int64_t g, std::int64_t first_plane, std::int64_t last_plane,
                         std::int64_t from, std::int64_t to, std::int64_t dy_step, RunOf* runs) const {
    const std::int64_t split = p.row_groups / (s.kernel[0] * s.kernel[1]);  // kernel[2] if taps are apart, else 1
    const std::int64_t kd = g / split / s.kernel[1], kh = g / split % s.kernel[1], kw = g % split;
    const std::int64_t column = kw * s.dilation[2] - s.pad_low[2] - image.first_column;
    std::int64_t count = 0;
    for (std::int64_t i = first_plane; i < last_plane; ++i) {
      const std::int64_t d = source_depth(i, kd);
      if (d < 0 || d >= s.in[0]) continue;
      const std::int64_t plane = p.copy ? (i - first_plane) * s.kernel[0] + kd : i / s.out[0] * s.in[0] + d;
      for (std::int64_t h = from; h < to; ++h) {
        const std::int64_t row = h * s.stride[1] + kh * s.dilation[1] - s.pad_low[1];
        if (row < 0 || row >= s.in[1]) continue;
        runs[count++] = {plane * image.plane + (row - image.first_row) * image.row + column * image.pixel,
                         ((i - first_plane) * (to - from) + h - from) * s.out[2] * dy_step, s.out[2]};
      }
    }
    return count;
  }

  // The same with the factors changed: A is dL/dy, B the image, whose rows (one per pixel) overlap.
  void add_narrow(const Source<T>& image, std::int64_t first_plane, std::int64_t last_plane, std::int64_t from,
                  std::int64_t to, RunOf* runs, bool first_chunk) const {
    const std::int64_t out = s.out_channels / s.groups;
    constexpr std::int64_t kWidth = kMaxVectors<T> * kLanes<T>;
    Tile<T> tile{};
    tile.a = job.y + (first_plane * s.out[1] + from) * s.out[2] * s.out_channels + group * out;
    tile.step = s.out_channels;
    tile.b_step = s.stride[2] * image.pixel;
    tile.b_end = image.end;
    tile.c_stride = p.row_values;
    tile.runs = runs;
    tile.accumulate = !first_chunk;
    for (std::int64_t g = 0; g < p.row_groups; ++g) {
      tile.run_count = list_runs(image, g, first_plane, last_plane, from, to, s.out_channels, runs);
      if (tile.run_count == 0 && !first_chunk) continue;
      for (std::int64_t r = 0; r < tile.run_count; ++r) std::swap(runs[r].a, runs[r].b);
      for (std::int64_t column = 0; column < p.row_values; column += kWidth) {
        tile.columns = std::min(kWidth, p.row_values - column);
        tile.b = image.base + column;
        tile.c = dw + (group * p.row_groups + g) * out * p.row_values + column;
        tile_function(Rows::adjacent, static_cast<int>(out), static_cast<int>(vectors_for<T>(tile.columns)), T{})(tile);
      }
    }
  }

  // The depth of the image that tap row kd reads for plane i of the output.
  std::int64_t source_depth(std::int64_t i, std::int64_t kd) const {
    return i % s.out[0] * s.stride[0] + kd * s.dilation[0] - s.pad_low[0];
  }

  Source<T> source(std::int64_t first_plane, std::int64_t last_plane, std::int64_t first_row,
                   std::int64_t last_row) const {
    const std::int64_t in = s.in_channels / s.groups;
    const std::int64_t row = s.in[2] * s.in_channels;
    const T* const image = job.x + group * in;
    if (!p.copy) return {image, s.in_channels, row, s.in[1] * row, 0, 0, job.x + s.batch * s.in[0] * s.in[1] * row};
    const std::int64_t copy_size = p.columns * p.pitch, plane_size = (last_row - first_row) * copy_size;
    T* const copy = thread_scratch_of<T>(kImage, (last_plane - first_plane) * s.kernel[0] * plane_size);
    T* to = copy;
    for (std::int64_t i = first_plane; i < last_plane; ++i) {
      for (std::int64_t kd = 0; kd < s.kernel[0]; ++kd, to += plane_size) {
        const std::int64_t d = source_depth(i, kd);
        if (d < 0 || d >= s.in[0]) continue;
        const T* const plane = image + (i / s.out[0] * s.in[0] + d) * s.in[1] * row;
        for (std::int64_t h = first_row; h < last_row; ++h) {
          copy_row(plane + h * row, s.in_channels, s.in[2], to + (h - first_row) * copy_size, p.pitch, p.first_column,
                   p.columns, in);
        }
      }
    }
    return {copy, p.pitch, copy_size, plane_size, first_row, p.first_column, to};
  }
};

}  // namespace

template <class T>
void conv_kernel_gradient(const Conv<T>& job) {
  const ConvShape s = canonical(job.shape);
  const KernelPlan p = plan_kernel<T>(s);
  if (p.size == 0) return;
  const std::int64_t planes = s.batch * s.out[0], per_plane = ceil_div(s.out[1], p.chunk_rows);
  const std::int64_t chunks = chunk_count(s, p);
  if (chunks == 0 || s.out[2] == 0) {
    std::fill_n(job.result, p.size, T{0});
    return;
  }
  const bool in_place = p.slices == 1 && !p.narrow;
  T* const partial = in_place ? job.result : static_cast<T*>(job.workspace);
  const std::int64_t panel_tasks = ceil_div(p.panels, p.task_panels);
  parallel_for(s.groups * p.slices * panel_tasks, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t task = first; task < last; ++task) {
      const std::int64_t panel = task % panel_tasks * p.task_panels;
      const std::int64_t slice = task / panel_tasks % p.slices;
      const KernelTask<T> work{job, s, p, task / panel_tasks / p.slices, partial + slice * p.size};
      const std::int64_t begin = cut(chunks, p.slices, slice), end = cut(chunks, p.slices, slice + 1);
      for (std::int64_t c = begin; c < end; ++c) {
        const std::int64_t plane = c / per_plane * p.chunk_planes;
        const std::int64_t from = cut(s.out[1], per_plane, c % per_plane);
        const std::int64_t to = cut(s.out[1], per_plane, c % per_plane + 1);
        work.add(plane, std::min(planes, plane + p.chunk_planes), from, to, panel,
                 std::min(p.panels, panel + p.task_panels), c == begin);
      }
    }
  });
  if (in_place) return;
  const std::int64_t out = s.out_channels / s.groups;
  parallel_for(p.size, std::int64_t{1} << 14, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      T sum = partial[i];
      for (std::int64_t slice = 1; slice < p.slices; ++slice) sum += partial[slice * p.size + i];
      std::int64_t to = i;
      if (p.narrow) {
        // From (group, row group, out, row) to (row group, row, group, out).
        const std::int64_t row = i % p.row_values, o = i / p.row_values % out, g = i / p.row_values / out;
        to = ((g % p.row_groups * p.row_values + row) * s.groups + g / p.row_groups) * out + o;
      }
      job.result[to] = sum;
    }
  });
}

template <class T>
std::int64_t conv_kernel_gradient_workspace(const ConvShape& shape) {
  const KernelPlan p = plan_kernel<T>(canonical(shape));
  return p.slices == 1 && !p.narrow ? 0 : p.slices * p.size * static_cast<std::int64_t>(sizeof(T));
}

template void conv_kernel_gradient(const Conv<float>&);
template std::int64_t conv_kernel_gradient_workspace<float>(const ConvShape&);
#if defined(ADDAX_FLOAT64_HERE)
template void conv_kernel_gradient(const Conv<double>&);
template std::int64_t conv_kernel_gradient_workspace<double>(const ConvShape&);
#endif

}  // namespace addax::kernels::ADDAX_ISA_NS
