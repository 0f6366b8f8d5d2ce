// A product with weights that the program does not assign reads them in the order in which the kernel wants them: a
// step packs them, which the prologue runs once. In a program that trains, weights change with every run and packing is
// the kernel's business.
#include <map>
#include <string_view>
#include <utility>

#include "kernels/kernels.h"
#include "program/passes/passes.h"

namespace addax::passes {
namespace {

// Weights that stay in L1 are read as quickly as they lie.
constexpr std::int64_t kSmallBytes = 16 << 10;

class Prepacking {
 public:
  explicit Prepacking(Program program) : program_(std::move(program)), state_(state_only(program_)) {}

  Program run() {
    std::vector<Step> steps = std::exchange(program_.steps, {});
    bool changed = false;
    for (Step& step : steps) {
      if (takes_packed(step)) {
        read_packed(step);
        changed = true;
      }
      for (const int output : step.outputs) slot(output).index = static_cast<int>(program_.steps.size());
      program_.steps.push_back(std::move(step));
    }
    return changed ? dead_code(std::move(program_)) : std::move(program_);
  }

 private:
  Slot& slot(int i) { return program_.slots[static_cast<std::size_t>(i)]; }
  const Dims& dims(int i) { return slot(i).spec.dims; }

  bool takes_packed(const Step& step) {
    const std::string_view name = step.operation->name;
    if (name != "matmul" && name != "matmul_epilogue") return false;
    const int a = step.inputs[0], b = step.inputs[1];
    if (slot(a).spec.dtype == DType::float64 || step.attributes.flag("transpose_a")) return false;
    if (!state_[static_cast<std::size_t>(b)] || dims(b).size() != 2 || !dims(a).back().known()) return false;
    return worthwhile(step, a, b);
  }

  // Not for a single row, which reads the weights once in whatever order; nor where narrow results would make the
  // panels much larger than the weights.
  bool worthwhile(const Step& step, int a, int b) {
    const auto [k, n] = sizes(step, b);
    const bool half = slot(b).spec.dtype == DType::bfloat16;
    const std::int64_t packed =
        half ? kernels::kernels().matmul_bf16.packed_size(k, n) : kernels::kernels().matmul.f32.packed_size(k, n);
    // bfloat16 is put into pairs in any case: that is never quicker than to read them.
    if (packed == 0 || (!half && k * n * 4 <= kSmallBytes) || packed > 2 * k * n) return false;
    for (std::size_t d = 0; d + 1 < dims(a).size(); ++d)
      if (!(dims(a)[d] == Dim(1))) return true;
    return false;
  }

  std::pair<std::int64_t, std::int64_t> sizes(const Step& step, int b) {
    const std::int64_t rows = dims(b)[0].value(), columns = dims(b)[1].value();
    return step.attributes.flag("transpose_b") ? std::pair{columns, rows} : std::pair{rows, columns};
  }

  void read_packed(Step& step) {
    static const Operation* const product = &operation_named("matmul_epilogue");
    const int b = step.inputs[1];
    if (step.operation != product) {
      step.operation = product;
      step.attributes = normalize(*product, std::move(step.attributes));
    }
    step.attributes.set("packed_columns", sizes(step, b).second);
    step.inputs[1] = packed(b, step.attributes.flag("transpose_b"));
    step.attributes.set("transpose_b", false);
  }

  // The slot of the packed weights; products that share weights share it.
  int packed(int b, bool transposed) {
    static const Operation* const pack = &operation_named("matmul_pack");
    const auto found = packed_.find({b, transposed});
    if (found != packed_.end()) return found->second;
    Attributes attributes;
    attributes.set("transpose_b", transposed);
    attributes = normalize(*pack, std::move(attributes));
    const Spec in = slot(b).spec;
    const Specs out = infer(*pack, std::span(&in, 1), attributes);
    const int fresh = program_.add_slot(out[0], SlotKind::step, static_cast<int>(program_.steps.size()));
    program_.steps.push_back({pack, std::move(attributes), {b}, {fresh}});
    packed_[{b, transposed}] = fresh;
    return fresh;
  }

  Program program_;
  const std::vector<bool> state_;
  std::map<std::pair<int, bool>, int> packed_;
};

}  // namespace

Program prepacking(Program program) { return Prepacking(std::move(program)).run(); }

}  // namespace addax::passes
