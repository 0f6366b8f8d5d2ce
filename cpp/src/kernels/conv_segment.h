// How the walk of a convolution is cut into tasks, and where the pixels of a task lie: shared by the walk of float32
// and float64 (conv_walk.cpp) and that of bfloat16 (conv_bf16.cpp).
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/conv_walk.h"
#include "kernels/tasks.h"

namespace addax::kernels::ADDAX_ISA_NS {

inline constexpr int kImage = 0, kRuns = 1, kSums = 2;  // scratch slots
// The most work that a task should do.
inline constexpr std::int64_t kMostTaskFlops = std::int64_t{1} << 23;
inline constexpr std::int64_t kWantedTasks = 32;
// A block of weights that shall stay in L2 while the pixels of a task go by.
inline constexpr std::int64_t kWeightBytes = std::int64_t{192} << 10;
// Of a task's result, if it is read again: it shall be in L2 then.
inline constexpr std::int64_t kTailBytes = std::int64_t{192} << 10;
// Values in one run at most, so that runs can be grouped into such blocks.
inline constexpr std::int64_t kLongestRun = 1536;

struct Range {
  std::int64_t low, high;
};

struct WalkPlan {
  bool copy;                  // rows of the image are copied
  std::int64_t first_column;  // of the input columns that the taps touch
  std::int64_t columns;
  Range reach;        // of the taps along the rows of the image
  std::int64_t rows;  // output rows of all samples
  std::int64_t task_rows;
  std::int64_t task_panels;
};

template <class T>
Range reach_of(const Walk<T>& w, int d) {
  Range r{0, 0};
  for (std::int64_t t = 0; t < w.tap_count; ++t) {
    const std::int64_t at = w.taps[t].at[d];
    r = t == 0 ? Range{at, at} : Range{std::min(r.low, at), std::max(r.high, at)};
  }
  return r;
}

// `reread`: bytes of a pixel of the result that are read again when a task has finished them; 0 if none are.
template <class T>
WalkPlan plan_walk(const Walk<T>& w, const WeightPlan& weights, std::int64_t reread) {
  WalkPlan p{};
  const Range sideways = reach_of(w, 2);
  p.first_column = sideways.low;
  p.columns = (w.out[2] - 1) * w.step[2] + sideways.high - sideways.low + 1;
  p.copy = w.groups > 1 || sideways.low < 0 || sideways.low + p.columns > w.in[2];
  p.reach = reach_of(w, 1);
  p.rows = w.batch * w.out[0] * w.out[1];
  const std::int64_t depth = w.tap_count * w.in_channels;
  const std::int64_t row_flops = std::max<std::int64_t>(1, 2 * w.out[2] * depth * weights.width);
  const bool heavy = depth * w.out_channels * static_cast<std::int64_t>(sizeof(T)) > 2 * kWeightBytes;
  p.task_panels = heavy ? 1 : weights.panels;
  p.task_rows =
      std::clamp<std::int64_t>(kMostTaskFlops / (row_flops * p.task_panels), 1, std::max<std::int64_t>(1, p.rows));
  if (reread > 0) {
    const std::int64_t row_bytes = std::max<std::int64_t>(1, w.out[2] * reread);
    p.task_rows = std::clamp<std::int64_t>(kTailBytes / row_bytes, 1, p.task_rows);
  }
  const auto tasks = [&] { return w.groups * ceil_div(p.rows, p.task_rows) * ceil_div(weights.panels, p.task_panels); };
  const std::int64_t flops = w.groups * p.rows * weights.panels * row_flops;
  const std::int64_t wanted = wanted_tasks(flops, kWantedTasks);
  while (tasks() < wanted && p.task_rows > 4) p.task_rows = ceil_div(p.task_rows, 2);
  while (tasks() < wanted && p.task_panels > 1) p.task_panels = ceil_div(p.task_panels, 2);
  while (tasks() < wanted && p.task_rows > 1) p.task_rows = ceil_div(p.task_rows, 2);
  return p;
}

// Joins taps whose pixels and weights are neighbours. The groups go where the caller says; as many as taps at most.
template <class T>
std::int64_t join_taps(const Walk<T>& w, const WeightPlan& weights, Group* groups) {
  std::int64_t count = 0;
  for (std::int64_t t = 0; t < w.tap_count; ++t) {
    const Tap& tap = w.taps[t];
    const std::int64_t slot = slot_of(weights, tap.index);
    if (count > 0) {
      Group& last = groups[count - 1];
      if (last.plane == tap.plane && last.at[1] == tap.at[1] && last.at[2] + last.taps == tap.at[2] &&
          last.first + last.taps == slot && (last.taps + 1) * w.in_channels <= kLongestRun) {
        ++last.taps;
        continue;
      }
    }
    groups[count++] = {{tap.at[0], tap.at[1], tap.at[2]}, tap.plane, 1, slot};
  }
  return count;
}

// The output rows [from, to) at depth `depth` of one sample and group.
template <class T>
struct Segment {
  const Walk<T>& w;
  const WeightPlan& weights;
  const WalkPlan& p;
  const Group* groups;
  std::int64_t group_count;
  std::int64_t group, sample, depth, from, to;

  Source<T> source() const {
    const std::int64_t pixel = w.groups * w.in_channels;
    const std::int64_t row = w.in[2] * pixel;
    const T* image = w.image + sample * w.in[0] * w.in[1] * row + group * w.in_channels;
    if (!p.copy) return {image, pixel, row, 0, 0, 0};
    const std::int64_t first = std::clamp<std::int64_t>(from * w.step[1] + p.reach.low, 0, w.in[1]);
    const std::int64_t last = std::clamp<std::int64_t>((to - 1) * w.step[1] + p.reach.high + 1, first, w.in[1]);
    const std::int64_t copy_row_size = p.columns * w.in_channels;
    const std::int64_t plane_size = (last - first) * copy_row_size;
    T* copy = thread_scratch_of<T>(kImage, w.planes * plane_size);
    std::int64_t done = -1;
    for (std::int64_t t = 0; t < w.tap_count; ++t) {
      if (w.taps[t].plane <= done) continue;
      done = w.taps[t].plane;
      const std::int64_t d = depth * w.step[0] + w.taps[t].at[0];
      if (d < 0 || d >= w.in[0]) continue;
      for (std::int64_t h = first; h < last; ++h) {
        copy_row(image + (d * w.in[1] + h) * row, pixel, w.in[2],
                 copy + done * plane_size + (h - first) * copy_row_size, w.in_channels, p.first_column, p.columns,
                 w.in_channels);
      }
    }
    return {copy, w.in_channels, copy_row_size, plane_size, first, p.first_column};
  }

  // ---- Of a panel.
  std::int64_t columns(std::int64_t q) const { return std::min(weights.width, w.out_channels - q * weights.width); }
  T* result(std::int64_t h, std::int64_t q) const {
    return w.result + sample * w.out_sample + depth * w.out_stride[0] + h * w.out_stride[1] + group * w.out_channels +
           q * weights.width;
  }

  // The runs of groups [begin, end) whose row of the image exists.
  std::int64_t list_runs(const Source<T>& s, std::int64_t begin, std::int64_t end, std::int64_t h, std::int64_t b_step,
                         RunOf* runs) const {
    std::int64_t count = 0;
    for (std::int64_t g = begin; g < end; ++g) {
      const Group& taps = groups[g];
      const std::int64_t d = depth * w.step[0] + taps.at[0], row = h * w.step[1] + taps.at[1];
      if (d < 0 || d >= w.in[0] || row < 0 || row >= w.in[1]) continue;
      const std::int64_t a = plane(s, taps.plane, d) + (row - s.first_row) * s.row + column(s, taps.at[2]);
      runs[count++] = {a, taps.first * w.in_channels * b_step, taps.taps * w.in_channels};
    }
    return count;
  }

  std::int64_t plane(const Source<T>& s, std::int64_t of_taps, std::int64_t d) const {
    return p.copy ? of_taps * s.plane : d * w.in[1] * s.row;
  }
  std::int64_t column(const Source<T>& s, std::int64_t at) const { return (at - s.first_column) * s.pixel; }
};

// Calls body(segment, first panel, last panel) for all of the walk, from any thread.
template <class T, class Body>
void for_each_segment(const Walk<T>& w, const WeightPlan& weights, const WalkPlan& p, Group* groups, const Body& body) {
  if (p.rows == 0 || w.out[2] == 0 || w.out_channels == 0) return;
  const std::int64_t group_count = join_taps(w, weights, groups);
  const std::int64_t row_tasks = ceil_div(p.rows, p.task_rows), panel_tasks = ceil_div(weights.panels, p.task_panels);
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
        body(Segment<T>{w, weights, p, groups, group_count, group, sample, depth, h, h + rows}, panel,
             std::min(weights.panels, panel + p.task_panels));
        row += rows;
      }
    }
  });
}

}  // namespace addax::kernels::ADDAX_ISA_NS
