// Convolutions with fixed weights read them packed; the packing follows the weights and the image's size.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "addax/ops.h"
#include "addax/replay.h"
#include "numbers.h"
#include "ops/operation.h"
#include "program/prologue.h"

using namespace addax;
using namespace addax::ops;

namespace {

using Body = std::function<Value(const Value& x, const Value& w, const Value& bias)>;

Tensor numbers(const Shape& shape, std::uint32_t seed) {
  const std::vector<float> values = test::Numbers(seed).vector<float>(shape.elements());
  return Tensor::of<float>(shape, values);
}

ProgramPtr record(const Body& body, const Dims& image, const VariablePtr& w, const VariablePtr& bias) {
  const auto recording = Recording::begin();
  struct End {
    Recording& r;
    ~End() { r.end(); }
  } end{*recording};
  const Value x = recording->input("x", {DType::float32, image});
  return recording->finish({body(x, Variable::read(w), Variable::read(bias))});
}

bool has_step(const Program& program, std::string_view name) {
  return std::any_of(program.steps.begin(), program.steps.end(),
                     [&](const Step& step) { return step.operation->name == name; });
}

Attributes windows(std::int64_t stride) {
  Attributes a;
  a.set("strides", std::vector<std::int64_t>{stride, stride});
  a.set("padding", std::string("same"));
  return a;
}

// The optimised program gives what the operations give, before and after the weights have changed.
void check(const Body& body, const Shape& x, const Shape& w, std::int64_t channels, std::uint32_t seed) {
  CAPTURE(x);
  CAPTURE(w);
  const auto weights = std::make_shared<Variable>(numbers(w, seed), "w", true);
  const auto bias = std::make_shared<Variable>(numbers({channels}, seed + 1), "b", true);
  Dims image(x.begin(), x.end());
  image[0] = Dim::unknown("batch");
  const ProgramPtr program = optimize(record(body, image, weights, bias));
  REQUIRE(program->prologue != nullptr);
  CHECK(has_step(program->prologue->program(), "conv_pack"));
  CHECK(program->steps.size() == 1);
  Executable executable(program);
  for (int round = 0; round < 2; ++round) {
    const Tensor in = numbers(x, seed + 2 + static_cast<std::uint32_t>(round));
    const Tensor got = executable.run(std::span(&in, 1))[0];
    const Tensor wanted = body(Value(in), Variable::read(weights), Variable::read(bias)).tensor();
    REQUIRE(got.shape() == wanted.shape());
    for (std::int64_t i = 0; i < got.elements(); ++i)
      REQUIRE(got.data_as<float>()[i] == doctest::Approx(wanted.data_as<float>()[i]).epsilon(1e-4));
    Variable::assign(weights, Value(numbers(w, seed + 9)));
  }
}

Value activated(const Value& y, const Value& bias) { return apply_one(operation_named("relu"), {y + bias}); }

Body forward(std::int64_t stride) {
  return [=](const Value& x, const Value& w, const Value& bias) {
    return activated(apply_one(operation_named("conv"), {x, w}, windows(stride)), bias);
  };
}

Body transposed(std::int64_t stride, std::int64_t size, std::int64_t channels) {
  return [=](const Value& x, const Value& w, const Value& bias) {
    Attributes a = windows(stride);
    a.set("shape", Dims{x.dims()[0], Dim(size), Dim(size), Dim(channels)});
    return activated(apply_one(operation_named("conv_data_gradient"), {x, w}, a), bias);
  };
}

}  // namespace

TEST_CASE("a convolution with fixed weights reads them packed") {
  check(forward(1), {2, 9, 9, 3}, {3, 3, 3, 20}, 20, 1);      // listed products
  check(forward(2), {2, 9, 9, 40}, {3, 3, 40, 70}, 70, 2);    // runs
  check(forward(1), {2, 12, 12, 32}, {3, 3, 32, 48}, 48, 3);  // Winograd, where it wins
  check(forward(1), {2, 5, 5, 40}, {1, 1, 40, 70}, 70, 4);    // a plain product
  check(forward(1), {2, 5, 5, 16}, {3, 3, 16, 2}, 2, 5);      // dot products
}

TEST_CASE("a transposed convolution with fixed weights reads them packed") {
  check(transposed(2, 10, 8), {2, 5, 5, 24}, {3, 3, 8, 24}, 8, 6);
  check(transposed(1, 12, 40), {2, 12, 12, 32}, {3, 3, 40, 32}, 40, 7);
  check(transposed(3, 7, 2), {2, 3, 3, 24}, {4, 4, 2, 24}, 2, 8);
}

TEST_CASE("an image of unknown size leaves the weights as they are") {
  const auto w = std::make_shared<Variable>(numbers({3, 3, 3, 40}, 1), "w", true);
  const auto bias = std::make_shared<Variable>(numbers({40}, 2), "b", true);
  const Dims image{Dim::unknown("batch"), Dim::unknown("height"), Dim(8), Dim(3)};
  const ProgramPtr program = optimize(record(forward(1), image, w, bias));
  CHECK(program->prologue == nullptr);
}
