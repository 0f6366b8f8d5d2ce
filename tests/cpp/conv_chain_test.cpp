// Chains of convolutions give what their steps give one after another, for any size.
#include <doctest/doctest.h>

#include <limits>

#include "addax/ops.h"
#include "addax/replay.h"
#include "base/parallel.h"
#include "numbers.h"
#include "ops/operation.h"
#include "programs.h"

using namespace addax;
using namespace addax::ops;
using test::random_tensor;
using test::random_variables;
using test::record;

namespace {

using Body = test::OfImage;

std::int64_t chains(const Program& program) { return test::count_steps(program, "conv_chain"); }

Attributes windows(std::int64_t stride) {
  return {{"strides", std::vector<std::int64_t>{stride, stride}}, {"padding", std::string("same")}};
}

Value conv(const Value& x, const Value& w, const Value& bias) {
  return apply_one(operation_named("relu"), {apply_one(operation_named("conv"), {x, w}, windows(1)) + bias});
}
Value depthwise(const Value& x, const Value& w, std::int64_t stride) {
  return apply_one(operation_named("depthwise_conv"), {x, w}, windows(stride));
}
// The optimised program is one chain and gives for any number of samples what the operations give, with the same bits
// for any number of threads.
void check(const Body& body, const Shape& image, const std::vector<Shape>& shapes, double tolerance = 0) {
  CAPTURE(image);
  const std::vector<VariablePtr> weights = random_variables(shapes);
  Dims dims(image.begin(), image.end());
  dims[0] = Dim::unknown("batch");
  const ProgramPtr program = optimize(record(body, dims, weights));
  REQUIRE(chains(*program) == 1);
  REQUIRE(program->steps.size() == 1);
  Executable executable(program);
  const int threads = thread_count();
  for (const std::int64_t batch : {0, 1, 3, 9}) {
    CAPTURE(batch);
    const Tensor in = random_tensor({batch, image[1], image[2], image[3]}, 7);
    const Tensor wanted = body(Value(in), test::read(weights)).tensor();
    set_thread_count(1);
    const Tensor got = executable.run(std::span(&in, 1))[0].clone();
    REQUIRE(got.shape() == wanted.shape());
    for (std::int64_t i = 0; i < got.elements(); ++i) {
      const float a = got.data_as<float>()[i], b = wanted.data_as<float>()[i];
      REQUIRE(std::abs(a - b) <= tolerance * (1 + std::abs(b)));
    }
    for (const int count : {2, 3}) {
      set_thread_count(count);
      const Tensor again = executable.run(std::span(&in, 1))[0];
      REQUIRE(test::values(again) == test::values(got));
    }
  }
  set_thread_count(threads);
}

Body mobile_block(std::int64_t stride, bool shortcut) {
  return [=](const Value& x, const Values& w) {
    const Value wide = conv(x, w[0], w[1]);
    const Value seen = apply_one(operation_named("relu"), {depthwise(wide, w[2], stride) + w[3]});
    const Value narrow = apply_one(operation_named("conv"), {seen, w[4]}, windows(1)) + w[5];
    return shortcut ? x + narrow : narrow;
  };
}

}  // namespace

TEST_CASE("an expansion, a depthwise convolution and a projection are one chain") {
  const std::vector<Shape> w = {{1, 1, 20, 72}, {72}, {3, 3, 72, 1}, {72}, {1, 1, 72, 20}, {20}};
  check(mobile_block(1, true), {1, 37, 41, 20}, w, 1e-5);
  check(mobile_block(2, false), {1, 37, 41, 20}, w, 1e-5);
  check(mobile_block(2, false), {1, 56, 30, 20}, w, 1e-5);
}

TEST_CASE("a depthwise convolution and the projection behind it are one chain") {
  for (const std::int64_t stride : {1, 2}) {
    const Body separable = [&](const Value& x, const Values& w) {
      return conv(depthwise(x, w[0], stride), w[1], w[2]);
    };
    check(separable, {1, 39, 43, 65}, {{3, 3, 65, 1}, {1, 1, 65, 31}, {31}}, 1e-5);
    check(separable, {1, 66, 43, 65}, {{5, 5, 65, 1}, {1, 1, 65, 1}, {1}}, 1e-5);
  }
}

TEST_CASE("a chain begins with any convolution, Winograd's too") {
  const Body body = [](const Value& x, const Values& w) {
    return conv(depthwise(conv(x, w[0], w[1]), w[2], 1), w[3], w[4]);
  };
  check(body, {1, 41, 37, 3}, {{5, 5, 3, 32}, {32}, {3, 3, 32, 1}, {1, 1, 32, 16}, {16}}, 1e-5);
  check(body, {1, 34, 36, 32}, {{3, 3, 32, 32}, {32}, {3, 3, 32, 1}, {1, 1, 32, 16}, {16}}, 1e-4);
}

TEST_CASE("a chain passes NaN on where its steps do") {
  const Body body = mobile_block(2, false);
  const std::vector<VariablePtr> weights =
      random_variables({{1, 1, 20, 72}, {72}, {3, 3, 72, 1}, {72}, {1, 1, 72, 20}, {20}});
  const ProgramPtr program = optimize(record(body, {Dim::unknown("batch"), 40, 40, 20}, weights));
  REQUIRE(chains(*program) == 1);
  Tensor in = random_tensor({1, 40, 40, 20}, 3);
  in.data_as<float>()[(17 * 40 + 11) * 20] = std::numeric_limits<float>::quiet_NaN();
  const Tensor got = Executable(program).run(std::span(&in, 1))[0];
  const Tensor wanted = body(Value(in), test::read(weights)).tensor();
  std::int64_t nans = 0;
  for (std::int64_t i = 0; i < got.elements(); ++i) {
    nans += std::isnan(got.data_as<float>()[i]) ? 1 : 0;
    REQUIRE(std::isnan(got.data_as<float>()[i]) == std::isnan(wanted.data_as<float>()[i]));
  }
  CHECK(nans > 0);
}

TEST_CASE("images that others read and weights that change are left alone") {
  const Dims image{Dim::unknown("batch"), 40, 40, 64};
  const std::vector<VariablePtr> weights = random_variables({{3, 3, 64, 1}, {1, 1, 64, 16}, {16}});
  const Body separable = [](const Value& x, const Values& w) { return conv(depthwise(x, w[0], 1), w[1], w[2]); };
  CHECK(chains(*optimize(record(separable, image, weights))) == 1);
  const Body read_twice = [](const Value& x, const Values& w) {
    const Value y = depthwise(x, w[0], 1);
    return sum(y, {0, 1, 2, 3}) + sum(conv(y, w[1], w[2]), {0, 1, 2, 3});
  };
  CHECK(chains(*optimize(record(read_twice, image, weights))) == 0);
  const Body given = [](const Value& x, const Values& w) {
    const Value changing = reshape(slice(x, {0, 0, 0, 0}, {1, 1, 16, 64}, {1, 1, 1, 1}), {1, 1, 64, 16});
    return conv(depthwise(x, w[0], 1), changing, w[2]);
  };
  CHECK(chains(*optimize(record(given, {Dim(2), 40, 40, 64}, weights))) == 0);
}

TEST_CASE("convolutions with pads as wide as their windows stay steps of their own, and run") {
  const auto padded = [](const char* name, const Value& x, const Value& w, std::vector<std::int64_t> pads) {
    return apply_one(operation_named(name), {x, w},
                     Attributes{{"padding", std::string("explicit")}, {"pads", std::move(pads)}});
  };
  const auto narrow = [](const Value& x, const Value& w) {
    return apply_one(operation_named("conv"), {x, w}, windows(1));
  };
  const Body bodies[] = {
      [&](const Value& x, const Values& w) { return narrow(padded("depthwise_conv", x, w[0], {3, 0, 0, 0}), w[1]); },
      [&](const Value& x, const Values& w) { return narrow(padded("depthwise_conv", x, w[0], {1, 1, 1, 4}), w[1]); },
      [&](const Value& x, const Values& w) { return padded("conv", depthwise(x, w[0], 1), w[1], {1, 1, 1, 1}); },
      [&](const Value& x, const Values& w) {
        return narrow(depthwise(pad(x, {0, 4, 4, 0}, {0, 0, 4, 0}), w[0], 1), w[1]);
      },
  };
  const std::vector<VariablePtr> weights = random_variables({{3, 3, 64, 1}, {1, 1, 64, 16}});
  const Tensor in = random_tensor({2, 40, 40, 64}, 7);
  for (const Body& body : bodies) {
    CAPTURE(&body - bodies);
    const ProgramPtr program = optimize(record(body, {Dim::unknown("batch"), 40, 40, 64}, weights));
    const Tensor got = Executable(program).run(std::span(&in, 1))[0];
    const Tensor wanted = body(Value(in), test::read(weights)).tensor();
    REQUIRE(got.shape() == wanted.shape());
    for (std::int64_t i = 0; i < got.elements(); ++i)
      REQUIRE(got.data_as<float>()[i] == doctest::Approx(wanted.data_as<float>()[i]).epsilon(1e-4));
  }
}
