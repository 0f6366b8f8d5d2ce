// Convolutions with fixed weights read them packed; the packing follows the weights and the image's size.
#include <doctest/doctest.h>

#include "addax/ops.h"
#include "addax/replay.h"
#include "ops/operation.h"
#include "program/prologue.h"
#include "programs.h"

using namespace addax;
using namespace addax::ops;
using test::random_tensor;
using test::random_variables;
using test::record;

namespace {

using Body = test::OfImage;

Attributes windows(std::int64_t stride) {
  Attributes a;
  a.set("strides", std::vector<std::int64_t>{stride, stride});
  a.set("padding", std::string("same"));
  return a;
}

// The optimised program gives what the operations give, before and after the weights have changed.
void check(const Body& body, const Shape& x, const Shape& w, std::int64_t channels) {
  CAPTURE(x);
  CAPTURE(w);
  const std::vector<VariablePtr> weights = random_variables({w, {channels}});
  Dims image(x.begin(), x.end());
  image[0] = Dim::unknown("batch");
  const ProgramPtr program = optimize(record(body, image, weights));
  REQUIRE(program->prologue != nullptr);
  CHECK(test::count_steps(program->prologue->program(), "conv_pack") == 1);
  CHECK(program->steps.size() == 1);
  Executable executable(program);
  for (const std::uint32_t seed : {3, 4}) {
    const Tensor in = random_tensor(x, seed);
    const Tensor got = executable.run(std::span(&in, 1))[0];
    const Tensor wanted = body(Value(in), test::read(weights)).tensor();
    REQUIRE(got.shape() == wanted.shape());
    for (std::int64_t i = 0; i < got.elements(); ++i)
      REQUIRE(got.data_as<float>()[i] == doctest::Approx(wanted.data_as<float>()[i]).epsilon(1e-4));
    Variable::assign(weights[0], Value(random_tensor(w, seed + 9)));
  }
}

Value activated(const Value& y, const Value& bias) { return apply_one(operation_named("relu"), {y + bias}); }

Body forward(std::int64_t stride) {
  return [=](const Value& x, const Values& w) {
    return activated(apply_one(operation_named("conv"), {x, w[0]}, windows(stride)), w[1]);
  };
}

Body transposed(std::int64_t stride, std::int64_t size, std::int64_t channels) {
  return [=](const Value& x, const Values& w) {
    Attributes a = windows(stride);
    a.set("shape", Dims{x.dims()[0], Dim(size), Dim(size), Dim(channels)});
    return activated(apply_one(operation_named("conv_data_gradient"), {x, w[0]}, a), w[1]);
  };
}

}  // namespace

TEST_CASE("a convolution with fixed weights reads them packed") {
  check(forward(1), {2, 9, 9, 3}, {3, 3, 3, 20}, 20);      // listed products
  check(forward(2), {2, 9, 9, 40}, {3, 3, 40, 70}, 70);    // runs
  check(forward(1), {2, 12, 12, 32}, {3, 3, 32, 48}, 48);  // Winograd, where it wins
  check(forward(1), {2, 5, 5, 40}, {1, 1, 40, 70}, 70);    // a plain product
  check(forward(1), {2, 5, 5, 16}, {3, 3, 16, 2}, 2);      // dot products
}

TEST_CASE("a transposed convolution with fixed weights reads them packed") {
  check(transposed(2, 10, 8), {2, 5, 5, 24}, {3, 3, 8, 24}, 8);
  check(transposed(1, 12, 40), {2, 12, 12, 32}, {3, 3, 40, 32}, 40);
  check(transposed(3, 7, 2), {2, 3, 3, 24}, {4, 4, 2, 24}, 2);
}

TEST_CASE("an image of unknown size leaves the weights as they are") {
  const std::vector<VariablePtr> weights = random_variables({{3, 3, 3, 40}, {40}});
  const Dims image{Dim::unknown("batch"), Dim::unknown("height"), Dim(8), Dim(3)};
  const ProgramPtr program = optimize(record(forward(1), image, weights));
  CHECK(program->prologue == nullptr);
}
