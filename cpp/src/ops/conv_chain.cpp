#include "ops/conv_chain.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "base/checked.h"
#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/tasks.h"
#include "ops/conv_shape.h"
#include "ops/tail.h"

namespace addax::ops {

using kernels::Activation;
using kernels::ConvPass;
using kernels::ConvShape;

// ---- Stages as numbers.

Stage stage_of(Stage::Work work, const ConvShape& s, bool bias, Activation activation) {
  Stage stage{work, {s.out[1], s.out[2]}, s.out_channels};
  for (int d = 0; d < 2; ++d) {
    stage.window[d] = s.kernel[d + 1];
    stage.stride[d] = s.stride[d + 1];
    stage.dilation[d] = s.dilation[d + 1];
    stage.pad[d] = s.pad_low[d + 1];
  }
  stage.bias = bias;
  stage.activation = activation;
  return stage;
}

bool fits(const Stage& s, std::int64_t rows, std::int64_t columns) {
  const std::int64_t size[2] = {rows, columns};
  for (int d = 0; d < 2; ++d) {
    if (size[d] < 1 || s.window[d] < 1 || s.stride[d] < 1 || s.dilation[d] < 1 || s.pad[d] < 0 || s.out[d] < 1)
      return false;
    const std::int64_t reach = checked_add(checked_mul(s.window[d] - 1, s.dilation[d]), 1);
    const std::int64_t last = checked_mul(s.out[d] - 1, s.stride[d]) - s.pad[d];
    if (s.pad[d] >= reach || last >= size[d]) return false;
  }
  return true;
}

std::vector<std::int64_t> encode(std::span<const Stage> stages) {
  std::vector<std::int64_t> numbers;
  for (const Stage& s : stages) {
    numbers.insert(numbers.end(), {static_cast<std::int64_t>(s.work), s.out[0], s.out[1], s.channels});
    for (const auto* pair : {&s.window, &s.stride, &s.dilation, &s.pad})
      numbers.insert(numbers.end(), *pair, *pair + 2);
    numbers.insert(numbers.end(), {s.bias ? 1 : 0, static_cast<std::int64_t>(s.activation)});
  }
  return numbers;
}

std::vector<Stage> decode(std::span<const std::int64_t> numbers) {
  std::vector<Stage> stages(numbers.size() / Stage::kNumbers);
  for (Stage& s : stages) {
    s.work = static_cast<Stage::Work>(numbers[0]);
    std::copy_n(&numbers[1], 2, s.out);
    s.channels = numbers[3];
    std::copy_n(&numbers[4], 2, s.window);
    std::copy_n(&numbers[6], 2, s.stride);
    std::copy_n(&numbers[8], 2, s.dilation);
    std::copy_n(&numbers[10], 2, s.pad);
    s.bias = numbers[12] != 0;
    s.activation = static_cast<Activation>(numbers[13]);
    numbers = numbers.subspan(Stage::kNumbers);
  }
  return stages;
}

namespace {

// What a stage reads: rows, columns, channels.
struct Image {
  std::int64_t rows, columns, channels;
  std::int64_t row() const { return columns * channels; }  // elements
};

ConvShape conv_shape_of(const Stage& stage, const Image& in) {
  ConvShape s{};
  s.batch = 1;
  s.in_channels = in.channels;
  s.out_channels = stage.channels;
  s.groups = 1;
  s.in[0] = s.out[0] = s.kernel[0] = s.stride[0] = s.dilation[0] = 1;
  const std::int64_t size[2] = {in.rows, in.columns};
  for (int d = 0; d < 2; ++d) {
    s.in[d + 1] = size[d];
    s.out[d + 1] = stage.out[d];
    s.kernel[d + 1] = stage.window[d];
    s.stride[d + 1] = stage.stride[d];
    s.dilation[d + 1] = stage.dilation[d];
    s.pad_low[d + 1] = stage.pad[d];
  }
  return s;
}

const kernels::ConvFunctions<float>& functions_of(const Stage& stage, const ConvShape& shape) {
  return stage.work == Stage::Work::depthwise ? conv_functions<Kind::depthwise, float>(shape, ConvPass::forward)
                                              : conv_functions<Kind::direct, float>(shape, ConvPass::forward);
}

// ---- Shape rule.

constexpr std::size_t kMostStages = 8;

void check_stage(const Infer& in, const Stage& s, const Image& image) {
  if (!fits(s, image.rows, image.columns)) in.error("a stage's windows do not fit its image");
  if (s.work < Stage::Work::conv || s.work > Stage::Work::depthwise || s.activation < Activation::none ||
      s.activation > Activation::relu6)
    in.error("unknown stage");
  if (s.channels < 1 || (s.work != Stage::Work::conv && s.channels != image.channels))
    in.error("a stage's channels do not fit its image");
}

void check_weights(const Infer& in, const Stage& s, const Image& image, int input) {
  const ConvShape shape = conv_shape_of(s, image);
  in.require_dtype(input, DType::float32);
  if (s.work == Stage::Work::conv && in.rank(input) == 1) {
    // No fewer than those of the kernel: one that claims more is not measured any further.
    const Dim& there = in.dims(input)[0];
    const std::int64_t kernel = Shape{s.window[0], s.window[1], image.channels, s.channels}.elements();
    if (!there.known() || there.value() < kernel || there.value() != functions_of(s, shape).packed_size(shape, false))
      in.error("a stage's weights are not packed for it");
    return;
  }
  const bool depthwise = s.work == Stage::Work::depthwise;
  const Dims wanted{s.window[0], s.window[1], image.channels, depthwise ? 1 : s.channels};
  in.require_rank(input, 4);
  for (std::size_t d = 0; d < 4; ++d) in.require_equal(in.dims(input)[d], wanted[d], "sizes of weights");
}

int own_inputs(std::span<const Stage> stages) {
  int count = 1;
  for (const Stage& s : stages) count += s.bias ? 2 : 1;
  return count;
}

Image image_of(const Infer& in) {
  in.require_rank(0, 4);
  in.require_dtype(0, DType::float32);
  for (int d = 1; d < 4; ++d)
    if (!in.dims(0)[static_cast<std::size_t>(d)].known()) in.error("the image's size must be known");
  return {in.dims(0)[1].value(), in.dims(0)[2].value(), in.dims(0)[3].value()};
}

Specs infer_chain(const Infer& in) {
  const auto& numbers = in.attributes().integers("stages");
  if (numbers.empty() || numbers.size() % Stage::kNumbers != 0) in.error("'stages' is not a list of stages");
  const std::vector<Stage> stages = decode(numbers);
  if (stages.size() > kMostStages) in.error("at most ", kMostStages, " stages");
  const int own = own_inputs(stages);
  if (in.count() < own) in.error("takes at least ", own, " inputs");
  Image image = image_of(in);
  int input = 1;
  for (const Stage& s : stages) {
    check_stage(in, s, image);
    check_weights(in, s, image, input++);
    if (s.bias) {
      in.require_rank(input, 1);
      in.require_dtype(input, DType::float32);
      in.require_equal(in.dims(input++)[0], s.channels, "sizes of the bias and the result's channels");
    }
    image = {s.out[0], s.out[1], s.channels};
  }
  return infer_tail(in, own, {DType::float32, {in.dims(0)[0], image.rows, image.columns, image.channels}});
}

// ---- How it is run.

// Between two stages: what of L2 all rows that are kept may take.
constexpr std::int64_t kBandBytes = std::int64_t{320} << 10;
constexpr std::int64_t kWantedTasks = 8;
// The same where segments of a sample overlap: each computes rows for itself that its neighbour computes, too.
constexpr std::int64_t kWantedOverlapping = 4;
// Rows of a segment at least, where the rows between two segments are computed for both.
constexpr std::int64_t kLeastSegment = 6;
constexpr int kScratch = 3;  // the slots below it are those of the stages' kernels

struct Rows {
  std::int64_t first = 0, last = 0;
  std::int64_t size() const { return last - first; }
};

struct PlannedStage {
  Stage stage;
  Image in;
  const kernels::ConvFunctions<float>* functions = nullptr;
  int weights = 0, bias = 0;  // inputs; 0: none
  bool packed = false;
  std::int64_t granule = 1;   // rows are computed from multiples of this on
  std::int64_t capacity = 0;  // rows that are kept of the result
  std::int64_t kept_at = 0;   // in the thread's memory, in elements

  std::int64_t out_row() const { return stage.out[1] * stage.channels; }
  // The rows of the image that rows of the result see.
  Rows seen_by(Rows out) const {
    const std::int64_t first = out.first * stage.stride[0] - stage.pad[0];
    const std::int64_t last = (out.last - 1) * stage.stride[0] - stage.pad[0] + stage.reach();
    const std::int64_t from = std::clamp<std::int64_t>(first, 0, in.rows);
    return {from, std::clamp<std::int64_t>(last, from, in.rows)};
  }
  // Rows of the result that are computed when these are wanted: Winograd's come in pairs, always the same ones, so that
  // the bits do not depend on how the image is cut.
  Rows whole(Rows wanted) const {
    return {wanted.first / granule * granule, std::min(stage.out[0], ceil_div(wanted.last, granule) * granule)};
  }
};

struct Chain {
  std::vector<PlannedStage> stages;
  int own_inputs = 1;
  std::int64_t segments = 1, segment_rows = 0, band_rows = 0;
  std::int64_t grain = 1;
  std::int64_t kept = 0;       // elements of a thread's memory
  std::int64_t workspace = 0;  // bytes after them, for the kernels
  PreparedTail tail;
};

// The rows that each stage keeps for bands of `rows` rows of the last one's result; their bytes.
std::int64_t set_capacities(Chain& chain, std::int64_t rows) {
  std::int64_t bytes = 0;
  for (std::size_t i = chain.stages.size() - 1; i > 0; --i) {
    const Stage& reader = chain.stages[i].stage;
    PlannedStage& maker = chain.stages[i - 1];
    rows = (rows - 1) * reader.stride[0] + reader.reach() + 2 * (maker.granule - 1);
    rows = maker.capacity = std::min(rows, maker.stage.out[0]);
    bytes += rows * maker.out_row() * static_cast<std::int64_t>(sizeof(float));
  }
  return bytes;
}

std::int64_t flops_of(const PlannedStage& p) {
  const Stage& s = p.stage;
  const std::int64_t products = s.out[0] * s.out[1] * s.channels * s.window[0] * s.window[1];
  return 2 * products * (s.work == Stage::Work::conv ? p.in.channels : 1);
}

void plan_stages(const Run& r, Chain& chain) {
  const Shape& x = r.input(0).shape;
  Image image{x[1], x[2], x[3]};
  int input = 1;
  for (const Stage& s : decode(r.attributes().integers("stages"))) {
    PlannedStage p{s, image};
    const ConvShape shape = conv_shape_of(s, image);
    p.functions = &functions_of(s, shape);
    p.weights = input++;
    p.packed = r.input(p.weights).shape.rank() == 1;
    if (s.bias) p.bias = input++;
    if (p.functions == &kernels::kernels().winograd.f32) p.granule = 2;
    chain.workspace = std::max(chain.workspace, p.functions->forward_workspace(shape));
    chain.stages.push_back(p);
    image = {s.out[0], s.out[1], s.channels};
  }
  chain.own_inputs = input;
}

// Cuts each sample into segments, which are tasks, and those into bands.
void cut_rows(std::int64_t batch, Chain& chain) {
  const std::int64_t rows = chain.stages.back().stage.out[0];
  std::int64_t flops = 0;
  bool overlapping = false;
  for (std::size_t i = 0; i < chain.stages.size(); ++i) {
    flops += flops_of(chain.stages[i]);
    overlapping = overlapping || (i > 0 && chain.stages[i].stage.reach() > chain.stages[i].stage.stride[0]);
  }
  const std::int64_t wanted = kernels::wanted_tasks(batch * flops, overlapping ? kWantedOverlapping : kWantedTasks);
  const std::int64_t most = std::max<std::int64_t>(1, overlapping ? rows / kLeastSegment : rows);
  chain.segments = std::clamp<std::int64_t>(ceil_div(wanted, std::max<std::int64_t>(1, batch)), 1, most);
  chain.segment_rows = ceil_div(rows, chain.segments);
  chain.segments = ceil_div(rows, chain.segment_rows);
  chain.grain = std::max<std::int64_t>(1, chain.segments * kernels::kLeastTaskFlops / std::max<std::int64_t>(1, flops));
  std::int64_t bands = 1;
  while (bands < chain.segment_rows && set_capacities(chain, ceil_div(chain.segment_rows, bands)) > kBandBytes) ++bands;
  chain.band_rows = ceil_div(chain.segment_rows, bands);
  set_capacities(chain, chain.band_rows);
}

std::shared_ptr<void> prepare_chain(const Run& r) {
  auto chain = std::make_shared<Chain>();
  plan_stages(r, *chain);
  cut_rows(r.input(0).shape[0], *chain);
  for (PlannedStage& p : chain->stages) {
    p.kept_at = chain->kept;
    chain->kept += ceil_div(p.capacity * p.out_row(), std::int64_t{16}) * 16;
  }
  chain->tail = prepare_tail(r, chain->own_inputs);
  return chain;
}

// ---- A run.

class Worker {
 public:
  Worker(const Run& r, const Chain& chain, const TailCall& call)
      : r_(r),
        chain_(chain),
        result_(call.result()),
        tail_(call.tail()),
        memory_(thread_scratch_of<float>(kScratch, chain.kept + ceil_div(chain.workspace, std::int64_t{4}))) {}

  // Rows of the result of one sample.
  void run(std::int64_t sample, Rows rows) {
    kept_ = {};
    for (std::int64_t row = rows.first; row < rows.last; row += chain_.band_rows)
      run_band(sample, {row, std::min(rows.last, row + chain_.band_rows)});
  }

 private:
  void run_band(std::int64_t sample, Rows band) {
    const std::size_t last = chain_.stages.size() - 1;
    std::array<Rows, kMostStages> wanted;
    wanted[last] = band;
    for (std::size_t i = last; i > 0; --i)
      wanted[i - 1] = chain_.stages[i - 1].whole(chain_.stages[i].seen_by(wanted[i]));
    for (std::size_t i = 0; i < last; ++i) {
      const Rows made = keep(i, wanted[i]);
      const PlannedStage& p = chain_.stages[i];
      if (made.size() > 0)
        run_stage(i, sample, made, memory_ + p.kept_at + (made.first - wanted[i].first) * p.out_row(), nullptr);
    }
    run_last(sample, band);
  }

  // Moves what is kept of stage i's result so that `wanted` can be kept; which rows are then to be made.
  Rows keep(std::size_t i, Rows wanted) {
    const PlannedStage& p = chain_.stages[i];
    const Rows had = std::exchange(kept_[i], wanted);
    const std::int64_t there = std::clamp(had.last, wanted.first, wanted.last);
    if (there > wanted.first && wanted.first > had.first) {
      float* const rows = memory_ + p.kept_at;
      std::memmove(rows, rows + (wanted.first - had.first) * p.out_row(),
                   static_cast<std::size_t>((there - wanted.first) * p.out_row()) * sizeof(float));
    }
    return {there, wanted.last};
  }

  void run_last(std::int64_t sample, Rows band) {
    const PlannedStage& p = chain_.stages.back();
    const std::int64_t row = sample * p.stage.out[0] + band.first;
    float* const to = result_ + row * p.out_row();
    if (tail_ == nullptr) return run_stage(chain_.stages.size() - 1, sample, band, to, nullptr);
    kernels::Tail tail = *tail_;
    tail.first_row = row * p.stage.out[1];
    run_stage(chain_.stages.size() - 1, sample, band, to, &tail);
  }

  // Stage i's rows, as of an image that has no more rows than these see.
  void run_stage(std::size_t i, std::int64_t sample, Rows made, float* to, const kernels::Tail* tail) const {
    const PlannedStage& p = chain_.stages[i];
    const Rows seen = p.seen_by(made);
    Stage stage = p.stage;
    stage.out[0] = made.size();
    stage.pad[0] = seen.first - (made.first * stage.stride[0] - stage.pad[0]);
    const Image in{seen.size(), p.in.columns, p.in.channels};
    const float* const from =
        i == 0 ? r_.in<float>(0) + (sample * p.in.rows + seen.first) * p.in.row()
               : memory_ + chain_.stages[i - 1].kept_at + (seen.first - kept_[i - 1].first) * in.row();
    kernels::Conv<float> job{};
    job.shape = conv_shape_of(stage, in);
    job.x = from;
    job.w = r_.in<float>(p.weights);
    if (p.packed) job.packed = job.w;
    job.result = to;
    job.bias = p.bias == 0 ? nullptr : r_.in<float>(p.bias);
    job.activation = stage.activation;
    job.tail = tail;
    job.workspace = memory_ + chain_.kept;
    p.functions->forward(job);
  }

  const Run& r_;
  const Chain& chain_;
  float* const result_;
  const kernels::Tail* const tail_;
  float* const memory_;
  std::array<Rows, kMostStages> kept_{};  // of the results of all stages but the last
};

void run_chain(const Run& r) {
  const Chain& chain = r.prepared<Chain>();
  const std::int64_t rows = chain.stages.back().stage.out[0];
  const TailCall call(r, chain.tail, chain.own_inputs);
  parallel_for(r.input(0).shape[0] * chain.segments, chain.grain, [&](std::int64_t first, std::int64_t last) {
    Worker worker(r, chain, call);
    for (std::int64_t task = first; task < last; ++task) {
      const std::int64_t row = task % chain.segments * chain.segment_rows;
      worker.run(task / chain.segments, {row, std::min(rows, row + chain.segment_rows)});
    }
  });
}

std::int64_t flops(const Run& r) {
  Chain chain;
  plan_stages(r, chain);
  std::int64_t sum = 0;
  for (const PlannedStage& p : chain.stages) sum += flops_of(p);
  return sum * r.input(0).shape[0];
}

}  // namespace

std::span<const Operation> conv_chain_family() {
  static const Operation table[] = {
      {.name = "conv_chain",
       .min_inputs = 1,
       .max_inputs = kAnyNumber,
       .attributes = with_tail({{"stages", AttributeKind::integers}}),
       .infer = infer_chain,
       .run = run_chain,
       .flops = flops,
       .prepare = prepare_chain,
       .no_gradient = "made by a pass that runs after differentiation",
       .traits = {.internal = true}},
  };
  return table;
}

}  // namespace addax::ops
