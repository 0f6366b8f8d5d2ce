// Products with weights that stay as they are read them packed, with the same results.
#include <doctest/doctest.h>

#include <cmath>
#include <string_view>

#include "addax/ops.h"
#include "addax/replay.h"
#include "numbers.h"
#include "ops/operation.h"
#include "program/prologue.h"
#include "programs.h"

using namespace addax;
using namespace addax::ops;
using test::record;

namespace {

VariablePtr variable(const Shape& shape, std::uint32_t seed) {
  test::Numbers numbers(seed);
  return std::make_shared<Variable>(Tensor::of<float>(shape, numbers.vector<float>(shape.elements())), "w", true);
}

int count(const Program& program, std::string_view name) {
  int n = 0;
  for (const Step& step : program.steps) n += step.operation->name == name;
  return n;
}

int packed(const Program& program) {
  return program.prologue == nullptr ? 0 : count(program.prologue->program(), "matmul_pack");
}

Spec rows_of(std::int64_t k) { return {DType::float32, {Dim::unknown("batch"), Dim(k)}}; }

}  // namespace

TEST_CASE("a product with packed weights is the product, for any number of rows") {
  for (const bool transposed : {false, true}) {
    CAPTURE(transposed);
    const VariablePtr w = variable(transposed ? Shape{100, 60} : Shape{60, 100}, 1), bias = variable({100}, 2);
    const ProgramPtr recorded = record([&](Recording& r) -> Values {
      const Value x = r.input("x", rows_of(60));
      const auto product = [&](const Value& a) { return matmul(a, Variable::read(w), false, transposed); };
      return {apply_one(operation_named("relu"), {product(x) + Variable::read(bias)}), product(x * x)};
    });
    const ProgramPtr program = optimize(recorded);
    REQUIRE(packed(*program) == 1);
    Executable fast(program), plain(recorded);
    for (const std::int64_t m : {0, 1, 2, 7, 33}) {
      CAPTURE(m);
      test::Numbers numbers(3);
      const std::vector<Tensor> x{Tensor::of<float>({m, 60}, numbers.vector<float>(m * 60))};
      const std::vector<Tensor> got = fast.run(x), wanted = plain.run(x);
      for (std::size_t o = 0; o < 2; ++o) {
        REQUIRE(got[o].shape() == wanted[o].shape());
        for (std::int64_t i = 0; i < m * 100; ++i)
          REQUIRE(std::abs(got[o].data_as<float>()[i] - wanted[o].data_as<float>()[i]) < 1e-5f);
      }
    }
  }
}

TEST_CASE("packed weights follow the variable, and products share them") {
  const VariablePtr w = variable({80, 80}, 4);
  const ProgramPtr program = optimize(record([&](Recording& r) -> Values {
    return {matmul(matmul(r.input("x", rows_of(80)), Variable::read(w)), Variable::read(w))};
  }));
  REQUIRE(packed(*program) == 1);
  Executable executable(program);
  test::Numbers numbers(5);
  const std::vector<Tensor> x{Tensor::of<float>({3, 80}, numbers.vector<float>(240))};
  executable.run(x);
  std::vector<float> twice(6400, 0.0f);
  for (std::size_t i = 0; i < 80; ++i) twice[i * 81] = 2.0f;
  Variable::assign(w, Value(Tensor::of<float>({80, 80}, twice)));
  const Tensor y = executable.run(x)[0];
  for (std::int64_t i = 0; i < 240; ++i) REQUIRE(y.data_as<float>()[i] == 4 * x[0].data_as<float>()[i]);
}

TEST_CASE("weights that the program assigns, small ones and single rows are read as they lie") {
  const VariablePtr w = variable({80, 80}, 6), small = variable({8, 8}, 7);
  const ProgramPtr train = optimize(record([&](Recording& r) -> Values {
    const Value y = matmul(r.input("x", rows_of(80)), Variable::read(w));
    Variable::assign(w, Variable::read(w) + sum(y, {0}));
    return {y};
  }));
  CHECK(packed(*train) == 0);
  const ProgramPtr tiny = optimize(
      record([&](Recording& r) -> Values { return {matmul(r.input("x", rows_of(8)), Variable::read(small))}; }));
  CHECK(packed(*tiny) == 0);
  const ProgramPtr row = optimize(record([&](Recording& r) -> Values {
    return {matmul(r.input("x", {DType::float32, {Dim(1), Dim(80)}}), Variable::read(w))};
  }));
  CHECK(packed(*row) == 0);
}
