// Equal fused lists on independent arrays become one step: an optimizer's updates of all small variables. A large array
// keeps a step of its own, which runs while what it reads, its gradient, is still in the cache.
#include <algorithm>

#include "kernels/fused.h"
#include "program/passes/passes.h"

namespace addax::passes {
namespace {

// Elements up to which an array counts as small: 256 KB each of an optimizer's four arrays would fill a second-level
// cache.
constexpr std::int64_t kSmall = 1 << 16;

class HorizontalFusion {
 public:
  explicit HorizontalFusion(Program program) : program_(std::move(program)) {
    first_reader_.assign(program_.slots.size(), count());
    for (int s = count(); s-- > 0;)
      for (const int input : step(s).inputs) first_reader_[at(input)] = s;
  }

  Program run() {
    for (int s = 0; s < count(); ++s)
      if (suits(step(s))) place(s);
    emit();
    return compact(program_);
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  int count() const { return static_cast<int>(program_.steps.size()); }
  const Step& step(int s) const { return program_.steps[at(s)]; }
  const Spec& spec(int slot) const { return program_.slots[at(slot)].spec; }

  // A small fused step whose operands are walked as the array is, or are single values.
  bool suits(const Step& step) const {
    if (std::string_view(step.operation->name) != "fused") return false;
    const Dims& dims = spec(step.outputs[0]).dims;
    std::int64_t elements = 1;
    for (const Dim& dim : dims) {
      if (!dim.known() || dim.value() > kSmall) return false;
      elements *= dim.value();
      if (elements > kSmall) return false;
    }
    return std::all_of(step.inputs.begin(), step.inputs.end(),
                       [&](int input) { return spec(input).dims.empty() || spec(input).dims == dims; });
  }

  bool same_list(const Step& a, const Step& b) const {
    if (a.attributes != b.attributes || a.inputs.size() != b.inputs.size()) return false;
    for (std::size_t i = 0; i < a.inputs.size(); ++i)
      if (spec(a.inputs[i]).dtype != spec(b.inputs[i]).dtype) return false;
    return true;
  }

  // Joins the group of this list that is still open at step s: one none of whose results has been read by then.
  void place(int s) {
    for (std::vector<int>& group : groups_) {
      if (!same_list(step(group[0]), step(s))) continue;
      const bool open = std::none_of(group.begin(), group.end(), [&](int member) {
        const auto& outputs = step(member).outputs;
        return std::any_of(outputs.begin(), outputs.end(), [&](int slot) { return first_reader_[at(slot)] <= s; });
      });
      if (!open) continue;
      group.push_back(s);
      return;
    }
    groups_.push_back({s});
  }

  // A group stands where its last member stood.
  void emit() {
    std::vector<const std::vector<int>*> group_at(program_.steps.size(), nullptr);
    std::vector<bool> gone(program_.steps.size(), false);
    for (const std::vector<int>& group : groups_) {
      if (group.size() < 2) continue;
      for (const int member : group) gone[at(member)] = true;
      group_at[at(group.back())] = &group;
    }
    std::vector<Step> steps;
    for (int s = 0; s < count(); ++s) {
      if (group_at[at(s)] != nullptr) {
        steps.push_back(merged(*group_at[at(s)]));
      } else if (!gone[at(s)]) {
        steps.push_back(step(s));
      }
    }
    program_.steps = std::move(steps);
  }

  Step merged(const std::vector<int>& group) const {
    Step result{&operation_named("fused_segments"), step(group[0]).attributes, {}, {}};
    std::vector<std::int64_t> operands;
    for (const int member : group) {
      for (const int input : step(member).inputs) {
        const auto found = std::find(result.inputs.begin(), result.inputs.end(), input);
        operands.push_back(found - result.inputs.begin());
        if (found == result.inputs.end()) result.inputs.push_back(input);
      }
      const auto& outputs = step(member).outputs;
      result.outputs.insert(result.outputs.end(), outputs.begin(), outputs.end());
    }
    result.attributes.set("arity", static_cast<std::int64_t>(step(group[0]).inputs.size()));
    result.attributes.set("operands", std::move(operands));
    return result;
  }

  Program program_;
  std::vector<int> first_reader_;  // per slot: the first step that reads it
  std::vector<std::vector<int>> groups_;
};

}  // namespace

Program horizontal_fusion(Program program) { return HorizontalFusion(std::move(program)).run(); }

}  // namespace addax::passes
