// A recurrent layer with weights that the program does not assign takes its inputs as they are: the kernel multiplies
// them with their weights step by step, or all at once where rows are few, and reads both weights in the order in which
// it wants them. A step packs them, which the prologue runs once. In a program that trains, weights change with every
// run, and the way back needs the gates.
#include <string_view>
#include <utility>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

struct Packable {
  std::string_view name;
  const char *packed, *pack;
  std::size_t weights, outputs;  // position of an input; outputs beside what the gradient reads
};
constexpr Packable kPackable[] = {{"lstm", "lstm_packed", "lstm_pack", 3, 4},
                                  {"gru", "gru_packed", "gru_pack", 2, 3},
                                  {"simple_rnn", "simple_rnn_packed", "simple_rnn_pack", 2, 3}};

class RecurrentPrepacking {
 public:
  explicit RecurrentPrepacking(Program program)
      : program_(std::move(program)), state_(state_only(program_)), reads_(count_reads(program_)) {
    product_of_.assign(program_.slots.size(), nullptr);
  }

  Program run() {
    const std::vector<Step> steps = program_.steps;
    for (const Step& step : steps)
      for (const int output : step.outputs) product_of_[at(output)] = &step;
    program_.steps.clear();
    bool changed = false;
    for (Step step : steps) {
      for (const Packable& p : kPackable)
        if (step.operation->name == p.name && packs(step, p)) {
          pack(step, p);
          changed = true;
          break;
        }
      append(std::move(step));
    }
    return changed ? dead_code(std::move(program_)) : std::move(program_);
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  const Spec& spec(int slot) const { return program_.slots[at(slot)].spec; }

  void append(Step step) {
    for (const int output : step.outputs) program_.slots[at(output)].index = static_cast<int>(program_.steps.size());
    program_.steps.push_back(std::move(step));
  }

  // Whether the inputs are a product with a bias that nobody else reads, all weights stay as they are, and nobody looks
  // into the gates. The layout depends on all sizes, so those must be known.
  bool packs(const Step& step, const Packable& p) const {
    const Step* product = product_of_[at(step.inputs[0])];
    if (product == nullptr || reads_[at(step.inputs[0])] != 1 || !is_plain(*product)) return false;
    for (std::size_t o = p.outputs; o < step.outputs.size(); ++o)
      if (reads_[at(step.outputs[o])] != 0) return false;
    const Dim& features = spec(product->inputs[0]).dims.back();
    return state_[at(step.inputs[p.weights])] && features.known() && features.value() > 0;
  }

  // inputs · weights + bias, over batch and time.
  bool is_plain(const Step& product) const {
    const Attributes& a = product.attributes;
    if (std::string_view(product.operation->name) != "matmul_epilogue" || product.inputs.size() != 3 ||
        !a.flag("bias") || a.flag("transpose_a") || a.flag("transpose_b") || a.string("activation") != "none" ||
        a.integer("packed_columns") != 0)
      return false;
    const int x = product.inputs[0], w = product.inputs[1], bias = product.inputs[2];
    return spec(x).dtype == DType::float32 && spec(x).dims.size() == 3 && spec(w).dims.size() == 2 && state_[at(w)] &&
           state_[at(bias)];
  }

  void pack(Step& step, const Packable& p) {
    const Step& product = *product_of_[at(step.inputs[0])];
    const Operation &packing = operation_named(p.pack), &operation = operation_named(p.packed);
    Attributes attributes;
    for (const char* name : {"reset_after", "activation"})
      if (const auto found = step.attributes.entries().find(name); found != step.attributes.entries().end())
        attributes.set(name, found->second);
    attributes = normalize(packing, std::move(attributes));
    const std::vector<int> weights{product.inputs[1], step.inputs[p.weights], product.inputs[2]};
    Specs in;
    for (const int w : weights) in.push_back(spec(w));
    const int packed =
        program_.add_slot(infer(packing, in, attributes)[0], SlotKind::step, static_cast<int>(program_.steps.size()));
    append({&packing, std::move(attributes), weights, {packed}});
    step.operation = &operation;
    step.attributes = normalize(operation, std::move(step.attributes));
    step.inputs[0] = product.inputs[0];
    step.inputs[p.weights] = packed;
    step.outputs.resize(p.outputs);
  }

  Program program_;
  const std::vector<bool> state_;
  const std::vector<int> reads_;
  std::vector<const Step*> product_of_;  // per slot: the step that makes it, as it was
};

}  // namespace

Program recurrent_prepacking(Program program) { return RecurrentPrepacking(std::move(program)).run(); }

}  // namespace addax::passes
