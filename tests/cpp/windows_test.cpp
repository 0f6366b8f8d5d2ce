// Windows that slide over images: sizes that no memory bounds, as a file from a stranger may have them, neither crash
// nor take forever.
#include <doctest/doctest.h>

#include <initializer_list>

#include "addax/ops.h"
#include "ops/operation.h"
#include "programs.h"

using namespace addax;
using namespace addax::ops;

namespace {

constexpr std::int64_t kHuge = std::int64_t{1} << 28;

Value zeros(const Shape& shape) {
  return Value(Tensor::of<float>(shape, std::vector<float>(static_cast<std::size_t>(shape.elements()))));
}

Tensor run(const char* name, std::initializer_list<Value> inputs, const Attributes& attributes) {
  return apply(operation_named(name), Values(inputs), attributes)[0].tensor();
}

Attributes pooling(std::vector<std::int64_t> size, std::vector<std::int64_t> strides = {}) {
  return {{"pool_size", std::move(size)}, {"strides", std::move(strides)}, {"padding", std::string("same")}};
}

Attributes with(Attributes attributes, const char* name, Attribute value) {
  attributes.set(name, std::move(value));
  return attributes;
}

bool all_zero(const Tensor& t) {
  const std::vector<float> values = test::values(t);
  return std::all_of(values.begin(), values.end(), [](float v) { return v == 0; });
}

}  // namespace

TEST_CASE("a pooling window of more elements than an index can count is refused") {
  const Value image = test::random_tensor({1, 2, 2, 2, 3}, 1);
  const Attributes huge = pooling({kHuge, kHuge, kHuge});
  CHECK_THROWS_AS(run("max_pool", {image}, huge), Error);
  CHECK_THROWS_AS(run("average_pool", {image}, huge), Error);
  CHECK_THROWS_AS(run("average_pool_gradient", {image}, with(huge, "shape", Dims{1, 2, 2, 2, 3})), Error);
  CHECK_THROWS_AS(run("average_pool", {image}, pooling({1 << 12, 1 << 12, 1 << 12})), Error);
}

TEST_CASE("a pooling window far larger than its image costs what the image costs") {
  const Tensor image = test::random_tensor({1, 3, 2, 3}, 1);
  const Attributes wide = pooling({1 << 15, 1 << 15});
  const Tensor average = run("average_pool", {image}, wide), max = run("max_pool", {image}, wide);
  for (int c = 0; c < 3; ++c) {
    float sum = 0, best = -2;
    for (int i = 0; i < 6; ++i) {
      sum += image.data_as<float>()[3 * i + c];
      best = std::max(best, image.data_as<float>()[3 * i + c]);
    }
    for (int i = 0; i < 6; ++i) {
      CHECK(average.data_as<float>()[3 * i + c] == doctest::Approx(sum / 6));
      CHECK(max.data_as<float>()[3 * i + c] == best);
    }
  }
  const Tensor back = run("average_pool_gradient", {image}, with(wide, "shape", to_dims(image.shape())));
  CHECK(back.data_as<float>()[0] == doctest::Approx(average.data_as<float>()[0]));
}

TEST_CASE("pooling an image of no channels takes no time, however large it is") {
  for (const Shape& shape : {Shape{1, kHuge, kHuge, 0}, Shape{0, kHuge, kHuge, 3}}) {
    const Value image = zeros(shape);
    for (const char* name : {"max_pool", "average_pool"})
      CHECK(run(name, {image}, pooling({2, 2}, {1, 1})).shape() == shape);
    const Attributes back = with(pooling({2, 2}, {1, 1}), "shape", to_dims(shape));
    CHECK(run("average_pool_gradient", {image}, back).shape() == shape);
  }
}

TEST_CASE("a kernel without values has no taps, however large it says it is") {
  const Attributes same{{"padding", std::string("same")}};
  const Value image = test::random_tensor({2, 4, 5, 3}, 1), nothing = zeros({2, 4, 5, 0});
  for (const std::int64_t size : {std::int64_t{1}, kHuge}) {
    CAPTURE(size);
    CHECK(run("conv", {image, zeros({size, size, 3, 0})}, same).shape() == Shape{2, 4, 5, 0});
    const Tensor y = run("conv", {nothing, zeros({size, size, 0, 6})}, same);
    CHECK(y.shape() == Shape{2, 4, 5, 6});
    CHECK(all_zero(y));
    const Tensor dx =
        run("conv_data_gradient", {nothing, zeros({size, size, 3, 0})}, with(same, "shape", Dims{2, 4, 5, 3}));
    CHECK(dx.shape() == Shape{2, 4, 5, 3});
    CHECK(all_zero(dx));
    CHECK(run("conv_kernel_gradient", {image, nothing}, with(same, "kernel_size", std::vector{size, size})).shape() ==
          Shape{size, size, 3, 0});
    CHECK(run("depthwise_conv", {image, zeros({size, size, 3, 0})}, same).shape() == Shape{2, 4, 5, 0});
    CHECK(
        run("depthwise_conv_data_gradient", {nothing, zeros({size, size, 3, 0})}, with(same, "shape", Dims{2, 4, 5, 3}))
            .shape() == Shape{2, 4, 5, 3});
    CHECK(run("depthwise_conv_kernel_gradient", {nothing, nothing}, with(same, "kernel_size", std::vector{size, size}))
              .shape() == Shape{size, size, 0, 0});
  }
}

TEST_CASE("a bias goes into the result of a kernel without values") {
  const Attributes same{{"padding", std::string("same")}, {"bias", true}};
  const Value bias = test::random_tensor({6}, 2);
  const Tensor y = run("conv_epilogue", {zeros({2, 4, 5, 0}), zeros({kHuge, kHuge, 0, 6}), bias}, same);
  for (std::int64_t i = 0; i < y.elements(); ++i) CHECK(y.data_as<float>()[i] == bias.tensor().data_as<float>()[i % 6]);
}

TEST_CASE("images of no samples or no channels take no time, however large they are") {
  const Attributes same{{"padding", std::string("same")}};
  const Value image = zeros({0, kHuge, kHuge, 3}), w = test::random_tensor({3, 3, 3, 4}, 1);
  CHECK(run("conv", {image, w}, same).shape() == Shape{0, kHuge, kHuge, 4});
  const Tensor dw = run("conv_kernel_gradient", {image, zeros({0, kHuge, kHuge, 4})},
                        with(same, "kernel_size", std::vector<std::int64_t>{3, 3}));
  CHECK(dw.shape() == Shape{3, 3, 3, 4});
  CHECK(all_zero(dw));
  const Value slim = zeros({1, kHuge, kHuge, 0});
  CHECK(run("conv", {slim, zeros({3, 3, 0, 0})}, same).shape() == Shape{1, kHuge, kHuge, 0});
  CHECK(run("depthwise_conv", {slim, zeros({3, 3, 0, 1})}, same).shape() == Shape{1, kHuge, kHuge, 0});
  CHECK(all_zero(run("depthwise_conv_kernel_gradient", {image, image},
                     with(same, "kernel_size", std::vector<std::int64_t>{3, 3}))));
}

TEST_CASE("packed weights that are fewer than the kernel they claim to be are refused") {
  const Attributes same{{"padding", std::string("same")}};
  const Value image = test::random_tensor({2, 4, 5, 4}, 1);
  const auto claim = [&](std::vector<std::int64_t> kernel) { return with(same, "kernel", std::move(kernel)); };
  CHECK_THROWS_AS(run("conv_epilogue", {image, zeros({0})}, claim({kHuge, kHuge, 4, 16})), Error);
  CHECK_THROWS_AS(run("conv_epilogue", {image, zeros({0})}, claim({kHuge, kHuge, 4, 64})), Error);
}
