#include "kernels/conv_bf16.h"

#include <algorithm>

#include "base/build.h"
#include "kernels/bf16_copies.h"
#include "kernels/bf16_pack.h"
#include "kernels/conv_passes.h"
#include "kernels/conv_segment.h"
#include "kernels/conv_weights.h"
#include "kernels/matmul_bf16.h"
#include "kernels/winograd.h"

// The walk of conv_walk.cpp with pairs of channels in the place of single ones: an image of an even number of channels
// is an image of half as many pairs, and one instruction multiplies a pair and adds both products. What the instruction
// cannot do (odd channels, other machines) is computed by float32's convolution on copies.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

using Job = Conv<BrainHalf>;

// ---- By float32's convolution: copies of the operands and the result in the workspace, each on a line of its own.

const ConvFunctions<float>& float_convolutions() {
  static const ConvKernels kernels = [] {
    ConvKernels k{};
    fill(k);
    return k;
  }();
  return kernels.f32;
}

struct Sizes {
  std::int64_t x, w, y;  // elements
  explicit Sizes(const ConvShape& s)
      : x(s.batch * volume(s.in) * s.in_channels),
        w(volume(s.kernel) * (s.in_channels / s.groups) * s.out_channels),
        y(s.batch * volume(s.out) * s.out_channels) {}
  std::int64_t bytes() const { return whole_lines(4 * x) + whole_lines(4 * w) + whole_lines(4 * y); }
};

std::int64_t float_workspace(const ConvShape& shape, ConvPass pass) {
  const ConvFunctions<float>& f = float_convolutions();
  return Sizes(shape).bytes() + (pass == ConvPass::forward         ? f.forward_workspace(shape)
                                 : pass == ConvPass::data_gradient ? f.data_gradient_workspace(shape)
                                                                   : f.kernel_gradient_workspace(shape));
}

void run_float(const Job& job, ConvPass pass) {
  const Sizes sizes(job.shape);
  char* memory = static_cast<char*>(job.workspace);
  const auto take = [&](std::int64_t n) {
    auto* const floats = reinterpret_cast<float*>(memory);
    memory += whole_lines(4 * n);
    return floats;
  };
  float *const x = take(sizes.x), *const w = take(sizes.w), *const y = take(sizes.y);
  Conv<float> wide{};
  wide.shape = job.shape;
  wide.x = x;
  wide.w = w;
  wide.y = y;
  wide.bias = job.bias;
  wide.activation = job.activation;
  wide.workspace = memory;
  if (pass != ConvPass::data_gradient) widen(job.x, sizes.x, x);
  if (pass != ConvPass::kernel_gradient) widen(job.w, sizes.w, w);
  if (pass != ConvPass::forward) widen(job.y, sizes.y, y);
  const ConvFunctions<float>& f = float_convolutions();
  if (pass == ConvPass::forward) {
    wide.result = y;
    f.forward(wide);
    narrow(y, sizes.y, job.result);
  } else if (pass == ConvPass::data_gradient) {
    wide.result = x;
    f.data_gradient(wide);
    narrow(x, sizes.x, job.result);
  } else {
    wide.result = w;
    f.kernel_gradient(wide);
    narrow(w, sizes.w, job.result);
  }
}

#if defined(ADDAX_BF16_NATIVE)

// ---- The walk of pairs.

// Whether channels pair up: those that are summed over.
bool has_pairs(const ConvShape& s, bool transposed) {
  return (transposed ? s.out_channels : s.in_channels) / s.groups % 2 == 0;
}

WeightPlan plan_pairs(const ConvShape& s, bool transposed) {
  WeightPlan p = weights_of(s, transposed);
  p.vectors = kPairVectors;
  p.width = kPairColumns;
  p.panels = ceil_div(p.out_channels, p.width);
  return p;
}

void pack_weights_of_pairs(const WeightPlan& p, const BrainHalf* w, std::uint32_t* packed) {
  const std::int64_t block = p.in_channels / 2 * p.width;
  for_each_panel_of_weights(p, w,
                            [&](const BrainHalf* from, std::int64_t stride, std::int64_t columns, std::int64_t slot) {
                              pack_pairs(from, stride, p.transposed, p.in_channels, columns, packed + slot * block);
                            });
}

struct PairWalk {
  const std::uint32_t* panels;  // what pack_weights_of_pairs made
  Bf16Epilogue epilogue;
};

// The runs of groups [begin, end) for output row h, in pairs.
std::int64_t list_pair_runs(const Segment<BrainHalf>& at, const Source<BrainHalf>& s, std::int64_t begin,
                            std::int64_t end, std::int64_t h, RunOf* runs, PairRun* pairs) {
  const std::int64_t count = at.list_runs(s, begin, end, h, 1, runs);
  for (std::int64_t r = 0; r < count; ++r) pairs[r] = {2 * runs[r].a, runs[r].b / 2, runs[r].k / 2};
  return count;
}

// Panels [first_panel, last_panel) of a segment: float32 sums that stay in L2, rounded when all taps are in.
void run_segment(const Segment<BrainHalf>& at, std::int64_t first_panel, std::int64_t last_panel, const PairWalk& of) {
  const Walk<BrainHalf>& w = at.w;
  const Source<BrainHalf> s = at.source();
  const std::int64_t width = w.out[2], pixels = (at.to - at.from) * width;
  float* const sums = thread_scratch_of<float>(kSums, (last_panel - first_panel) * pixels * kPairColumns);
  struct Runs {
    RunOf single;
    PairRun pair;
  };
  auto* const runs = reinterpret_cast<RunOf*>(thread_scratch_of<Runs>(kRuns, at.group_count + 1));
  auto* const pair_runs = reinterpret_cast<PairRun*>(runs + at.group_count + 1);
  PairTile tile{};
  tile.row_stride = 2 * w.step[2] * s.pixel;
  tile.step = 4;
  tile.runs = pair_runs;
  const std::int64_t blocks = ceil_div(width, kPairRows);
  const std::int64_t panel_size = at.weights.slots * (w.in_channels / 2) * kPairColumns;
  const auto sums_of = [&](std::int64_t h, std::int64_t q) {
    return sums + ((q - first_panel) * pixels + (h - at.from) * width) * kPairColumns;
  };
  // Weights by the L2-sized block: whole groups of taps, all rows of the segment for each block.
  constexpr std::int64_t kMost = kWeightBytes / (kPairColumns * static_cast<std::int64_t>(sizeof(BrainHalf)));
  std::int64_t begin = 0;
  do {
    std::int64_t end = begin, values = 0;
    while (end < at.group_count && (end == begin || values + at.groups[end].taps * w.in_channels <= kMost)) {
      values += at.groups[end++].taps * w.in_channels;
    }
    tile.accumulate = begin > 0;
    for (std::int64_t q = first_panel; q < last_panel; ++q) {
      tile.b = of.panels + (at.group * at.weights.panels + q) * panel_size;
      const int vectors = static_cast<int>(ceil_div(at.columns(q), 16));
      for (std::int64_t h = at.from; h < at.to; ++h) {
        tile.run_count = list_pair_runs(at, s, begin, end, h, runs, pair_runs);
        for (std::int64_t block = 0; block < blocks; ++block) {
          const std::int64_t pixel = cut(width, blocks, block), next = cut(width, blocks, block + 1);
          tile.a = reinterpret_cast<const char*>(s.base) + pixel * tile.row_stride;
          tile.c = sums_of(h, q) + pixel * kPairColumns;
          run_pair_tile(static_cast<int>(next - pixel), vectors, tile);
        }
      }
    }
    begin = end;
  } while (begin < at.group_count);
  for (std::int64_t q = first_panel; q < last_panel; ++q) {
    const float* bias = of.epilogue.bias;
    if (bias != nullptr) bias += at.group * w.out_channels + q * at.weights.width;
    for (std::int64_t h = at.from; h < at.to; ++h)
      round_rows(sums_of(h, q), width, at.columns(q), bias, of.epilogue.activation, at.result(h, q), w.out_stride[2]);
  }
}

void run_walk_of_pairs(const Walk<BrainHalf>& w, const WeightPlan& weights, Group* groups, const PairWalk& of) {
  const std::int64_t sums = weights.panels * weights.width * static_cast<std::int64_t>(sizeof(float));
  for_each_segment(w, weights, plan_walk(w, weights, sums), groups,
                   [&](const Segment<BrainHalf>& segment, std::int64_t first_panel, std::int64_t last_panel) {
                     run_segment(segment, first_panel, last_panel, of);
                   });
}

// Taps, groups of taps and, unless they came so, packed weights.
struct Memory {
  Tap* taps;
  Group* groups;
  PairWalk walk;
  Memory(const Job& job, const ConvShape& s, const WeightPlan& weights) {
    char* const at = static_cast<char*>(job.workspace);
    taps = reinterpret_cast<Tap*>(at);
    groups = reinterpret_cast<Group*>(at + tap_bytes(s));
    walk = {reinterpret_cast<const std::uint32_t*>(job.packed), {job.bias, job.activation}};
    if (job.packed != nullptr) return;
    auto* const own = reinterpret_cast<std::uint32_t*>(at + tap_bytes(s) + group_bytes(s));
    pack_weights_of_pairs(weights, job.w, own);
    walk.panels = own;
  }
};

std::int64_t pair_workspace(const ConvShape& s, bool transposed) {
  return tap_bytes(s) + group_bytes(s) + 2 * plan_pairs(s, transposed).size();
}

const Bf16MatmulKernels& products() {
  static const Bf16MatmulKernels kernels = [] {
    Bf16MatmulKernels k{};
    fill(k);
    return k;
  }();
  return kernels;
}

void run_product(const Job& job, const BrainHalf* a, Matmul<BrainHalf> product) {
  product.a = a;
  product.b = job.packed != nullptr ? job.packed : job.w;
  product.packed_b = job.packed != nullptr;
  product.c = job.result;
  product.workspace = job.workspace;
  products().run(product, {job.bias, job.activation});
}

void native_forward(const Job& job) {
  const ConvShape s = canonical(job.shape);
  if (is_product(s)) return run_product(job, job.x, forward_product<BrainHalf>(s));
  if (!has_pairs(s, false)) return run_float(job, ConvPass::forward);
  const WeightPlan weights = plan_pairs(s, false);
  const Memory memory(job, s, weights);
  Walk<BrainHalf> w = forward_walk<BrainHalf>(s);
  w.image = job.x;
  w.result = job.result;
  w.taps = memory.taps;
  w.tap_count = forward_taps(s, memory.taps);
  run_walk_of_pairs(w, weights, memory.groups, memory.walk);
}

void native_data_gradient(const Job& job) {
  const ConvShape s = canonical(job.shape);
  if (is_product(s)) return run_product(job, job.y, data_product<BrainHalf>(s));
  if (!has_pairs(s, true)) return run_float(job, ConvPass::data_gradient);
  const WeightPlan weights = plan_pairs(s, true);
  const Memory memory(job, s, weights);
  for_each_phase(s, [&](const std::int64_t(&phase)[kSpatial]) {
    Walk<BrainHalf> w = data_walk<BrainHalf>(s, phase);
    w.image = job.y;
    w.result = job.result + ((phase[0] * s.in[1] + phase[1]) * s.in[2] + phase[2]) * s.in_channels;
    w.taps = memory.taps;
    w.tap_count = gradient_taps(s, phase, memory.taps, w.planes);
    run_walk_of_pairs(w, weights, memory.groups, memory.walk);
  });
}

std::int64_t native_forward_workspace(const ConvShape& shape) {
  const ConvShape s = canonical(shape);
  if (is_product(s)) return products().workspace(forward_product<BrainHalf>(s));
  return has_pairs(s, false) ? pair_workspace(s, false) : float_workspace(shape, ConvPass::forward);
}

std::int64_t native_data_gradient_workspace(const ConvShape& shape) {
  const ConvShape s = canonical(shape);
  if (is_product(s)) return products().workspace(data_product<BrainHalf>(s));
  return has_pairs(s, true) ? pair_workspace(s, true) : float_workspace(shape, ConvPass::data_gradient);
}

// ---- The gradient of the kernel: xᵀ · dy where the convolution is pointwise and the rows of x and dy stay in the
// cache; else float32's, which cuts the pixels into slices.

constexpr std::int64_t kFewPixels = 8192;

bool gradient_is_product(const ConvShape& s) {
  const std::int64_t pixels = s.batch * volume(s.out);
  return pointwise(s) && pixels > 0 && pixels <= kFewPixels;
}

void native_kernel_gradient(const Job& job) {
  const ConvShape s = canonical(job.shape);
  if (!gradient_is_product(s)) return run_float(job, ConvPass::kernel_gradient);
  Matmul<BrainHalf> product = kernel_product<BrainHalf>(s);
  product.a = job.x;
  product.b = job.y;
  product.c = job.result;
  product.workspace = job.workspace;
  products().run(product, {});
}

std::int64_t native_kernel_gradient_workspace(const ConvShape& shape) {
  const ConvShape s = canonical(shape);
  return gradient_is_product(s) ? products().workspace(kernel_product<BrainHalf>(s))
                                : float_workspace(shape, ConvPass::kernel_gradient);
}

// ---- Weights packed once.

std::int64_t native_packed_size(const ConvShape& shape, bool transposed) {
  const ConvShape s = canonical(shape);
  if (is_product(s)) {
    const Matmul<BrainHalf> product = transposed ? data_product<BrainHalf>(s) : forward_product<BrainHalf>(s);
    return products().packed_size(product.k, product.n);
  }
  return has_pairs(s, transposed) ? plan_pairs(s, transposed).size() : 0;
}

void native_pack(const ConvShape& shape, bool transposed, const BrainHalf* w, BrainHalf* packed) {
  const ConvShape s = canonical(shape);
  if (is_product(s)) {
    const Matmul<BrainHalf> product = transposed ? data_product<BrainHalf>(s) : forward_product<BrainHalf>(s);
    products().pack(w, transposed ? product.k : product.n, transposed, product.k, product.n, packed);
  } else if (has_pairs(s, transposed)) {
    pack_weights_of_pairs(plan_pairs(s, transposed), w, reinterpret_cast<std::uint32_t*>(packed));
  }
}

#endif

void forward(const Job& job) { run_float(job, ConvPass::forward); }
void data_gradient(const Job& job) { run_float(job, ConvPass::data_gradient); }
void kernel_gradient(const Job& job) { run_float(job, ConvPass::kernel_gradient); }
std::int64_t forward_workspace(const ConvShape& s) { return float_workspace(s, ConvPass::forward); }
std::int64_t data_gradient_workspace(const ConvShape& s) { return float_workspace(s, ConvPass::data_gradient); }
std::int64_t kernel_gradient_workspace(const ConvShape& s) { return float_workspace(s, ConvPass::kernel_gradient); }
std::int64_t nothing_packed(const ConvShape&, bool) { return 0; }

}  // namespace

ConvFunctions<BrainHalf> bf16_convolutions() {
#if defined(ADDAX_BF16_NATIVE)
  if (__builtin_cpu_supports("avx512bf16")) {
    return {&native_forward,
            &native_data_gradient,
            for_training(&native_kernel_gradient),
            &native_forward_workspace,
            &native_data_gradient_workspace,
            for_training(&native_kernel_gradient_workspace),
            &native_packed_size,
            &native_pack};
  }
#endif
  return {&forward,
          &data_gradient,
          for_training(&kernel_gradient),
          &forward_workspace,
          &data_gradient_workspace,
          for_training(&kernel_gradient_workspace),
          &nothing_packed,
          nullptr};
}

}  // namespace addax::kernels::ADDAX_ISA_NS
