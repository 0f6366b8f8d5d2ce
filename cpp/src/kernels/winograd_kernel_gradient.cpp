#include "kernels/winograd_kernel_gradient.h"

#include <algorithm>

#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/microkernel.h"
#include "kernels/walk.h"
#include "kernels/winograd_tiles.h"

// The gradient of the kernel by the transposed algorithm: what is linear in the kernel,
//     y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A,   has the gradient   dg = Gᵀ [Σ (A dy Aᵀ) ⊙ (Bᵀ d B)] G,
// the sum over all tiles. Each plane of the sum is a product of in channels × tiles and tiles × out channels, added up
// chunk by chunk of tiles whose transforms stay in the cache; Gᵀ…G comes once, at the end.
//
// The tiles are cut into slices by the size of the problem and the slices' sums added in order.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr int kScratch = 0;
constexpr int W = kLanes<float>;
// Transforms of a chunk of tiles, both factors. The sums of a plane come and go once per chunk, so that chunks shall
// have many tiles.
constexpr std::int64_t kChunkBytes = std::int64_t{512} << 10;
constexpr std::int64_t kLeastTiles = 32, kMostTiles = 128;
constexpr std::int64_t kMostSlices = 16;
// Tiles of a slice at least: its sums must be read again.
constexpr std::int64_t kSliceTiles = 256;

struct GradientPlan {
  TileGrid grid;
  std::int64_t tiles;
  std::int64_t chunk_tiles;
  std::int64_t slices;
  Blocking blocking;  // of in channels by the columns of a panel
  std::int64_t width, panels, task_panels;
  std::int64_t pitch, input_plane;    // of the transformed image
  std::int64_t panel_size, dy_plane;  // of the transformed dL/dy
  std::int64_t sum_row, sum_plane;    // of the sums
};

GradientPlan plan_of(const ConvShape& s) {
  GradientPlan p{};
  p.grid = {ceil_div(s.out[1], 2), ceil_div(s.out[2], 2)};
  p.tiles = s.batch * s.in[0] * p.grid.rows * p.grid.columns;
  p.blocking = choose_blocking(s.in_channels, s.out_channels, float{});
  p.width = p.blocking.vectors * W;
  p.panels = ceil_div(s.out_channels, p.width);
  p.task_panels = std::max<std::int64_t>(1, std::min(p.panels, 128 / p.width));
  p.pitch = spread(s.in_channels);
  p.slices = std::clamp<std::int64_t>(p.tiles / kSliceTiles, 1, kMostSlices);
  p.chunk_tiles =
      std::clamp(kChunkBytes / (kPlanes * 4 * (p.pitch + p.task_panels * p.width)), kLeastTiles, kMostTiles);
  p.input_plane = spread(p.chunk_tiles * p.pitch);
  p.panel_size = p.chunk_tiles * p.width;
  p.dy_plane = spread(p.task_panels * p.panel_size);
  p.sum_row = p.panels * p.width;
  p.sum_plane = s.in_channels * p.sum_row;
  return p;
}

struct Task {
  const Conv<float>& job;
  const GradientPlan& p;
  float* sums;  // of the slice
  float* input;
  float* gradient;
  const float* zeros;

  void run(std::int64_t first, std::int64_t last, std::int64_t first_panel, std::int64_t last_panel) const {
    const ConvShape& s = job.shape;
    const TiledImages images{job.x, s.in[1], s.in[2], s.in_channels, s.pad_low[1], s.pad_low[2], zeros};
    for (std::int64_t t = first; t < last; t += p.chunk_tiles) {
      const std::int64_t count = std::min(p.chunk_tiles, last - t);
      transform_input_tiles(images, p.grid, t, t + count, input, p.input_plane, p.pitch);
      transform_gradient_tiles(t, count, first_panel, last_panel);
      const std::int64_t next = t + count;
      const Ahead ahead{std::min(p.chunk_tiles, last - next), p.grid.at(next)};
      multiply(count, first_panel, last_panel, t > first, images, ahead);
    }
  }

  void transform_gradient_tiles(std::int64_t first, std::int64_t count, std::int64_t first_panel,
                                std::int64_t last_panel) const {
    const ConvShape& s = job.shape;
    const TiledImages images{job.y, s.out[1], s.out[2], s.out_channels, 0, 0, zeros};
    TileGrid::At at = p.grid.at(first);
    for (std::int64_t t = 0; t < count; ++t, p.grid.advance(at)) {
      const float* pixels[4];
      images.list_pixels<2>(at, pixels);
      for (std::int64_t q = first_panel; q < last_panel; ++q) {
        float* const to = gradient + (q - first_panel) * p.panel_size + t * p.width;
        for (std::int64_t v = 0; v < p.width && q * p.width + v < s.out_channels; v += W) {
          const std::int64_t c = q * p.width + v, lanes = std::min<std::int64_t>(W, s.out_channels - c);
          VecF planes[kPlanes];
          transform_gradient([&](int i) { return load_partial(pixels[i] + c, lanes); }, planes);
#pragma GCC unroll 16
          for (int i = 0; i < kPlanes; ++i) store(to + i * p.dy_plane + v, planes[i]);
        }
      }
    }
  }

  // Meanwhile the pixels `ahead` are asked for.
  void multiply(std::int64_t count, std::int64_t first_panel, std::int64_t last_panel, bool accumulate,
                const TiledImages& images, Ahead ahead) const {
    const ConvShape& s = job.shape;
    const TiledImages upstream{job.y, s.out[1], s.out[2], s.out_channels, 0, 0, zeros};
    Ahead upstream_ahead = ahead;
    const std::int64_t share = ceil_div(p.chunk_tiles, kPlanes);
    const RunOf run{0, 0, count};
    Tile<float> tile{};
    tile.row_stride = 1;
    tile.step = p.pitch;
    tile.b_step = p.width;
    tile.runs = &run;
    tile.run_count = 1;
    tile.c_stride = p.sum_row;
    tile.accumulate = accumulate;
    for (int plane = 0; plane < kPlanes; ++plane) {
      ahead.next<4>(share, p.grid, images);
      upstream_ahead.next<2>(share, p.grid, upstream);
      for (std::int64_t q = first_panel; q < last_panel; ++q) {
        tile.b = gradient + plane * p.dy_plane + (q - first_panel) * p.panel_size;
        tile.columns = std::min(p.width, s.out_channels - q * p.width);
        const int vectors = static_cast<int>(vectors_for<float>(tile.columns));
        for (std::int64_t b = 0; b < p.blocking.rows; ++b) {
          const std::int64_t row = cut(s.in_channels, p.blocking.rows, b);
          const std::int64_t rows = cut(s.in_channels, p.blocking.rows, b + 1) - row;
          tile.a = input + plane * p.input_plane + row;
          tile.c = sums + plane * p.sum_plane + row * p.sum_row + q * p.width;
          tile_function(Rows::adjacent, static_cast<int>(rows), vectors, float{})(tile);
        }
      }
    }
  }
};

// Adds the slices up and transforms the sums of one in channel into its taps.
void write_channel(const ConvShape& s, const GradientPlan& p, const float* sums, std::int64_t channel, float* dw) {
  for (std::int64_t c = 0; c < s.out_channels; c += W) {
    const std::int64_t lanes = std::min<std::int64_t>(W, s.out_channels - c);
    VecF total[kPlanes];
    for (int i = 0; i < kPlanes; ++i) {
      const float* const at = sums + i * p.sum_plane + channel * p.sum_row + c;
      total[i] = load_partial(at, lanes);
      for (std::int64_t slice = 1; slice < p.slices; ++slice) {
        total[i] += load_partial(at + slice * kPlanes * p.sum_plane, lanes);
      }
    }
    VecF taps[9];
    transform_kernel_gradient([&](int i) { return total[i]; }, taps);
#pragma GCC unroll 9
    for (int t = 0; t < 9; ++t) store_partial(dw + (t * s.in_channels + channel) * s.out_channels + c, taps[t], lanes);
  }
}

}  // namespace

void winograd_kernel_gradient(const Conv<float>& job) {
  const ConvShape& s = job.shape;
  if (s.in_channels == 0 || s.out_channels == 0) return;
  const GradientPlan p = plan_of(s);
  if (p.tiles == 0) {
    std::fill_n(job.result, 9 * s.in_channels * s.out_channels, 0.0f);
    return;
  }
  float* const sums = static_cast<float*>(job.workspace);
  const std::int64_t groups = ceil_div(p.panels, p.task_panels);
  const std::int64_t input_size = kPlanes * p.input_plane, gradient_size = kPlanes * p.dy_plane;
  const std::int64_t zero_size = std::max(s.in_channels, s.out_channels);
  parallel_for(p.slices * groups, 1, [&](std::int64_t first, std::int64_t last) {
    float* const input = thread_scratch_of<float>(kScratch, input_size + gradient_size + zero_size);
    float* const gradient = input + input_size;
    float* const zeros = gradient + gradient_size;
    std::fill_n(zeros, zero_size, 0.0f);
    for (std::int64_t task = first; task < last; ++task) {
      const std::int64_t slice = task / groups, panel = task % groups * p.task_panels;
      const Task work{job, p, sums + slice * kPlanes * p.sum_plane, input, gradient, zeros};
      work.run(cut(p.tiles, p.slices, slice), cut(p.tiles, p.slices, slice + 1), panel,
               std::min(p.panels, panel + p.task_panels));
    }
  });
  const std::int64_t grain = std::max<std::int64_t>(1, (std::int64_t{1} << 12) / s.out_channels);
  parallel_for(s.in_channels, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t c = first; c < last; ++c) write_channel(s, p, sums, c, job.result);
  });
}

std::int64_t winograd_kernel_gradient_workspace(const ConvShape& s) {
  const GradientPlan p = plan_of(s);
  return whole_lines(p.slices * kPlanes * p.sum_plane * static_cast<std::int64_t>(sizeof(float)));
}

}  // namespace addax::kernels::ADDAX_ISA_NS
