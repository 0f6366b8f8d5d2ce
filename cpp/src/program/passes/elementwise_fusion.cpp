// Elementwise steps over one shape become one step: a list that the kernel runs tile by tile, so that what lies between
// them never leaves the first-level cache.
//
// Steps are taken in order. Each joins the group of one of its producers, or one that reads the same value, unless that
// would make a circle: some other input of the step depends on the group. Two producers' groups become one where that
// is possible too. Finally every group stands where its last member stood, or later.
#include <algorithm>
#include <array>
#include <numeric>
#include <queue>

#include "ops/fused.h"
#include "program/passes/passes.h"

namespace addax::passes {
namespace {

using kernels::Opcode;

class ElementwiseFusion {
 public:
  explicit ElementwiseFusion(Program program) : program_(std::move(program)) {
    const std::size_t n = program_.steps.size();
    node_of_.resize(n);
    nodes_.resize(n);
    visited_.assign(n, 0);
    producer_.assign(program_.slots.size(), -1);
    readers_.resize(program_.slots.size());
    widened_again_.assign(program_.slots.size(), false);
    for (const Step& step : program_.steps)
      for (const int input : step.inputs)
        if (step.operation->traits.elementwise) widened_again_[at(input)] = true;
    for (std::size_t s = 0; s < n; ++s) {
      node_of_[s] = static_cast<int>(s);
      nodes_[s] = {{static_cast<int>(s)}, opcode(program_.steps[s]).has_value()};
      for (const int output : program_.steps[s].outputs) producer_[at(output)] = static_cast<int>(s);
    }
  }

  Program run() {
    for (int s = 0; s < count(); ++s) {
      if (nodes_[at(s)].fusible) {
        join_producers(s);
        if (node_of_[at(s)] == s) join_siblings(s);
      }
      for (const int input : step(s).inputs) readers_[at(input)].push_back(s);
    }
    emit();
    return compact(program_);
  }

 private:
  struct Node {                // a step, or a group of them; emptied when it has joined another
    std::vector<int> members;  // ascending
    bool fusible;
  };

  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  int count() const { return static_cast<int>(program_.steps.size()); }
  const Step& step(int s) const { return program_.steps[at(s)]; }
  const Spec& spec(int slot) const { return program_.slots[at(slot)].spec; }
  const Dims& dims(int s) const { return spec(step(s).outputs[0]).dims; }
  int node_of_slot(int slot) const { return producer_[at(slot)] < 0 ? -1 : node_of_[at(producer_[at(slot)])]; }

  static bool is_cast(const Step& step) { return std::string_view(step.operation->name) == "cast"; }

  // The list's code for the step, if lists may have its types.
  std::optional<Opcode> opcode(const Step& step) const {
    if (!step.operation->traits.elementwise || step.outputs.size() != 1 || !ops::fusable(spec(step.outputs[0]).dtype))
      return std::nullopt;
    for (const int input : step.inputs)
      if (!ops::fusable(spec(input).dtype)) return std::nullopt;
    // All values are floats inside the list.
    return is_cast(step) && !rounds_for_good(step) ? Opcode::identity : ops::fused_opcode(step.operation->name);
  }

  // Whether a cast changes values that a list would go on with as they were: to bool, or a rounding that was asked for
  // and is widened again.
  bool rounds_for_good(const Step& cast) const {
    const DType to = spec(cast.outputs[0]).dtype;
    if (to == DType::float32) return false;
    return to == DType::boolean || (!cast.attributes.flag("implied") && widened_again_[at(cast.outputs[0])]);
  }

  // A number that the list holds itself.
  bool immediate(int slot) const {
    const Slot& s = program_.slots[at(slot)];
    return s.kind == SlotKind::constant && s.spec.dtype == DType::float32 && s.spec.dims.empty();
  }

  // Whether anything in `node` needs the result of a node marked in `targets`.
  bool depends(int node, std::array<int, 2> targets) {
    ++stamp_;
    std::vector<int> open{node};
    while (!open.empty()) {
      const int n = open.back();
      open.pop_back();
      if (n == targets[0] || n == targets[1]) return true;
      if (visited_[at(n)] == stamp_) continue;
      visited_[at(n)] = stamp_;
      for (const int member : nodes_[at(n)].members) {
        for (const int input : step(member).inputs) {
          const int next = node_of_slot(input);
          if (next >= 0 && visited_[at(next)] != stamp_) open.push_back(next);
        }
      }
    }
    return false;
  }

  // Whether a and b can be one step: none of their other inputs may depend on either.
  bool can_merge(int a, int b) {
    if (dims(nodes_[at(a)].members[0]) != dims(nodes_[at(b)].members[0]) || !within_limits(a, b)) return false;
    for (const int node : {a, b}) {
      for (const int member : nodes_[at(node)].members) {
        for (const int input : step(member).inputs) {
          const int other = node_of_slot(input);
          if (other >= 0 && other != a && other != b && depends(other, {a, b})) return false;
        }
      }
    }
    return true;
  }

  bool within_limits(int a, int b) const {
    std::vector<int> operands, numbers;
    for (const int node : {a, b}) {
      for (const int member : nodes_[at(node)].members) {
        for (const int input : step(member).inputs) {
          const int from = node_of_slot(input);
          if (from == a || from == b) continue;
          (immediate(input) ? numbers : operands).push_back(input);
        }
      }
    }
    const auto distinct = [](std::vector<int>& slots) {
      std::sort(slots.begin(), slots.end());
      return static_cast<int>(std::unique(slots.begin(), slots.end()) - slots.begin());
    };
    return distinct(operands) <= kernels::kMaxOperands && distinct(numbers) <= kernels::kMaxFusedImmediates &&
           nodes_[at(a)].members.size() + nodes_[at(b)].members.size() <= at(kernels::kMaxFusedSteps);
  }

  void merge(int into, int from) {
    std::vector<int>& members = nodes_[at(into)].members;
    for (const int member : nodes_[at(from)].members) {
      node_of_[at(member)] = into;
      members.push_back(member);
    }
    std::sort(members.begin(), members.end());
    nodes_[at(from)].members.clear();
  }

  void join_producers(int s) {
    for (const int input : step(s).inputs) {
      const int other = node_of_slot(input);
      const int own = node_of_[at(s)];
      if (other >= 0 && other != own && nodes_[at(other)].fusible && can_merge(other, own)) merge(other, own);
    }
  }

  void join_siblings(int s) {
    for (const int input : step(s).inputs) {
      if (immediate(input) || spec(input).dims != dims(s)) continue;
      for (auto reader = readers_[at(input)].rbegin(); reader != readers_[at(input)].rend(); ++reader) {
        const int other = node_of_[at(*reader)];
        if (!nodes_[at(other)].fusible || !can_merge(other, s)) continue;
        merge(other, s);
        return;
      }
    }
  }

  // ---- Writing the groups down.

  void emit() {
    const std::vector<int> reads = count_reads(program_);
    std::vector<Step> steps;
    for (const int node : order()) {
      const std::vector<int>& members = nodes_[at(node)].members;
      write(members, reads, steps);
    }
    program_.steps = std::move(steps);
  }

  // The nodes so that each comes after those that it needs; as near to the old order as that allows.
  std::vector<int> order() const {
    std::vector<int> waiting(nodes_.size(), 0);
    std::vector<std::vector<int>> dependents(nodes_.size());
    for (int node = 0; node < count(); ++node) {
      std::vector<int> needs;
      for (const int member : nodes_[at(node)].members)
        for (const int input : step(member).inputs)
          if (const int from = node_of_slot(input); from >= 0 && from != node) needs.push_back(from);
      std::sort(needs.begin(), needs.end());
      needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
      waiting[at(node)] = static_cast<int>(needs.size());
      for (const int from : needs) dependents[at(from)].push_back(node);
    }
    using Entry = std::pair<int, int>;  // last member, node
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
    const auto push = [&](int node) { ready.emplace(nodes_[at(node)].members.back(), node); };
    for (int node = 0; node < count(); ++node)
      if (!nodes_[at(node)].members.empty() && waiting[at(node)] == 0) push(node);
    std::vector<int> result;
    while (!ready.empty()) {
      const int node = ready.top().second;
      ready.pop();
      result.push_back(node);
      for (const int dependent : dependents[at(node)])
        if (--waiting[at(dependent)] == 0) push(dependent);
    }
    return result;
  }

  // One fused step for the members; two for halves if the list would be too long for the kernel.
  void write(const std::vector<int>& members, const std::vector<int>& reads, std::vector<Step>& steps) const {
    if (members.size() == 1) {
      steps.push_back(step(members[0]));
      return;
    }
    if (auto fused = fuse(members, reads)) {
      steps.push_back(std::move(*fused));
      return;
    }
    const auto middle = members.begin() + static_cast<std::ptrdiff_t>(members.size() / 2);
    write({members.begin(), middle}, reads, steps);
    write({middle, members.end()}, reads, steps);
  }

  std::optional<Step> fuse(const std::vector<int>& members, const std::vector<int>& reads) const {
    std::vector<int> operands, numbers, results;
    for (const int member : members) results.push_back(step(member).outputs[0]);
    const auto contains = [](const std::vector<int>& list, int slot) {
      return std::find(list.begin(), list.end(), slot) != list.end();
    };
    std::vector<int> inner_reads(program_.slots.size(), 0);
    for (const int member : members) {
      for (const int input : step(member).inputs) {
        ++inner_reads[at(input)];
        std::vector<int>& list = immediate(input) ? numbers : operands;
        if (!contains(results, input) && !contains(list, input)) list.push_back(input);
      }
    }
    std::vector<int> values = operands;  // numbering of the list: operands, numbers, results
    values.insert(values.end(), numbers.begin(), numbers.end());
    values.insert(values.end(), results.begin(), results.end());
    const auto number_of = [&](int slot) { return std::find(values.begin(), values.end(), slot) - values.begin(); };

    std::vector<std::int64_t> list, outputs;
    std::vector<double> immediates;
    Step fused{&operation_named("fused"), {}, operands, {}};
    for (const int number : numbers)
      immediates.push_back(program_.constants[at(program_.slots[at(number)].index)].item());
    for (const int member : members) {
      list.push_back(static_cast<std::int64_t>(*opcode(step(member))));
      for (std::size_t i = 0; i < 3; ++i)
        list.push_back(i < step(member).inputs.size() ? number_of(step(member).inputs[i]) : 0);
    }
    for (const int result : results) {
      if (reads[at(result)] == inner_reads[at(result)]) continue;
      outputs.push_back(number_of(result));
      outputs.push_back(ops::output_code(spec(result).dtype));
      fused.outputs.push_back(result);
    }
    fused.attributes = {{"steps", list}, {"immediates", immediates}, {"outputs", outputs}};
    kernels::FusedPlan plan;
    if (operands.empty() || ops::make_fused_plan(fused.attributes, static_cast<int>(operands.size()), plan) != nullptr)
      return std::nullopt;
    return fused;
  }

  Program program_;
  std::vector<int> node_of_;  // per step
  std::vector<Node> nodes_;
  std::vector<int> producer_;              // per slot: its step, or −1
  std::vector<std::vector<int>> readers_;  // per slot: the steps so far that read it
  std::vector<bool> widened_again_;        // per slot: whether an element-wise step reads it
  std::vector<int> visited_;
  int stamp_ = 0;
};

}  // namespace

Program elementwise_fusion(Program program) { return ElementwiseFusion(std::move(program)).run(); }

}  // namespace addax::passes
