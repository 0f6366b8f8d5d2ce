#include "program/plan.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/checked.h"
#include "ops/fused.h"

namespace addax {
namespace {

constexpr std::int64_t kAlignment = 64;

std::int64_t aligned(std::int64_t bytes) { return checked_add(bytes, kAlignment - 1) / kAlignment * kAlignment; }

// A stretch of arena in use from step `first` to step `last`, both included.
struct Block {
  std::int64_t bytes;
  int first, last;
  std::int64_t offset = 0;
};

class Planner {
 public:
  Planner(const Program& program, std::span<const Shape> input_shapes) : program_(program) {
    const std::size_t n = program.slots.size();
    plan_.shapes.resize(n);
    plan_.places.resize(n);
    root_.resize(n);
    std::iota(root_.begin(), root_.end(), 0);
    first_use_.assign(n, -1);
    last_use_.assign(n, -1);
    wanted_.assign(n, false);
    block_of_.assign(n, -1);
    bind(input_shapes);
  }

  Plan run() {
    infer_steps();
    check_assignments();
    find_uses();
    place_fixed();
    place_variables();
    place_outputs();
    place_intermediates();
    plan_workspaces();
    plan_copies();
    pack_arena();
    return std::move(plan_);
  }

 private:
  std::size_t at(int i) const { return static_cast<std::size_t>(i); }
  const Slot& slot(int i) const { return program_.slots[at(i)]; }
  std::int64_t bytes(int i) const { return checked_mul(plan_.shapes[at(i)].elements(), size_of(slot(i).spec.dtype)); }

  // Sizes of the unknowns from the inputs' shapes.
  void bind(std::span<const Shape> shapes) {
    if (shapes.size() != program_.inputs.size())
      fail(ErrorKind::value, "the program takes ", program_.inputs.size(), " inputs; received ", shapes.size());
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const Dims& dims = slot(program_.inputs[i]).spec.dims;
      bool fits = shapes[i].rank() == static_cast<int>(dims.size());
      for (int axis = 0; fits && axis < shapes[i].rank(); ++axis) {
        const Dim& dim = dims[at(axis)];
        if (dim.known()) {
          fits = dim == shapes[i][axis];
        } else {
          const auto [it, fresh] = bindings_.emplace(dim.str(), shapes[i][axis]);
          if (!fresh && it->second != shapes[i][axis])
            fail(ErrorKind::value, "input '", program_.input_names[i], "' has size ", shapes[i][axis], " along axis ",
                 axis, " ('", dim, "'), which another input gives as ", it->second);
        }
      }
      if (!fits)
        fail(ErrorKind::value, "input '", program_.input_names[i], "' must have shape ", dims, "; received shape ",
             shapes[i]);
      plan_.shapes[at(program_.inputs[i])] = shapes[i];
    }
    for (std::size_t i = 0; i < program_.variables.size(); ++i)
      plan_.shapes[at(program_.variable_slots[i])] = program_.variables[i]->shape();
    for (std::size_t i = 0; i < program_.constants.size(); ++i)
      plan_.shapes[at(program_.constant_slots[i])] = program_.constants[i].shape();
  }

  void infer_steps() {
    for (const Step& step : program_.steps) {
      PlannedStep planned{step.operation, step.attributes, step.inputs, step.outputs};
      for (auto& [name, attribute] : planned.attributes.entries()) {
        if (auto* dims = std::get_if<Dims>(&attribute)) *dims = numbers(*dims);
        if (auto* nested = std::get_if<ProgramPtr>(&attribute)) *nested = bind_dims(*nested, bindings_);
      }
      Specs in;
      for (const int input : step.inputs) in.push_back({slot(input).spec.dtype, to_dims(plan_.shapes[at(input)])});
      const Specs out = infer(*step.operation, in, planned.attributes);
      for (std::size_t i = 0; i < out.size(); ++i) {
        check_recorded(*step.operation, step.outputs[i], out[i].dims);
        plan_.shapes[at(step.outputs[i])] = to_shape(out[i].dims);
      }
      if (may_fail(*step.operation, planned.attributes)) last_failing_ = static_cast<int>(plan_.steps.size());
      if (step.operation->traits.view) root_[at(step.outputs[0])] = root_[at(step.inputs[0])];
      plan_.steps.push_back(std::move(planned));
    }
  }

  // What later steps and passes rely on: the sizes are those that the recorded expressions give. A slice of fewer
  // elements than it skips has an expression below 0 and is empty.
  void check_recorded(const Operation& operation, int output, const Dims& seen) const {
    const Dims& recorded = slot(output).spec.dims;
    Dims wanted = numbers(recorded);
    for (Dim& dim : wanted) dim = max(dim, 0);
    if (wanted != seen)
      fail(ErrorKind::value, operation.name, ": gives shape ", seen, " for these inputs, where ", recorded, " = ",
           wanted, " was recorded");
  }

  void check_assignments() const {
    for (const Assignment& a : program_.assignments) {
      const Shape& wanted = plan_.shapes[at(program_.variable_slots[at(a.variable)])];
      const Shape& seen = plan_.shapes[at(a.slot)];
      if (wanted != seen)
        fail(ErrorKind::value, "variable '", program_.variables[at(a.variable)]->name(), "' has shape ", wanted,
             "; the program assigns a value of shape ", seen);
    }
  }

  // Starts and stops of slices may be negative, so an attribute is no Shape.
  Dims numbers(const Dims& dims) const {
    Dims sizes;
    for (const Dim& dim : dims) sizes.emplace_back(dim.evaluate(bindings_));
    return sizes;
  }

  // Uses are counted for the root: views live as long as what they look at.
  void find_uses() {
    for (int s = 0; s < count(); ++s) {
      for (const int input : plan_.steps[at(s)].inputs) use(input, s);
      for (const int output : plan_.steps[at(s)].outputs) {
        const int root = root_[at(output)];
        if (first_use_[at(root)] < 0) first_use_[at(root)] = s;
        last_use_[at(root)] = std::max(last_use_[at(root)], s);
      }
    }
    for (const int output : program_.outputs) use(output, count());
    for (const Assignment& a : program_.assignments) use(a.slot, count());
  }
  void use(int slot, int step) {
    const int root = root_[at(slot)];
    last_use_[at(root)] = std::max(last_use_[at(root)], step);
    wanted_[at(root)] = true;
  }
  int count() const { return static_cast<int>(plan_.steps.size()); }

  void place_fixed() {
    const auto place = [&](const std::vector<int>& slots, Home home) {
      for (std::size_t i = 0; i < slots.size(); ++i) plan_.places[at(slots[i])] = {home, static_cast<int>(i), 0};
    };
    place(program_.inputs, Home::input);
    place(program_.variable_slots, Home::variable);
    place(program_.constant_slots, Home::constant);
  }

  bool placed(int root) const { return plan_.places[at(root)].home != Home::none || block_of_[at(root)] >= 0; }

  // A new value goes straight into its variable when nobody reads the old one later and no later step may fail. The
  // step that makes it may read the old value only if it works in place.
  void place_variables() {
    for (const Assignment& a : program_.assignments) {
      const int root = root_[at(a.slot)];
      if (slot(root).kind != SlotKind::step || placed(root)) continue;
      const int old = program_.variable_slots[at(a.variable)];
      const int producer = slot(root).index;
      if (producer <= last_failing_ || last_use_[at(old)] > producer) continue;
      if (last_use_[at(old)] == producer && !overwrites(producer, root, old)) continue;
      plan_.places[at(root)] = {Home::variable, a.variable, 0};
    }
  }

  // Whether the step may write `output` over the memory of `input` (a root).
  bool overwrites(int step, int output, int input) const {
    const PlannedStep& planned = plan_.steps[at(step)];
    if (!planned.operation->traits.in_place || bytes(output) != bytes(input)) return false;
    const auto which = std::find(planned.outputs.begin(), planned.outputs.end(), output) - planned.outputs.begin();
    for (std::size_t k = 0; k < planned.inputs.size(); ++k) {
      const int i = planned.inputs[k];
      if (root_[at(i)] != input) continue;
      if (plan_.shapes[at(i)] != plan_.shapes[at(output)]) return false;
      if (!ops::may_share_memory(*planned.operation, planned.attributes, static_cast<int>(k), static_cast<int>(which)))
        return false;
    }
    return slot(output).spec.dtype == slot(input).spec.dtype;
  }

  void place_outputs() {
    for (std::size_t i = 0; i < program_.outputs.size(); ++i) {
      const int root = root_[at(program_.outputs[i])];
      if (slot(root).kind != SlotKind::step || placed(root)) continue;
      plan_.places[at(root)] = {Home::output, static_cast<int>(i), 0};
    }
  }

  void place_intermediates() {
    for (int s = 0; s < count(); ++s) {
      const PlannedStep& step = plan_.steps[at(s)];
      std::vector<int> taken;
      for (const int output : step.outputs) {
        if (root_[at(output)] != output || placed(output)) continue;
        const bool optional = step.operation->traits.optional_outputs && output != step.outputs[0];
        if (optional && !wanted_[at(output)]) continue;
        const int reused = step.operation->traits.in_place ? dying_input(step, s, output, taken) : -1;
        if (reused >= 0) {
          taken.push_back(reused);
          block_of_[at(output)] = reused;
          blocks_[at(reused)].last = std::max(last_use_[at(output)], s);
        } else {
          block_of_[at(output)] = add_block(bytes(output), s, std::max(last_use_[at(output)], s));
        }
      }
    }
  }

  // The block of an input that nobody reads after this step and that fits the output.
  int dying_input(const PlannedStep& step, int s, int output, const std::vector<int>& taken) const {
    for (const int input : step.inputs) {
      const int root = root_[at(input)];
      const int block = block_of_[at(root)];
      if (block < 0 || blocks_[at(block)].last != s || !overwrites(s, output, root)) continue;
      if (std::find(taken.begin(), taken.end(), block) == taken.end()) return block;
    }
    return -1;
  }

  int add_block(std::int64_t bytes, int first, int last) {
    blocks_.push_back({aligned(std::max<std::int64_t>(bytes, 1)), first, last});
    return static_cast<int>(blocks_.size()) - 1;
  }

  void plan_workspaces() {
    for (int s = 0; s < count(); ++s) {
      PlannedStep& step = plan_.steps[at(s)];
      if (step.operation->workspace == nullptr) continue;
      std::vector<Buffer> in, out;
      for (const int i : step.inputs) in.push_back({nullptr, slot(i).spec.dtype, plan_.shapes[at(i)]});
      for (const int i : step.outputs) out.push_back({nullptr, slot(i).spec.dtype, plan_.shapes[at(i)]});
      step.workspace_bytes = step.operation->workspace(Run(*step.operation, step.attributes, in, out));
      workspaces_.push_back(step.workspace_bytes > 0 ? add_block(step.workspace_bytes, s, s) : -1);
    }
  }

  void plan_copies() {
    for (const Assignment& a : program_.assignments) {
      const int root = root_[at(a.slot)];
      const Place to{Home::variable, a.variable, 0};
      const Place& from = plan_.places[at(root)];
      if (from.home == Home::variable && from.index == a.variable) continue;  // already there
      if (slot(root).kind == SlotKind::variable) {
        const int block = add_block(bytes(root), count(), count());
        staged_blocks_.push_back(block);
        plan_.staged.push_back({a.slot, {Home::arena, 0, 0}});
        plan_.copies.push_back({a.slot, to, static_cast<int>(plan_.staged.size()) - 1});
      } else {
        plan_.copies.push_back({a.slot, to});
      }
    }
    for (std::size_t i = 0; i < program_.outputs.size(); ++i) {
      const int root = root_[at(program_.outputs[i])];
      const Place& place = plan_.places[at(root)];
      if (place.home == Home::output && place.index == static_cast<int>(i)) continue;
      output_copies_.push_back({program_.outputs[i], {Home::output, static_cast<int>(i), 0}});
    }
    // Outputs first: one may be the old value of a variable.
    plan_.copies.insert(plan_.copies.begin(), output_copies_.begin(), output_copies_.end());
  }

  // Greedy by size: the largest block first, each at the lowest offset that is free during its life.
  void pack_arena() {
    std::vector<int> order(blocks_.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return blocks_[at(a)].bytes > blocks_[at(b)].bytes; });
    std::vector<int> done;  // by offset
    for (const int b : order) {
      Block& block = blocks_[at(b)];
      std::int64_t offset = 0;
      for (const int other : done) {
        const Block& o = blocks_[at(other)];
        if (o.last < block.first || block.last < o.first) continue;
        if (offset + block.bytes <= o.offset) break;
        offset = std::max(offset, o.offset + o.bytes);
      }
      block.offset = offset;
      plan_.arena_bytes = std::max(plan_.arena_bytes, checked_add(offset, block.bytes));
      done.insert(std::upper_bound(done.begin(), done.end(), b,
                                   [&](int x, int y) { return blocks_[at(x)].offset < blocks_[at(y)].offset; }),
                  b);
    }
    for (int i = 0; i < static_cast<int>(program_.slots.size()); ++i) {
      const int root = root_[at(i)];
      if (block_of_[at(root)] >= 0) plan_.places[at(root)] = {Home::arena, 0, blocks_[at(block_of_[at(root)])].offset};
    }
    for (int i = 0; i < static_cast<int>(program_.slots.size()); ++i)
      plan_.places[at(i)] = plan_.places[at(root_[at(i)])];
    std::size_t next = 0;
    for (PlannedStep& step : plan_.steps) {
      if (step.operation->workspace == nullptr) continue;
      const int block = workspaces_[next++];
      if (block >= 0) step.workspace_offset = blocks_[at(block)].offset;
    }
    for (std::size_t i = 0; i < plan_.staged.size(); ++i)
      plan_.staged[i].to.offset = blocks_[at(staged_blocks_[i])].offset;
  }

  const Program& program_;
  Plan plan_;
  Bindings bindings_;
  std::vector<int> root_;  // the slot whose memory this one shows
  std::vector<int> first_use_, last_use_;
  int last_failing_ = -1;      // the last step that may fail
  std::vector<bool> wanted_;   // whether anybody reads it
  std::vector<int> block_of_;  // per root, -1: not in the arena
  std::vector<Block> blocks_;
  std::vector<int> workspaces_;
  std::vector<int> staged_blocks_;
  std::vector<Copy> output_copies_;
};

}  // namespace

Plan make_plan(const Program& program, std::span<const Shape> input_shapes) {
  return Planner(program, input_shapes).run();
}

}  // namespace addax
