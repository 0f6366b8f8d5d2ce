// Convolutions of which each is read by the next alone become one step that computes them band by band of rows: the
// expansion, the depthwise convolution and the projection of a mobile block, a depthwise convolution and the projection
// behind it. What lies between them, usually the largest images of a model, then never leaves the second-level cache.
// For inference: weights must lie ready.
//
// Poolings were tried as stages, too: behind a convolution, which takes many times as long, they gained nothing.
#include <algorithm>
#include <optional>
#include <string_view>

#include "ops/conv_chain.h"
#include "ops/conv_shape.h"
#include "program/passes/passes.h"

namespace addax::passes {
namespace {

using ops::Stage;
using Work = Stage::Work;

// Each band reads all weights of a stage again: they have to stay in the cache, too.
constexpr std::int64_t kMostWeights = std::int64_t{64} << 10;  // values
// An image between two stages that is smaller stays in the cache anyway, and a chain's bands cost more than they save.
constexpr std::int64_t kLeastBetween = std::int64_t{24} << 10;  // values of a sample
// The rows between two stages for one row of the last one's result.
constexpr std::int64_t kMostRowValues = std::int64_t{64} << 10;
// Segments of a sample that run on several threads overlap by the reach of the windows: with more rows it is little.
constexpr std::int64_t kLeastRowsToOverlap = 28;

// A step as a stage.
struct Link {
  Stage stage;
  std::int64_t in_rows, in_values;  // of what it reads
  std::int64_t weights;             // values
  int own_inputs;                   // before those of a tail
  bool tail;
};

class ConvChains {
 public:
  explicit ConvChains(Program program) : program_(std::move(program)), only_reader_(only_readers(program_)) {
    gone_.assign(program_.steps.size(), false);
  }

  Program run() {
    for (std::size_t s = 0; s < program_.steps.size(); ++s)
      if (!gone_[s]) fuse_from(s);
    return without(std::move(program_), gone_);
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  const Spec& spec(int slot) const { return program_.slots[at(slot)].spec; }

  // The shape of one sample of an image of two spatial axes whose size is known.
  std::optional<Shape> sample_of(int slot) const {
    if (spec(slot).dtype != DType::float32 || spec(slot).dims.size() != 4) return std::nullopt;
    Dims dims = spec(slot).dims;
    dims[0] = Dim(1);
    if (!all_known(dims)) return std::nullopt;
    const Shape shape = to_shape(dims);
    return shape.elements() == 0 ? std::nullopt : std::optional(shape);
  }

  std::optional<Link> link_of(const Step& step) const {
    const std::string_view name = step.operation->name;
    const bool epilogue = name == "conv_epilogue" || name == "depthwise_conv_epilogue";
    if (!epilogue && name != "conv" && name != "depthwise_conv") return std::nullopt;
    const auto from = sample_of(step.inputs[0]), to = sample_of(step.outputs[0]);
    if (!from || !to) return std::nullopt;
    Link link{};
    link.in_rows = (*from)[1];
    link.in_values = from->elements();
    const auto made = name == "conv" || name == "conv_epilogue" ? conv_link(step, *from, *to, epilogue, link)
                                                                : depthwise_link(step, *from, *to, epilogue, link);
    return made && ops::fits(made->stage, (*from)[1], (*from)[2]) ? made : std::nullopt;
  }

  std::optional<Link> conv_link(const Step& step, const Shape& from, const Shape& to, bool epilogue, Link link) const {
    const bool packed = epilogue && !step.attributes.integers("kernel").empty();
    if (!packed && !all_known(spec(step.inputs[1]).dims)) return std::nullopt;
    const Shape w = packed ? Shape(step.attributes.integers("kernel")) : to_shape(spec(step.inputs[1]).dims);
    const kernels::ConvShape shape = ops::conv_shape(ops::Kind::direct, step.attributes, from, to, w);
    const auto& functions = ops::conv_functions<ops::Kind::direct, float>(shape, kernels::ConvPass::forward);
    // A kernel that covers its image is a product along another axis than the rows.
    if (shape.groups != 1 || to[2] == 1 || (!packed && functions.packed_size(shape, false) != 0)) return std::nullopt;
    return finished(step, Work::conv, shape, w.elements(), epilogue, link);
  }

  std::optional<Link> depthwise_link(const Step& step, const Shape& from, const Shape& to, bool epilogue,
                                     Link link) const {
    if (!all_known(spec(step.inputs[1]).dims)) return std::nullopt;
    const Shape w = to_shape(spec(step.inputs[1]).dims);
    if (w[3] != 1) return std::nullopt;
    return finished(step, Work::depthwise, ops::conv_shape(ops::Kind::depthwise, step.attributes, from, to, w),
                    w.elements(), epilogue, link);
  }

  static Link finished(const Step& step, Work work, const kernels::ConvShape& shape, std::int64_t weights,
                       bool epilogue, Link link) {
    const bool bias = epilogue && step.attributes.flag("bias");
    link.stage = ops::stage_of(work, shape, bias, kernels::Activation::none);
    if (epilogue) {
      const std::string& name = step.attributes.string("activation");
      if (name == "relu") link.stage.activation = kernels::Activation::relu;
      if (name == "relu6") link.stage.activation = kernels::Activation::relu6;
    }
    link.weights = weights;
    link.own_inputs = bias ? 3 : 2;
    link.tail = epilogue && !step.attributes.integers("tail_steps").empty();
    return link;
  }

  // The step that alone reads the step's result, as its image; -1 if there is none.
  int next_of(const Step& step) const {
    const int result = step.outputs[0];
    const int next = only_reader_[at(result)];
    return next >= 0 && program_.steps[at(next)].inputs[0] == result ? next : -1;
  }

  static bool pointwise(const Stage& s) {
    return s.work == Work::conv && s.window[0] == 1 && s.window[1] == 1 && s.stride[0] == 1 && s.stride[1] == 1;
  }

  // Whether a chain that ends with `before` goes on with `link`.
  static bool joins(const Link& before, const Link& link, bool begins) {
    if (before.tail || link.in_values < kLeastBetween || link.weights > kMostWeights || before.weights > kMostWeights)
      return false;
    const Stage& s = link.stage;
    const std::int64_t seen = std::min(s.reach(), link.in_rows) * before.stage.out[1] * before.stage.channels;
    if (seen > kMostRowValues) return false;
    if (s.work == Work::depthwise)
      return begins && before.stage.work == Work::conv && link.in_rows >= kLeastRowsToOverlap;
    // A projection: a result as large as what it is made of would still have to go to memory, and the product of some
    // rows does not ask for its lines early (Xception's 64 to 256 channels: 7 % slower).
    return pointwise(s) && before.stage.work == Work::depthwise && 2 * s.channels <= before.stage.channels;
  }

  void fuse_from(std::size_t first) {
    std::vector<std::size_t> members{first};
    std::vector<Link> links;
    if (auto link = link_of(program_.steps[first])) links.push_back(*link);
    while (!links.empty()) {
      const int next = next_of(program_.steps[members.back()]);
      if (next < 0) break;
      const auto link = link_of(program_.steps[at(next)]);
      if (!link || !joins(links.back(), *link, links.size() == 1)) break;
      members.push_back(at(next));
      links.push_back(*link);
    }
    // An expansion without its projection saves too little.
    if (links.size() > 1 && links.back().stage.work == Work::depthwise) {
      members.pop_back();
      links.pop_back();
    }
    if (links.size() > 1) fuse(members, links);
  }

  // The chain takes the place of its last step.
  void fuse(const std::vector<std::size_t>& members, const std::vector<Link>& links) {
    static const Operation& operation = operation_named("conv_chain");
    Step& last = program_.steps[members.back()];
    Step chain{&operation, {}, {program_.steps[members[0]].inputs[0]}, last.outputs};
    std::vector<Stage> stages;
    for (std::size_t i = 0; i < members.size(); ++i) {
      const std::vector<int>& inputs = program_.steps[members[i]].inputs;
      const auto end = links[i].tail ? inputs.end() : inputs.begin() + links[i].own_inputs;
      chain.inputs.insert(chain.inputs.end(), inputs.begin() + 1, end);
      stages.push_back(links[i].stage);
      gone_[members[i]] = i + 1 < members.size();
    }
    chain.attributes.set("stages", ops::encode(stages));
    if (links.back().tail)
      for (const char* name : {"tail_steps", "tail_immediates", "tail_outputs", "tail_keep"})
        chain.attributes.set(name, last.attributes.entries().find(name)->second);
    chain.attributes = normalize(operation, std::move(chain.attributes));
    last = std::move(chain);
  }

  Program program_;
  std::vector<int> only_reader_;
  std::vector<bool> gone_;  // steps that are part of a chain behind them
};

}  // namespace

Program conv_chains(Program program) { return ConvChains(std::move(program)).run(); }

}  // namespace addax::passes
