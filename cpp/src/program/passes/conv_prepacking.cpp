// A convolution with weights that the program does not assign reads them in the order in which its kernel wants them,
// transformed if that is Winograd's: a step packs them, which the prologue runs once. In a program that trains, weights
// change with every run and packing is the kernel's business.
#include <algorithm>
#include <string_view>
#include <utility>

#include "program/passes/passes.h"

namespace addax::passes {
namespace {

struct Packable {
  std::string_view name;
  const char* packed;
  bool transposed;
};
constexpr Packable kPackable[] = {{"conv", "conv_epilogue", false},
                                  {"conv_epilogue", "conv_epilogue", false},
                                  {"conv_data_gradient", "conv_data_gradient_epilogue", true},
                                  {"conv_data_gradient_epilogue", "conv_data_gradient_epilogue", true}};

class ConvPrepacking {
 public:
  explicit ConvPrepacking(Program program) : program_(std::move(program)), state_(state_only(program_)) {}

  Program run() {
    std::vector<Step> steps = std::exchange(program_.steps, {});
    bool changed = false;
    for (Step& step : steps) {
      for (const Packable& p : kPackable)
        if (step.operation->name == p.name) {
          changed = pack(step, p) || changed;
          break;
        }
      append(std::move(step));
    }
    return changed ? dead_code(std::move(program_)) : std::move(program_);
  }

 private:
  const Spec& spec(int slot) const { return program_.slots[static_cast<std::size_t>(slot)].spec; }

  void append(Step step) {
    for (const int output : step.outputs)
      program_.slots[static_cast<std::size_t>(output)].index = static_cast<int>(program_.steps.size());
    program_.steps.push_back(std::move(step));
  }

  // The layout depends on the image's size, so that must be known.
  bool pack(Step& step, const Packable& p) {
    const int w = step.inputs[1], from = step.inputs[0], to = step.outputs[0];
    if (!state_[static_cast<std::size_t>(w)] || spec(w).dtype == DType::float64 || spec(w).dims.size() == 1)
      return false;
    Dims image = spec(p.transposed ? to : from).dims, result = spec(p.transposed ? from : to).dims;
    image[0] = result[0] = Dim(1);
    const auto known = [](const Dims& dims) {
      return std::all_of(dims.begin(), dims.end(), [](const Dim& d) { return d.known(); });
    };
    if (!known(image) || !known(result)) return false;
    const int packed = packed_weights(step, w, p.transposed, image, result);
    if (packed < 0) return false;
    const Shape kernel = to_shape(spec(w).dims);
    step.operation = &operation_named(p.packed);
    step.attributes = normalize(*step.operation, std::move(step.attributes));
    step.attributes.set("kernel", std::vector<std::int64_t>(kernel.begin(), kernel.end()));
    step.inputs[1] = packed;
    return true;
  }

  // The slot of the packed weights; -1 if the kernel reads w as it lies.
  int packed_weights(const Step& step, int w, bool transposed, const Dims& image, const Dims& result) {
    static const Operation& operation = operation_named("conv_pack");
    Attributes attributes;
    for (const char* name : {"strides", "padding", "pads", "dilation", "groups"})
      attributes.set(name, step.attributes.entries().find(name)->second);
    attributes.set("image", image);
    attributes.set("result", result);
    attributes.set("transposed", transposed);
    attributes = normalize(operation, std::move(attributes));
    const Spec in = spec(w);
    const Specs out = infer(operation, std::span(&in, 1), attributes);
    if (out[0].dims[0] == Dim(0)) return -1;
    const int packed = program_.add_slot(out[0], SlotKind::step, static_cast<int>(program_.steps.size()));
    program_.steps.push_back({&operation, std::move(attributes), {w}, {packed}});
    return packed;
  }

  Program program_;
  const std::vector<bool> state_;
};

}  // namespace

Program conv_prepacking(Program program) { return ConvPrepacking(std::move(program)).run(); }

}  // namespace addax::passes
