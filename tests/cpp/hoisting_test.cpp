// Steps that depend on state alone run once, and again when the state has changed.
#include <doctest/doctest.h>

#include "addax/ops.h"
#include "addax/replay.h"
#include "ops/operation.h"
#include "program/prologue.h"
#include "programs.h"

using namespace addax;
using namespace addax::ops;
using test::record;
using test::values;
using test::variable;

namespace {

const Spec kRow{DType::float32, {Dim::unknown("batch"), Dim(2)}};

std::vector<float> run(Executable& executable, std::vector<float> x) {
  const std::vector<Tensor> in{Tensor::of<float>({static_cast<std::int64_t>(x.size()) / 2, 2}, x)};
  return values(executable.run(in)[0]);
}

}  // namespace

TEST_CASE("what depends on weights alone leaves the program") {
  const VariablePtr w = variable({2}, {2, 3}, "w"), s = variable({2}, {5, 7}, "s");
  const ProgramPtr program = optimize(record(
      [&](Recording& r) -> Values { return {r.input("x", kRow) * exp(Variable::read(w) * Variable::read(s))}; }));
  REQUIRE(program->prologue != nullptr);
  CHECK(program->steps.size() == 1);
  CHECK(program->prologue->program().steps.size() == 1);  // fused
}

TEST_CASE("the kept results follow the weights, whoever writes them") {
  const VariablePtr w = variable({2}, {2, 3}, "w"), s = variable({2}, {5, 7}, "s");
  Executable predict(optimize(
      record([&](Recording& r) -> Values { return {r.input("x", kRow) * (Variable::read(w) * Variable::read(s))}; })));
  CHECK(run(predict, {1, 1}) == std::vector<float>{10, 21});
  CHECK(run(predict, {1, 1, 2, 2}) == std::vector<float>{10, 21, 20, 42});
  Variable::assign(w, Value(Tensor::of<float>({2}, {1, 1})));
  CHECK(run(predict, {1, 1}) == std::vector<float>{5, 7});
  Executable train(optimize(record([&](Recording& r) -> Values {
    const Value x = r.input("x", kRow);
    Variable::assign(s, Variable::read(s) + sum(x, {0}));
    return {x};
  })));
  run(train, {10, 20});
  CHECK(run(predict, {1, 1}) == std::vector<float>{15, 27});
  CHECK(run(predict, {1, 1, 2, 2}) == std::vector<float>{15, 27, 30, 54});
}

TEST_CASE("what the program assigns, and what is made of it, stays in the program") {
  const VariablePtr w = variable({2}, {2, 3}, "w"), frozen = variable({2}, {5, 7}, "frozen");
  const ProgramPtr program = optimize(record([&](Recording& r) -> Values {
    const Value y = r.input("x", kRow) * exp(Variable::read(w)) * exp(Variable::read(frozen));
    Variable::assign(w, Variable::read(w) + sum(y, {0}));
    return {y};
  }));
  REQUIRE(program->prologue != nullptr);
  REQUIRE(program->prologue->program().steps.size() == 1);
  CHECK(program->prologue->program().variables[0] == frozen);
}

TEST_CASE("results much larger than the state are made in every run") {
  const VariablePtr w = variable({2}, {2, 3}, "w");
  const ProgramPtr program = optimize(record([&](Recording& r) -> Values {
    return {r.input("x", kRow), sum(broadcast_to(Variable::read(w), {Dim(1 << 20), Dim(2)}), {0})};
  }));
  CHECK(program->prologue == nullptr);
}

TEST_CASE("an output that depends on state alone is there") {
  const VariablePtr w = variable({2}, {2, 3}, "w");
  Executable executable(optimize(record([&](Recording& r) -> Values {
    r.input("x", kRow);
    return {Variable::read(w) * Variable::read(w)};
  })));
  CHECK(run(executable, {1, 1}) == std::vector<float>{4, 9});
  CHECK(run(executable, {}) == std::vector<float>{4, 9});
}

TEST_CASE("a program that was optimised already keeps its prologue") {
  const VariablePtr w = variable({2}, {2, 3}, "w");
  const ProgramPtr once = optimize(record(
      [&](Recording& r) -> Values { return {r.input("x", kRow) * exp(Variable::read(w) * Variable::read(w))}; }));
  REQUIRE(once->prologue != nullptr);
  CHECK(optimize(once)->prologue == once->prologue);
}
