// The gradient of max pooling is zero but for one element of each window, which is P, the pooled value itself. So with
// (P, I) = max_pool(Y), what follows the gradient G(D, I) can be done on D, which is several times smaller:
//
//   where(Y > c, G(D, I), 0)          →  G(where(P > c, D, 0), I)     the gradient of relu before the pooling
//   sum_to(G(D, I)) to the channels   →  sum_to(D)                    the gradient of a bias before it
#include <string_view>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

class PooledGradients {
 public:
  explicit PooledGradients(Program program) : program_(std::move(program)), reads_(count_reads(program_)) {
    maker_.assign(program_.slots.size(), -1);
  }

  Program run() {
    std::vector<Step> steps = std::move(program_.steps);
    for (Step& step : steps) {
      if (is(step, "where")) mask_before(step);
      if (is(step, "sum_to")) sum_before(step);
      append(std::move(step));
    }
    program_.steps = std::move(done_);
    return dead_code(std::move(program_));
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  static bool is(const Step& step, std::string_view name) { return step.operation->name == name; }
  const Spec& spec(int slot) const { return program_.slots[at(slot)].spec; }

  void append(Step step) {
    for (const int output : step.outputs) maker_[at(output)] = static_cast<int>(done_.size());
    done_.push_back(std::move(step));
  }

  int append(const char* operation, std::vector<int> inputs, Spec result) {
    const int slot = program_.add_slot(std::move(result), SlotKind::step, static_cast<int>(done_.size()));
    maker_.push_back(-1);
    append(Step{&operation_named(operation), {}, std::move(inputs), {slot}});
    return slot;
  }

  // The step of this name that makes the slot; null if there is none.
  const Step* made_by(const char* name, int slot) const {
    const int maker = maker_[at(slot)];
    return maker >= 0 && is(done_[at(maker)], name) ? &done_[at(maker)] : nullptr;
  }

  // The pooling whose gradient the step is; null if its indices are of another origin.
  const Step* pooling_of(const Step& gradient) const {
    const Step* pool = made_by("max_pool", gradient.inputs[1]);
    if (pool == nullptr || pool->outputs[1] != gradient.inputs[1]) return nullptr;
    for (const auto& [name, value] : pool->attributes.entries()) {
      const auto& other = gradient.attributes.entries();
      const auto found = other.find(name);
      if (found == other.end() || !(found->second == value)) return nullptr;
    }
    return pool;
  }

  bool is_scalar_constant(int slot) const {
    return program_.slots[at(slot)].kind == SlotKind::constant && spec(slot).dims.empty();
  }
  bool is_zero(int slot) const {
    if (!is_scalar_constant(slot) || spec(slot).dtype != DType::float32) return false;
    return *program_.constants[at(program_.slots[at(slot)].index)].data_as<float>() == 0.0f;
  }

  void mask_before(Step& where) {
    const Step* const mask = made_by("greater", where.inputs[0]);
    const Step* const gradient = made_by("max_pool_gradient", where.inputs[1]);
    if (mask == nullptr || gradient == nullptr || !is_scalar_constant(mask->inputs[1]) || !is_zero(where.inputs[2]))
      return;
    const Step* const pool = pooling_of(*gradient);
    if (pool == nullptr || pool->inputs[0] != mask->inputs[0] || reads_[at(where.inputs[1])] != 1 ||
        !(spec(where.outputs[0]) == spec(pool->inputs[0])))
      return;
    const int pooled = pool->outputs[0], threshold = mask->inputs[1];
    Step after = *gradient;
    const int kept = append("greater", {pooled, threshold}, {DType::boolean, spec(pooled).dims});
    after.inputs[0] = append("where", {kept, after.inputs[0], where.inputs[2]}, spec(after.inputs[0]));
    after.outputs = where.outputs;
    where = std::move(after);
  }

  void sum_before(Step& sum) const {
    const Step* const gradient = made_by("max_pool_gradient", sum.inputs[0]);
    if (gradient == nullptr || pooling_of(*gradient) == nullptr) return;
    const Dims &image = spec(sum.inputs[0]).dims, &to = spec(sum.outputs[0]).dims;
    for (std::size_t d = 0; d < to.size(); ++d)
      if (!(to[d] == (d + 1 == to.size() ? image.back() : Dim(1)))) return;
    sum.inputs[0] = gradient->inputs[0];
  }

  Program program_;
  std::vector<int> reads_;  // before anything was moved
  std::vector<int> maker_;  // slot → step of done_; -1 if none
  std::vector<Step> done_;
};

}  // namespace

Program pooled_gradients(Program program) { return PooledGradients(std::move(program)).run(); }

}  // namespace addax::passes
