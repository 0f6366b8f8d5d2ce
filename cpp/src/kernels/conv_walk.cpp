#include "kernels/conv_segment.h"

// A row of output pixels is a block of C whose rows are pixels: pixel p of an output row reads the image at p · step,
// so that "A" is the image itself with the row stride step · channels, and each kernel row is one run of taps ×
// channels adjacent values. Rows of taps above or below the image are left out of the list of runs; only rows that the
// kernel leaves sideways are copied, with zeros around them, into scratch memory that stays in the cache.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

template <class T>
struct SegmentRun : Segment<T> {
  using Segment<T>::w;
  using Segment<T>::weights;
  using Segment<T>::p;
  using Segment<T>::group_count;
  using Segment<T>::group;
  using Segment<T>::sample;
  using Segment<T>::depth;
  using Segment<T>::from;
  using Segment<T>::to;
  using Segment<T>::source;
  using Segment<T>::columns;
  using Segment<T>::result;
  using Segment<T>::list_runs;
  using Segment<T>::plane;
  using Segment<T>::column;
  using Segment<T>::groups;

  // Panels [first_panel, last_panel).
  void run(std::int64_t first_panel, std::int64_t last_panel) const {
    if (weights.narrow) {
      run_narrow(source());
    } else if (weights.listed) {
      if constexpr (sizeof(T) == 4) run_listed(source(), first_panel, last_panel);
    } else {
      run_tiles(source(), first_panel, last_panel);
    }
    if (w.tail != nullptr) finish(first_panel, last_panel);
  }

  void finish(std::int64_t first_panel, std::int64_t last_panel) const {
    const std::int64_t row = ((sample * w.out[0] + depth) * w.out[1] + from) * w.out[2];
    const std::int64_t column = group * w.out_channels + first_panel * weights.width;
    const std::int64_t end = group * w.out_channels + std::min(w.out_channels, last_panel * weights.width);
    run_tail(*w.tail, w.out_stride[2], row, (to - from) * w.out[2], column, end - column);
  }

  void run_tiles(const Source<T>& s, std::int64_t first_panel, std::int64_t last_panel) const {
    RunOf* const runs = thread_scratch_of<RunOf>(kRuns, group_count + 1);
    const std::int64_t blocks = ceil_div(w.out[2], max_rows<T>(weights.vectors));
    Tile<T> tile{};
    tile.row_stride = w.step[2] * s.pixel;
    tile.b_step = weight_step();
    tile.c_stride = w.out_stride[2];
    tile.runs = runs;
    // Weights by the L2-sized block: whole groups of taps, all rows of the segment for each block.
    const std::int64_t most =
        std::max<std::int64_t>(1, kWeightBytes / (weights.width * static_cast<std::int64_t>(sizeof(T))));
    std::int64_t begin = 0;
    do {
      std::int64_t end = begin, values = 0;
      while (end < group_count && (end == begin || values + groups[end].taps * w.in_channels <= most)) {
        values += groups[end++].taps * w.in_channels;
      }
      for (std::int64_t q = first_panel; q < last_panel; ++q) {
        tile.columns = columns(q);
        tile.b = panel(q);
        if (w.packed == nullptr && tile.columns % kLanes<T> != 0)
          tile.b_end = w.w + weights.slots * w.in_channels * w.groups * w.out_channels;
        tile.accumulate = begin > 0;
        if (end == group_count) {
          tile.bias = bias(q);
          tile.activation = w.activation;
        }
        const int vectors = static_cast<int>(vectors_for<T>(tile.columns));
        for (std::int64_t h = from; h < to; ++h) {
          tile.run_count = list_runs(s, begin, end, h, tile.b_step, runs);
          T* const out = result(h, q);
          for (std::int64_t block = 0; block < blocks; ++block) {
            const std::int64_t pixel = cut(w.out[2], blocks, block);
            const std::int64_t pixels = cut(w.out[2], blocks, block + 1) - pixel;
            tile.a = s.base + pixel * tile.row_stride;
            tile.c = out + pixel * w.out_stride[2];
            tile_function(Rows::strided, static_cast<int>(pixels), vectors, T{})(tile);
          }
        }
      }
      begin = end;
    } while (begin < group_count);
  }

  void run_listed(const Source<T>& s, std::int64_t first_panel, std::int64_t last_panel) const {
    Single* const singles = thread_scratch_of<Single>(kRuns, w.tap_count * w.in_channels + 1);
    ListedRow<T> row{};
    row.pixel_step = w.step[2] * s.pixel;
    row.singles = singles;
    row.result_step = w.out_stride[2];
    row.pixels = w.out[2];
    row.activation = w.activation;
    bool listed = false;  // for rows all of whose taps are in the image: they differ by a shift
    for (std::int64_t h = from; h < to; ++h) {
      const std::int64_t top = h * w.step[1];
      const bool inside = top + p.reach.low >= 0 && top + p.reach.high < w.in[1];
      if (!inside || !listed) row.count = list_singles(s, top, singles);
      listed = inside;
      row.image = s.base + (top - s.first_row) * s.row;
      for (std::int64_t q = first_panel; q < last_panel; ++q) {
        row.columns = columns(q);
        row.w = panel(q);
        row.bias = bias(q);
        row.result = result(h, q);
        run_listed_row(row, static_cast<int>(vectors_for<T>(row.columns)));
      }
    }
  }

  void run_narrow(const Source<T>& s) const {
    RunOf* const runs = thread_scratch_of<RunOf>(kRuns, group_count + 1);
    DotRow<T> row{};
    row.image = s.base;
    row.pixel_step = w.step[2] * s.pixel;
    row.runs = runs;
    row.w = panel(0);
    row.w_step = weights.slots * w.in_channels;
    row.out_channels = w.out_channels;
    row.result_step = w.out_stride[2];
    row.pixels = w.out[2];
    row.bias = bias(0);
    row.activation = w.activation;
    for (std::int64_t h = from; h < to; ++h) {
      row.run_count = list_runs(s, 0, group_count, h, 1, runs);
      row.result = result(h, 0);
      run_dot_row(row);
    }
  }

  // ---- Of a panel.
  std::int64_t weight_step() const { return w.packed == nullptr ? w.groups * w.out_channels : weights.width; }
  const T* panel(std::int64_t q) const {
    if (w.packed == nullptr) return w.w + group * w.out_channels;
    return w.packed + (group * weights.panels + q) * weights.slots * w.in_channels * weights.width;
  }
  const T* bias(std::int64_t q) const {
    return w.bias == nullptr ? nullptr : w.bias + group * w.out_channels + q * weights.width;
  }

  // The same value by value, relative to row `top` of the image.
  std::int64_t list_singles(const Source<T>& s, std::int64_t top, Single* singles) const {
    std::int64_t count = 0;
    for (std::int64_t t = 0; t < w.tap_count; ++t) {
      const Tap& tap = w.taps[t];
      const std::int64_t d = depth * w.step[0] + tap.at[0], row = top + tap.at[1];
      if (d < 0 || d >= w.in[0] || row < 0 || row >= w.in[1]) continue;
      const std::int64_t a = plane(s, tap.plane, d) + tap.at[1] * s.row + column(s, tap.at[2]);
      const std::int64_t b = slot_of(weights, tap.index) * w.in_channels;
      for (std::int64_t c = 0; c < w.in_channels; ++c) singles[count++] = {a + c, (b + c) * weight_step()};
    }
    return count;
  }
};

}  // namespace

template <class T>
void run_walk(const Walk<T>& w, const WeightPlan& weights, Group* groups) {
  const std::int64_t reread = w.tail == nullptr ? 0 : w.out_stride[2] * static_cast<std::int64_t>(sizeof(T));
  for_each_segment(w, weights, plan_walk(w, weights, reread), groups,
                   [](const Segment<T>& segment, std::int64_t first_panel, std::int64_t last_panel) {
                     SegmentRun<T>{segment}.run(first_panel, last_panel);
                   });
}

template void run_walk(const Walk<float>&, const WeightPlan&, Group*);
#if defined(ADDAX_FLOAT64_HERE)
template void run_walk(const Walk<double>&, const WeightPlan&, Group*);
#endif

}  // namespace addax::kernels::ADDAX_ISA_NS
