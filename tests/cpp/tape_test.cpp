#include "addax/tape.h"

#include <doctest/doctest.h>

#include <thread>

#include "addax/control.h"
#include "addax/ops.h"

using namespace addax;
using namespace addax::ops;

namespace {

double item(const Value& v) { return v.tensor().item(); }
Value scalar(double x) { return Value(Tensor::scalar<double>(x)); }

}  // namespace

TEST_CASE("a gradient follows the chain rule and adds up over every use") {
  const Value x = scalar(3);
  Tape tape;
  tape.watch(x);
  tape.start();
  const Value y = x * x + x * 2.0;
  CHECK(item(tape.gradient({y}, {x})[0]) == doctest::Approx(8));
}

TEST_CASE("gradients of gradients come from an outer tape") {
  const Value x = scalar(2);
  Tape outer(true);
  outer.watch(x);
  outer.start();
  Tape inner;
  inner.watch(x);
  inner.start();
  const Value y = x * x * x;
  const Value dy = inner.gradient({y}, {x})[0];
  inner.stop();
  CHECK(item(dy) == doctest::Approx(12));
  const Value ddy = outer.gradient({dy}, {x})[0];
  CHECK(item(ddy) == doctest::Approx(12));
}

TEST_CASE("trainable variables are watched when they are read, others are not") {
  const auto w = std::make_shared<Variable>(Tensor::scalar<double>(5), "w", true);
  const auto frozen = std::make_shared<Variable>(Tensor::scalar<double>(7), "frozen", false);
  Tape tape(true);
  tape.start();
  const Value y = Variable::read(w) * Variable::read(frozen);
  const Values g = tape.gradient({y}, {tape.value_of(w), tape.value_of(frozen)});
  CHECK(item(g[0]) == doctest::Approx(7));
  CHECK_FALSE(g[1]);
}

TEST_CASE("a variable that is assigned and read again gets the sum of both readings' gradients") {
  const auto w = std::make_shared<Variable>(Tensor::scalar<double>(3), "w", true);
  Tape tape(true);
  tape.start();
  const Value before = Variable::read(w) * Variable::read(w);
  Variable::assign(w, Variable::read(w) + 1.0);
  const Value after = Variable::read(w) * Variable::read(w);
  CHECK(item(tape.gradient_by({before}, {w})[0]) == doctest::Approx(6));
  CHECK(item(tape.gradient_by({after}, {w})[0]) == doctest::Approx(8));
  CHECK(item(tape.gradient_by({before + after}, {w})[0]) == doctest::Approx(14));
}

TEST_CASE("a source that does not lead to the target has no gradient") {
  const Value x = scalar(1), z = scalar(1);
  Tape tape;
  tape.watch(x);
  tape.watch(z);
  tape.start();
  const Value y = x * 2.0;
  const Values g = tape.gradient({y}, {z});
  CHECK_FALSE(g[0]);
}

TEST_CASE("the memory of a broadcast value gets the sum of the gradient") {
  const Value bias(Tensor::of<double>({3}, {1, 2, 3}));
  const Value x(Tensor::of<double>({2, 3}, {1, 2, 3, 4, 5, 6}));
  Tape tape;
  tape.watch(bias);
  tape.start();
  const Value y = sum(x * bias, {0, 1});
  const Value g = tape.gradient({y}, {bias})[0];
  CHECK(g.tensor().data_as<double>()[0] == 5);
  CHECK(g.tensor().data_as<double>()[2] == 9);
}

TEST_CASE("an upstream gradient of another shape than its target is an error") {
  const Value x(Tensor::of<double>({2}, {1, 2}));
  Tape tape;
  tape.watch(x);
  tape.start();
  const Value y = x * 2.0;
  CHECK_THROWS_WITH_AS(tape.gradient({y}, {x}, {scalar(1)}),
                       "gradient: a target of shape (2,) has an upstream gradient of shape ()", Error);
}

TEST_CASE("a tape may be destroyed on another thread than the one that it writes for") {
  const Value x = scalar(3);
  auto tape = std::make_unique<Tape>();
  tape->watch(x);
  tape->start();
  std::thread([&] { tape.reset(); }).join();
  CHECK(item(x * x) == 9);
}

TEST_CASE("a very long chain of operations is walked back and released without recursion") {
  const Value x = scalar(1);
  Tape tape;
  tape.watch(x);
  tape.start();
  Value y = x;
  for (int i = 0; i < 100000; ++i) y = y + x;
  CHECK(item(tape.gradient({y}, {x})[0]) == 100001);
}

TEST_CASE("second derivatives go through scan and cond") {
  // y = x · (x · (x · 1)) = x³ by a scan that multiplies, then x³ · x or x³ by a branch.
  for (const bool which : {true, false}) {
    const Value x = scalar(2);
    Tape outer(true);
    outer.watch(x);
    outer.start();
    Tape inner;
    inner.watch(x);
    inner.start();
    const ScanResult r =
        scan([&](const Values& carry, const Values&) { return std::pair(Values{carry[0] * x}, Values{}); }, {scalar(1)},
             {}, 3);
    const Value y = cond(
        Value(Tensor::scalar<bool>(which)), [&] { return Values{r.carry[0] * x}; },
        [&] { return Values{r.carry[0]}; })[0];
    const Value first = inner.gradient({y}, {x})[0];
    CHECK(item(first) == doctest::Approx(which ? 32 : 12));
    CHECK(item(outer.gradient({first}, {x})[0]) == doctest::Approx(which ? 48 : 12));
  }
}
