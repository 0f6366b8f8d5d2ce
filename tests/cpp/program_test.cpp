// Recording, planning and replay. Counts heap allocations by replacing operator new for the whole test program.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "addax/control.h"
#include "addax/ops.h"
#include "addax/session.h"
#include "addax/tape.h"
#include "ops/operation.h"

using namespace addax;
using namespace addax::ops;

namespace {

std::atomic<std::int64_t> allocations{0};

ProgramPtr record(const std::function<Values(Recording&)>& f) {
  const auto recording = Recording::begin();
  struct End {
    Recording& r;
    ~End() { r.end(); }
  } end{*recording};
  return recording->finish(f(*recording));
}

Spec floats(const Dims& dims) { return {DType::float32, dims}; }
const Dim kBatch = Dim::unknown("batch");

std::vector<float> values(const Tensor& t) { return {t.data_as<float>(), t.data_as<float>() + t.elements()}; }

VariablePtr variable(const Shape& shape, std::vector<float> v, const char* name) {
  return std::make_shared<Variable>(Tensor::of<float>(shape, v), name, true);
}

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  ++allocations;
  const auto a = static_cast<std::size_t>(alignment);
  if (void* p = std::aligned_alloc(a, (size + a - 1) / a * a)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

TEST_CASE("a program recorded with an unknown batch runs at any batch, 0 included") {
  const ProgramPtr program = record([](Recording& r) {
    const Value x = r.input("x", floats({kBatch, 2}));
    return Values{sum(reshape(x, {kBatch * 2}), {0}), x * 2.0};
  });
  Executable executable(optimize(program));
  for (const std::int64_t batch : {0, 1, 5}) {
    const Tensor x = Tensor::of<float>({batch, 2}, std::vector<float>(static_cast<std::size_t>(batch * 2), 1.5F));
    const std::vector<Tensor> out = executable.run(std::vector{x});
    CHECK(out[0].item() == doctest::Approx(3.0 * static_cast<double>(batch)));
    CHECK(out[1].shape() == Shape{batch, 2});
  }
}

TEST_CASE("inputs that disagree about an unknown, or do not fit, are errors that name the input") {
  const ProgramPtr program = record([](Recording& r) {
    const Value x = r.input("x", floats({kBatch, 2}));
    const Value y = r.input("y", floats({kBatch}));
    return Values{sum(x, {1}) + y};
  });
  Executable executable(program);
  const Tensor x = Tensor::zeros(DType::float32, {3, 2}), y = Tensor::zeros(DType::float32, {4});
  CHECK_THROWS_WITH_AS(executable.run(std::vector{x, y}),
                       "input 'y' has size 4 along axis 0 ('batch'), which another input gives as 3", Error);
  CHECK_THROWS_WITH_AS(executable.run(std::vector{y, y}), "input 'x' must have shape (batch, 2); received shape (4,)",
                       Error);
}

TEST_CASE("variables are read and assigned, and old values that others hold stay what they were") {
  const VariablePtr w = variable({2}, {1, 2}, "w");
  const ProgramPtr program = record([&](Recording& r) {
    const Value x = r.input("x", floats({2}));
    const Value old = Variable::read(w);
    Variable::assign(w, old + x);
    CHECK(Variable::read(w).symbolic());
    return Values{old};
  });
  const Value held = w->concrete();
  Executable executable(optimize(program));
  const std::vector<Tensor> out = executable.run(std::vector{Tensor::of<float>({2}, {10, 20})});
  CHECK(values(out[0]) == std::vector<float>{1, 2});
  CHECK(values(w->tensor()) == std::vector<float>{11, 22});
  CHECK(values(held.tensor()) == std::vector<float>{1, 2});
}

TEST_CASE("two variables can exchange their values") {
  const VariablePtr a = variable({1}, {1}, "a"), b = variable({1}, {2}, "b");
  const ProgramPtr program = record([&](Recording&) {
    const Value va = Variable::read(a), vb = Variable::read(b);
    Variable::assign(a, vb);
    Variable::assign(b, va);
    return Values{};
  });
  Executable(optimize(program)).run({});
  CHECK(values(a->tensor()) == std::vector<float>{2});
  CHECK(values(b->tensor()) == std::vector<float>{1});
}

TEST_CASE("a training step replays without a single heap allocation") {
  const VariablePtr w = variable({3, 2}, {1, 2, 3, 4, 5, 6}, "w");
  const ProgramPtr program = record([&](Recording& r) {
    const Value x = r.input("x", floats({kBatch, 3}));
    Tape tape;
    tape.start();
    const Value y = tanh(matmul(x, Variable::read(w)));
    const Value loss = mean(square(y), {0, 1});
    const Value wv = tape.value_of(w);
    const Value g = tape.gradient({loss}, {wv})[0];
    Variable::assign(w, wv - g * 0.1);
    return Values{loss};
  });
  Session session(optimize(program), std::vector<Shape>{{64, 3}});
  const Tensor x = Tensor::of<float>({64, 3}, std::vector<float>(192, 0.1F));
  float first = 0, loss = 0;
  const void* in[] = {x.data()};
  void* out[] = {&loss};
  session.run(in, out);
  first = loss;
  const std::int64_t before = allocations;
  for (int i = 0; i < 100; ++i) session.run(in, out);
  CHECK(allocations - before == 0);
  CHECK(loss < first);
}

TEST_CASE("masks and sums of a max pooling's gradient move to the pooled side and give the same numbers") {
  for (const std::int64_t stride : {2, 1}) {  // windows apart, and windows that overlap
    const ProgramPtr program = record([&](Recording& r) {
      const Value x = r.input("x", floats({kBatch, 5, 6, 3}));
      const Value bias = r.input("bias", floats({3}));
      Tape tape;
      tape.start();
      tape.watch(x);
      tape.watch(bias);
      const Value pooled = apply(operation_named("max_pool"), Values{apply_one(operation_named("relu"), {x + bias})},
                                 {{"pool_size", std::vector<std::int64_t>{2, 2}},
                                  {"strides", std::vector<std::int64_t>{stride, stride}},
                                  {"padding", std::string("same")}})[0];
      const Value loss = sum(square(pooled), {0, 1, 2, 3});
      return tape.gradient({loss}, {x, bias});
    });
    const ProgramPtr optimized = optimize(program);
    const auto maker_of_first = [](const Program& p) -> std::string_view {
      const Slot& slot = p.slots[static_cast<std::size_t>(p.outputs[0])];
      return p.steps[static_cast<std::size_t>(slot.index)].operation->name;
    };
    CHECK(maker_of_first(*program) == "where");
    CHECK(maker_of_first(*optimized) == "max_pool_gradient");
    std::vector<float> numbers(2 * 5 * 6 * 3);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>((i * 37) % 23) - 11;
    const std::vector<Tensor> in = {Tensor::of<float>({2, 5, 6, 3}, numbers), Tensor::of<float>({3}, {0.5, -2, 1})};
    const std::vector<Tensor> plain = Executable(program).run(in), moved = Executable(optimized).run(in);
    CHECK(values(plain[0]) == values(moved[0]));
    for (std::size_t c = 0; c < 3; ++c) CHECK(values(moved[1])[c] == doctest::Approx(values(plain[1])[c]));
  }
}

TEST_CASE("scan equals the loop written out, in value and gradient, and assigns what its body assigns") {
  const Value init(Tensor::scalar<double>(1));
  const Value xs(Tensor::of<double>({3}, {2, 3, 4}));
  const Value w(Tensor::scalar<double>(0.5));
  const auto count = std::make_shared<Variable>(Tensor::scalar<std::int64_t>(0), "count", false);
  Tape tape(true);
  for (const Value& v : {init, xs, w}) tape.watch(v);
  tape.start();
  const ScanResult r = scan(
      [&](const Values& carry, const Values& x) {
        Variable::assign(count, Variable::read(count) + Value(Tensor::scalar<std::int64_t>(1)));
        const Value next = carry[0] * w + x[0];
        return std::pair(Values{next}, Values{next * next});
      },
      {init}, {xs}, 3);
  // 2.5, 4.25, 6.125
  CHECK(r.carry[0].tensor().item() == doctest::Approx(6.125));
  CHECK(r.ys[0].tensor().data_as<double>()[1] == doctest::Approx(4.25 * 4.25));
  CHECK(count->tensor().item() == 3);
  const Values g = tape.gradient({r.carry[0]}, {init, xs, w});
  CHECK(g[0].tensor().item() == doctest::Approx(0.125));
  CHECK(g[1].tensor().data_as<double>()[0] == doctest::Approx(0.25));
  CHECK(g[2].tensor().item() == doctest::Approx(4.25 + 0.5 * 2.5 + 0.25 * 1));
}

TEST_CASE("cond takes one branch and its gradient; while_loop runs until its condition fails") {
  for (const bool which : {true, false}) {
    const Value x(Tensor::scalar<double>(3));
    Tape tape;
    tape.watch(x);
    tape.start();
    const Value y =
        cond(Value(Tensor::scalar<bool>(which)), [&] { return Values{x * x}; }, [&] { return Values{x * 10.0}; })[0];
    CHECK(y.tensor().item() == (which ? 9 : 30));
    CHECK(tape.gradient({y}, {x})[0].tensor().item() == doctest::Approx(which ? 6 : 10));
  }
  const Value limit(Tensor::scalar<double>(100));
  const Values out = while_loop([&](const Values& v) { return less(v[0], limit); },
                                [](const Values& v) { return Values{v[0] * 2.0}; }, {Value(Tensor::scalar<double>(3))});
  CHECK(out[0].tensor().item() == 192);
}
