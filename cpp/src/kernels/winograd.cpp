#include "kernels/winograd.h"

#include <algorithm>

#include "base/build.h"
#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/epilogue.h"
#include "kernels/microkernel.h"
#include "kernels/pack.h"
#include "kernels/tasks.h"
#include "kernels/walk.h"
#include "kernels/winograd_kernel_gradient.h"
#include "kernels/winograd_tiles.h"

// Forward and data gradient. A task takes some hundred tiles through all stages while they stay in its cache: the input
// tiles are transformed into 16 planes (tiles × in channels); each plane is multiplied by its plane of the transformed
// weights (in × out channels) with the microkernel; the 16 products of a few tiles, in L1, are transformed into the
// output. The data gradient is the same walk over dL/dy with turned and transposed weights.
//
// No sum runs across tiles or depends on how they are grouped, so the result is the same for any division of the work.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr int kScratch = 0;
constexpr int W = kLanes<float>;
// Transformed input of a task: with a panel of weights it shall fit half of L2.
constexpr std::int64_t kInputBytes = std::int64_t{384} << 10;
constexpr std::int64_t kLeastTiles = 28, kMostTiles = 112;
// Panels of weights (all planes) up to this size stay in L2 while all tiles of a task go by, and the products of a few
// tiles need not leave L1. Larger ones are read once for all tiles.
constexpr std::int64_t kPanelBytes = std::int64_t{288} << 10;
constexpr std::int64_t kWantedTasks = 32;
// Out channels of a task that shares its tiles with others, at least; tiles of a task where there are few.
constexpr std::int64_t kGroupWidth = 64;
constexpr std::int64_t kFewTasks = 4, kFewTiles = 16;

struct Walk {
  const float* image;
  std::int64_t images, in_rows, in_columns, in_channels;
  float* result;
  std::int64_t out_rows, out_columns, out_channels;
  std::int64_t pad_row, pad_column;  // tile (r, c) begins at pixel (2r - pad_row, 2c - pad_column)
  const float* bias;
  Activation activation;
  const Tail* tail;
};

Walk forward_walk(const ConvShape& s) {
  Walk w{};
  w.images = s.batch * s.in[0];
  w.in_rows = s.in[1];
  w.in_columns = s.in[2];
  w.in_channels = s.in_channels;
  w.out_rows = s.out[1];
  w.out_columns = s.out[2];
  w.out_channels = s.out_channels;
  w.pad_row = s.pad_low[1];
  w.pad_column = s.pad_low[2];
  return w;
}

Walk data_walk(const ConvShape& s) {
  Walk w = forward_walk(s);
  std::swap(w.in_rows, w.out_rows);
  std::swap(w.in_columns, w.out_columns);
  std::swap(w.in_channels, w.out_channels);
  w.pad_row = 2 - w.pad_row;
  w.pad_column = 2 - w.pad_column;
  return w;
}

struct WinogradPlan {
  TileGrid grid;
  std::int64_t tiles;        // in all
  std::int64_t chunk_tiles;  // transformed at once
  std::int64_t some_tiles;   // whose products are kept at once
  int vectors;               // of a panel of out channels
  std::int64_t width, panels;
  std::int64_t chunks;
  std::int64_t panel_groups;   // each chunk is a task for each of them…
  std::int64_t task_chunks;    // …or several chunks are one
  std::int64_t pitch;          // between tiles of the transformed input
  std::int64_t input_plane;    // between its planes
  std::int64_t product_plane;  // between planes of products
};

WinogradPlan plan_of(const Walk& w) {
  WinogradPlan p{};
  p.grid = {ceil_div(w.out_rows, 2), ceil_div(w.out_columns, 2)};
  p.tiles = w.images * p.grid.rows * p.grid.columns;
  p.pitch = spread(ceil_div(w.in_channels, W) * W);
  p.chunk_tiles = std::clamp(kInputBytes / (kPlanes * 4 * p.pitch), kLeastTiles, kMostTiles);
  p.vectors = choose_blocking(p.chunk_tiles, w.out_channels, float{}).vectors;
  p.width = p.vectors * W;
  p.panels = ceil_div(w.out_channels, p.width);
  const std::int64_t block = max_rows<float>(p.vectors);
  p.chunk_tiles = p.chunk_tiles / block * block;
  const std::int64_t panel_bytes = kPlanes * 4 * w.in_channels * p.width;
  p.some_tiles = panel_bytes <= kPanelBytes ? block : p.chunk_tiles;
  const std::int64_t flops = 2 * kPlanes * p.tiles * w.in_channels * w.out_channels;
  const std::int64_t wanted = wanted_tasks(flops, kWantedTasks);
  p.panel_groups = 1;
  p.chunks = std::max<std::int64_t>(1, ceil_div(p.tiles, p.chunk_tiles));
  const auto tasks = [&] { return p.chunks * p.panel_groups; };
  const auto panels_of_group = [&] { return ceil_div(p.panels, p.panel_groups); };
  const auto cut_tiles = [&](std::int64_t least) {
    const std::int64_t most = p.tiles / least;
    const std::int64_t even = most == 3 ? 4 : most;  // a third chunk would keep a thread waiting
    p.chunks = std::max(p.chunks, std::min(ceil_div(wanted, p.panel_groups), even));
    p.chunk_tiles = std::min(p.chunk_tiles, ceil_div(p.tiles, p.chunks));
  };
  // Many weights and few tiles: the panels are shared out rather than the tiles. Each task transforms its input again,
  // which a few panels make up for. Then the tiles, evenly: in blocks that are nearly full, or smaller ones where even
  // a second thread would have no task.
  while (tasks() < wanted && panels_of_group() * p.width > kGroupWidth) p.panel_groups *= 2;
  if (tasks() < wanted) cut_tiles(block + block / 2);
  if (tasks() < std::min(wanted, kFewTasks)) cut_tiles(kFewTiles);
  if (tasks() == 1 && wanted > 1) p.panel_groups = 2;
  p.panel_groups = ceil_div(p.panels, panels_of_group());
  p.task_chunks = p.panel_groups > 1 ? 1 : std::max<std::int64_t>(1, p.chunks / kWantedTasks);
  p.some_tiles = std::min(p.some_tiles, p.chunk_tiles);
  p.input_plane = spread(p.chunk_tiles * p.pitch);
  p.product_plane = spread(p.some_tiles * p.width);
  return p;
}

std::int64_t packed_size(std::int64_t in_channels, const WinogradPlan& p) {
  return kPlanes * p.panels * p.width * in_channels;
}

// ---- Weights: panel by panel, in each plane by plane, so that a panel's planes are read straight through.

// One block of the forward weights: a row of in channels, the columns of a panel.
void pack_forward(const float* w, std::int64_t in, std::int64_t out, std::int64_t row, std::int64_t column,
                  std::int64_t width, float* to) {
  for (std::int64_t v = 0; v < width; v += W) {
    const std::int64_t lanes = std::clamp<std::int64_t>(out - column - v, 0, W);
    VecF u[kPlanes];
    transform_kernel([&](int t) { return load_partial(w + (t * in + row) * out + column + v, lanes); }, u);
#pragma GCC unroll 16
    for (int p = 0; p < kPlanes; ++p) store(to + (p * in + row) * width + v, u[p]);
  }
}

// The data gradient's: its in channels are `out`, its out channels `in`, the taps run backwards. A square of both at a
// time, turned in registers.
void pack_transposed(const float* w, std::int64_t in, std::int64_t out, std::int64_t row, std::int64_t column,
                     std::int64_t width, float* to) {
  const std::int64_t depth = std::min<std::int64_t>(W, out - row);
  for (std::int64_t v = 0; v < width; v += W) {
    VecF square[kPlanes][W];
    for (int j = 0; j < W; ++j) {
      const bool inside = column + v + j < in;
      VecF u[kPlanes];
      transform_kernel(
          [&](int t) { return inside ? load_partial(w + ((8 - t) * in + column + v + j) * out + row, depth) : VecF{}; },
          u);
#pragma GCC unroll 16
      for (int p = 0; p < kPlanes; ++p) square[p][j] = u[p];
    }
    for (int p = 0; p < kPlanes; ++p) {
      transpose_square<float>(square[p]);
      for (std::int64_t k = 0; k < depth; ++k) store(to + (p * out + row + k) * width + v, square[p][k]);
    }
  }
}

void pack(const float* w, std::int64_t in, std::int64_t out, bool transposed, const WinogradPlan& p, float* packed) {
  const std::int64_t rows = transposed ? out : in, step = transposed ? W : 1, blocks = ceil_div(rows, step);
  const std::int64_t grain = std::max<std::int64_t>(1, (std::int64_t{1} << 12) / (p.width * step));
  parallel_for(p.panels * blocks, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t panel = i / blocks, row = i % blocks * step;
      float* const to = packed + panel * kPlanes * rows * p.width;
      (transposed ? pack_transposed : pack_forward)(w, in, out, row, panel * p.width, p.width, to);
    }
  });
}

// ---- A task: some tiles, some panels.

struct Task {
  const Walk& w;
  const WinogradPlan& p;
  const float* packed;
  float* input;
  float* products;
  const float* zeros;

  // `more`: the next chunk is this thread's, too.
  void run(std::int64_t chunk, std::int64_t first_panel, std::int64_t last_panel, bool more) const {
    const TiledImages images{w.image, w.in_rows, w.in_columns, w.in_channels, w.pad_row, w.pad_column, zeros};
    const std::int64_t first = chunk * p.chunk_tiles, last = std::min(p.tiles, first + p.chunk_tiles);
    transform_input_tiles(images, p.grid, first, last, input, p.input_plane, p.pitch);
    for (std::int64_t q = first_panel; q < last_panel; ++q) {
      for (std::int64_t t = first; t < last; t += p.some_tiles) {
        const std::int64_t count = std::min(p.some_tiles, last - t), next = t + p.chunk_tiles;
        const std::int64_t asked = more && q == first_panel ? std::clamp<std::int64_t>(p.tiles - next, 0, count) : 0;
        multiply(t - first, count, q, images, {asked, p.grid.at(next)});
        write(t, count, q);
      }
    }
    if (w.tail != nullptr) run_tails(first, last, first_panel * p.width, last_panel * p.width);
  }

  // The tail on the results of tiles [first, last). Whole rows of tiles lie side by side, whichever image they are of.
  void run_tails(std::int64_t first, std::int64_t last, std::int64_t first_column, std::int64_t last_column) const {
    const std::int64_t per_line = p.grid.columns, columns = std::min(last_column, w.out_channels) - first_column;
    const auto pixel_of_line = [&](std::int64_t line) {
      return (line / p.grid.rows * w.out_rows + 2 * (line % p.grid.rows)) * w.out_columns;
    };
    const auto run = [&](std::int64_t pixel, std::int64_t count) {
      run_tail(*w.tail, w.out_channels, pixel, count, first_column, columns);
    };
    for (std::int64_t t = first; t < last;) {
      const std::int64_t line = t / per_line, column = t % per_line;
      if (column == 0 && last - t >= per_line) {
        const std::int64_t lines = (last - t) / per_line;
        run(pixel_of_line(line), pixel_of_line(line + lines) - pixel_of_line(line));
        t += lines * per_line;
        continue;
      }
      const std::int64_t end = std::min(per_line, column + last - t), pixel = pixel_of_line(line) + 2 * column;
      const std::int64_t count = std::min(2 * end, w.out_columns) - 2 * column;
      run(pixel, count);
      if (2 * (line % p.grid.rows) + 1 < w.out_rows) run(pixel + w.out_columns, count);
      t += end - column;
    }
  }

  // The 16 products of `count` tiles, the first being `tile` of the task, with panel q.
  void multiply(std::int64_t tile, std::int64_t count, std::int64_t q, const TiledImages& images, Ahead ahead) const {
    const RunOf run{0, 0, w.in_channels};
    Tile<float> job{};
    job.row_stride = p.pitch;
    job.step = 1;
    job.b_step = p.width;
    job.runs = &run;
    job.run_count = 1;
    job.c_stride = p.width;
    job.columns = std::min(p.width, w.out_channels - q * p.width);
    const int vectors = static_cast<int>(vectors_for<float>(job.columns));
    const std::int64_t blocks = ceil_div(count, max_rows<float>(p.vectors));
    const std::int64_t share = ceil_div(count, kPlanes);
    for (int plane = 0; plane < kPlanes; ++plane) {
      ahead.next<4>(share, p.grid, images);
      job.b = packed + (q * kPlanes + plane) * w.in_channels * p.width;
      for (std::int64_t b = 0; b < blocks; ++b) {
        const std::int64_t row = cut(count, blocks, b), rows = cut(count, blocks, b + 1) - row;
        job.a = input + plane * p.input_plane + (tile + row) * p.pitch;
        job.c = products + plane * p.product_plane + row * p.width;
        tile_function(Rows::strided, static_cast<int>(rows), vectors, float{})(job);
      }
    }
  }

  void write(std::int64_t first, std::int64_t count, std::int64_t q) const {
    const std::int64_t column = q * p.width, columns = std::min(p.width, w.out_channels - column);
    const std::int64_t line = w.out_columns * w.out_channels;
    TileGrid::At at = p.grid.at(first);
    for (std::int64_t t = 0; t < count; ++t, p.grid.advance(at)) {
      const float* const from = products + t * p.width;
      float* const to =
          w.result + (at.image * w.out_rows + 2 * at.row) * line + 2 * at.column * w.out_channels + column;
      const bool below = 2 * at.row + 1 < w.out_rows, beside = 2 * at.column + 1 < w.out_columns;
      for (std::int64_t c = 0; c < columns; c += W) {
        const std::int64_t lanes = std::min<std::int64_t>(W, columns - c);
        VecF y[4];
        transform_output(from + c, p.product_plane, y);
        const VecF bias = w.bias == nullptr ? VecF{} : load_partial(w.bias + column + c, lanes);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          if ((i >= 2 && !below) || (i % 2 == 1 && !beside)) continue;
          float* const pixel = to + i / 2 * line + i % 2 * w.out_channels + c;
          const VecF value = activate(y[i] + bias, w.activation);
          if (lanes == W) {
            store(pixel, value);
          } else {
            store_partial(pixel, value, lanes);
          }
        }
      }
    }
  }
};

void run_walk(const Walk& w, const WinogradPlan& p, const float* packed) {
  if (p.tiles == 0 || w.out_channels == 0) return;
  const std::int64_t input_size = kPlanes * p.input_plane, product_size = kPlanes * p.product_plane;
  const std::int64_t group = ceil_div(p.panels, p.panel_groups);
  parallel_for(p.chunks * p.panel_groups, p.task_chunks, [&](std::int64_t first, std::int64_t last) {
    float* const input = thread_scratch_of<float>(kScratch, input_size + product_size + w.in_channels + W);
    float* const zeros = input + input_size + product_size;
    std::fill_n(zeros, w.in_channels, 0.0f);
    const Task work{w, p, packed, input, input + input_size, zeros};
    for (std::int64_t task = first; task < last; ++task) {
      const std::int64_t chunk = task / p.panel_groups, panel = task % p.panel_groups * group;
      work.run(chunk, panel, std::min(p.panels, panel + group), task + 1 < last);
    }
  });
}

void run(const Conv<float>& job, const Walk& w, bool transposed) {
  const WinogradPlan p = plan_of(w);
  if (job.packed == nullptr)
    pack(job.w, job.shape.in_channels, job.shape.out_channels, transposed, p, static_cast<float*>(job.workspace));
  run_walk(w, p, job.packed == nullptr ? static_cast<const float*>(job.workspace) : job.packed);
}

void forward(const Conv<float>& job) {
  Walk w = forward_walk(job.shape);
  w.image = job.x;
  w.result = job.result;
  w.bias = job.bias;
  w.activation = job.activation;
  w.tail = job.tail;
  run(job, w, false);
}

void data_gradient(const Conv<float>& job) {
  Walk w = data_walk(job.shape);
  w.image = job.y;
  w.result = job.result;
  w.bias = job.bias;
  w.activation = job.activation;
  w.tail = job.tail;
  run(job, w, true);
}

std::int64_t bytes_of(std::int64_t floats) { return whole_lines(floats * static_cast<std::int64_t>(sizeof(float))); }

std::int64_t forward_workspace(const ConvShape& s) {
  return bytes_of(packed_size(s.in_channels, plan_of(forward_walk(s))));
}

std::int64_t data_gradient_workspace(const ConvShape& s) {
  return bytes_of(packed_size(s.out_channels, plan_of(data_walk(s))));
}

std::int64_t packed_size_of(const ConvShape& s, bool transposed) {
  return transposed ? packed_size(s.out_channels, plan_of(data_walk(s)))
                    : packed_size(s.in_channels, plan_of(forward_walk(s)));
}

void pack_once(const ConvShape& s, bool transposed, const float* w, float* packed) {
  const WinogradPlan p = plan_of(transposed ? data_walk(s) : forward_walk(s));
  pack(w, s.in_channels, s.out_channels, transposed, p, packed);
}

}  // namespace

void fill(WinogradKernels& kernels) {
  kernels.f32 = {&forward,
                 &data_gradient,
                 for_training(&winograd_kernel_gradient),
                 &forward_workspace,
                 &data_gradient_workspace,
                 for_training(&winograd_kernel_gradient_workspace),
                 &packed_size_of,
                 &pack_once};
}

}  // namespace addax::kernels::ADDAX_ISA_NS
