// Recording, planning and replay.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "addax/control.h"
#include "addax/ops.h"
#include "addax/replay.h"
#include "addax/tape.h"
#include "allocations.h"
#include "ops/operation.h"
#include "programs.h"

using namespace addax;
using namespace addax::ops;
using test::record;
using test::values;
using test::variable;

namespace {

Spec floats(const Dims& dims) { return {DType::float32, dims}; }
const Dim kBatch = Dim::unknown("batch");

}  // namespace

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
  Replay replay(optimize(program), std::vector<Shape>{{64, 3}});
  const Tensor x = Tensor::of<float>({64, 3}, std::vector<float>(192, 0.1F));
  float first = 0, loss = 0;
  const void* in[] = {x.data()};
  void* out[] = {&loss};
  replay.run(in, out);
  first = loss;
  const std::int64_t before = test::allocations();
  for (int i = 0; i < 100; ++i) replay.run(in, out);
  CHECK(test::allocations() - before == 0);
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

TEST_CASE("a run that fails on its data changes no variable, and the next one works") {
  const VariablePtr w = variable({2}, {1, 2}, "w"), v = variable({2}, {3, 4}, "v");
  const ProgramPtr program = record([&](Recording& r) {
    const Value index = r.input("index", {DType::int32, {1}});
    const Value old = Variable::read(w);
    Variable::assign(w, old + 1.0);
    Variable::assign(v, old * 2.0);
    return Values{gather(Variable::read(v), index, 0)};
  });
  for (const ProgramPtr& p : {program, optimize(program)}) {
    const std::vector<float> before_w = values(w->tensor()), before_v = values(v->tensor());
    Executable executable(p);
    CHECK_THROWS_AS(executable.run(std::vector{Tensor::of<std::int32_t>({1}, {2})}), Error);
    CHECK(values(w->tensor()) == before_w);
    CHECK(values(v->tensor()) == before_v);
    CHECK(executable.run(std::vector{Tensor::of<std::int32_t>({1}, {1})})[0].item() == 2 * before_w[1]);
    CHECK(values(w->tensor())[0] == before_w[0] + 1);
  }
}

TEST_CASE("unknown sizes of which one turns out to be 1 broadcast, in value and gradient") {
  const ProgramPtr program = record([&](Recording& r) {
    const Value x = r.input("x", floats({Dim::unknown("n"), 2})), y = r.input("y", floats({Dim::unknown("m"), 2}));
    Tape tape;
    tape.watch(x);
    tape.start();
    const Value shifted = x + 1.0;
    const Value product = shifted * y;
    const Value total = sum(product, {0, 1});
    return Values{shifted, product, tape.gradient({total}, {x})[0]};
  });
  for (const ProgramPtr& p : {program, optimize(program)}) {
    Executable executable(p);
    const Tensor one = Tensor::of<float>({1, 2}, {1, 2}), three = Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
    std::vector<Tensor> out = executable.run(std::vector{one, three});
    CHECK(out[0].shape() == Shape{1, 2});
    CHECK(values(out[1]) == std::vector<float>{2, 6, 6, 12, 10, 18});
    CHECK(values(out[2]) == std::vector<float>{9, 12});
    out = executable.run(std::vector{three, one});
    CHECK(out[0].shape() == Shape{3, 2});
    CHECK(values(out[2]) == std::vector<float>{1, 2, 1, 2, 1, 2});
    CHECK_THROWS_AS(executable.run(std::vector{three, Tensor::zeros(DType::float32, {2, 2})}), Error);
  }
}

TEST_CASE("an operation whose main result nobody reads still has a place for it") {
  const ProgramPtr program = record([&](Recording& r) {
    const Value x = r.input("x", floats({1, 2, 2, 1}));
    const std::vector<std::int64_t> two{2, 2};
    return Values{apply(operation_named("max_pool"), std::vector{x}, {{"pool_size", two}, {"strides", two}})[1]};
  });
  const std::vector<Tensor> out =
      Executable(optimize(program)).run(std::vector{Tensor::of<float>({1, 2, 2, 1}, {1, 4, 3, 2})});
  CHECK(out[0].data_as<std::uint8_t>()[0] == 1);
}

TEST_CASE("no family of operations allocates in a replay") {
  const VariablePtr w = variable({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}, "w");
  const std::vector<std::int64_t> ones{1, 1}, two{2, 2};
  const ProgramPtr program = record([&](Recording& r) {
    const Value x = r.input("x", floats({kBatch, 3})), image = r.input("image", floats({kBatch, 8, 8, 2}));
    const Value kernel(Tensor::of<float>({3, 3, 2, 2}, std::vector<float>(36, 0.5F)));
    Tape tape;
    tape.watch(x);
    tape.watch(image);
    tape.start();
    Value y =
        apply_one(operation_named("conv"), {image, kernel}, {{"strides", ones}, {"padding", std::string("same")}});
    y = apply(operation_named("max_pool"), std::vector{y}, {{"pool_size", two}, {"strides", two}})[0];
    y = apply_one(operation_named("resize"), {y}, {{"size", Dims{5, 5}}, {"method", std::string("bilinear")}});
    const ScanResult loop = scan(
        [&](const Values& carry, const Values& step) {
          const Value next = tanh(matmul(expand_dims(carry[0] + step[0], 0), Variable::read(w)));
          return std::pair(Values{reshape(next, {3})}, Values{next});
        },
        {Value(Tensor::zeros(DType::float32, {3}))}, {x}, kBatch);
    const Value picked = cond(
        greater(sum(x, {0, 1}), Value(Tensor::scalar<float>(0))), [&] { return Values{x * x}; },
        [&] { return Values{softmax(x, -1)}; })[0];
    const Value loss = sum(y, all_axes(y)) + sum(loop.ys[0], all_axes(loop.ys[0])) + sum(picked, {0, 1}) +
                       sum(gather(x, Value(Tensor::of<std::int32_t>({2}, {0, 1})), 0), {0, 1}) +
                       sum(cumsum(x, 0), {0, 1}) + sum(transpose(pad(x, {1, 0}, {0, 2}), {1, 0}), {0, 1});
    const Values g = tape.gradient({loss}, {x, image, tape.value_of(w)});
    Variable::assign(w, Variable::read(w) - g[2] * 0.01);
    const Values counted = while_loop([&](const Values& v) { return less(v[0], Value(Tensor::scalar<float>(3))); },
                                      [&](const Values& v) { return Values{v[0] + 1.0, v[1] * 2.0}; },
                                      {Value(Tensor::scalar<float>(0)), x});
    const Value key(Tensor::of<std::int64_t>({2}, {1, 2}));
    const Value noise =
        apply_one(operation_named("random_normal"), {key}, {{"shape", Dims{kBatch, 3}}, {"dtype", DType::float32}});
    const Values top = apply(operation_named("top_k"), std::vector{x}, {{"k", std::int64_t{2}}});
    return Values{loss,
                  g[0],
                  g[1],
                  counted[1],
                  noise,
                  top[0],
                  top[1],
                  apply_one(operation_named("sort"), {x}, {{"axis", std::int64_t{0}}}),
                  argsort(x, 1),
                  ops::max(x, {1}),
                  concatenate({x, slice(x, {0, 1}, {kBatch, 3}, {1, 1})}, 1)};
  });
  for (const ProgramPtr& p : {program, optimize(program)}) {
    Replay replay(p, std::vector<Shape>{{4, 3}, {4, 8, 8, 2}});
    const Tensor x = Tensor::of<float>({4, 3}, std::vector<float>(12, 0.25F));
    const Tensor image = Tensor::zeros(DType::float32, {4, 8, 8, 2});
    const void* in[] = {x.data(), image.data()};
    std::vector<Tensor> results;
    std::vector<void*> out;
    for (int i = 0; i < replay.output_count(); ++i) {
      results.emplace_back(replay.output_dtype(i), replay.output_shape(i));
      out.push_back(results.back().data());
    }
    replay.run(in, out);
    const std::int64_t before = test::allocations();
    for (int i = 0; i < 10; ++i) replay.run(in, out);
    CHECK(test::allocations() - before == 0);
  }
}

TEST_CASE("threads predict with one program while another assigns its variable") {
  const VariablePtr w = variable({64}, std::vector<float>(64, 0), "w");
  Executable executable(optimize(record([&](Recording& r) {
    const Value x = r.input("x", floats({kBatch}));
    return Values{Variable::read(w) * 1.0, x * 2.0};
  })));
  std::atomic<bool> go = true;
  std::atomic<int> torn = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      const Tensor x = Tensor::zeros(DType::float32, {t + 1});
      while (go) {
        const std::vector<float> seen = values(executable.run(std::vector{x})[0]);
        for (const float number : seen) torn += number != seen[0];
        torn += Variable::read(w).tensor().data_as<float>()[0] < 0;
      }
    });
  }
  for (int i = 0; i < 2000; ++i)
    Variable::assign(w, Value(Tensor::of<float>({64}, std::vector<float>(64, static_cast<float>(i)))));
  go = false;
  for (std::thread& thread : threads) thread.join();
  CHECK(torn == 0);
}

TEST_CASE("nothing can be added to a recording that has finished, nor its values used elsewhere") {
  Value leaked;
  const auto recording = Recording::begin();
  leaked = recording->input("x", floats({2}));
  recording->finish({leaked + 1.0});
  CHECK_THROWS_WITH_AS(leaked + 1.0, "the recording has finished: nothing can be added to its program", Error);
  CHECK_THROWS_AS(recording->finish({leaked}), Error);
  recording->end();
  CHECK_THROWS_AS(leaked + 1.0, Error);
  CHECK_THROWS_AS(record([&](Recording&) { return Values{leaked + 1.0}; }), Error);
  CHECK_THROWS_AS(leaked.tensor(), Error);
}

TEST_CASE("a body that leaves a recording open does not disturb the one around it") {
  const Value x(Tensor::scalar<float>(1)), yes(Tensor::scalar<bool>(true));
  std::shared_ptr<Recording> left;
  CHECK_THROWS_AS(cond(
                      yes,
                      [&]() -> Values {
                        left = Recording::begin();
                        throw Error(ErrorKind::value, "in the middle");
                      },
                      [&] { return Values{x}; }),
                  Error);
  CHECK(Recording::current() == nullptr);
}

TEST_CASE("replays of an executable share memory unless they are in use at once") {
  const ProgramPtr program = record([](Recording& r) {
    const Value x = r.input("x", floats({kBatch, 16}));
    return Values{sum(exp(matmul(x, x, false, true)), {0, 1})};
  });
  Executable executable(optimize(program));
  const std::vector<Shape> large{{64, 16}}, small{{9, 16}}, smallest{{3, 16}};
  const Replay* first = nullptr;
  {
    const Executable::Lease a = executable.acquire(large);
    first = &*a;
    const Executable::Lease b = executable.acquire(large), c = executable.acquire(small);
    CHECK(&*b != &*a);
    CHECK(!b->shares_memory_with(*a));
    CHECK(!c->shares_memory_with(*a));
  }
  const Executable::Lease again = executable.acquire(large);
  CHECK(&*again == first);
  const Executable::Lease d = executable.acquire(smallest);
  CHECK(!d->shares_memory_with(*again));
  const Executable::Lease e = executable.acquire(smallest);
  CHECK(!e->shares_memory_with(*d));

  // One after the other they share.
  Executable alone(optimize(program));
  const Replay* full = &*alone.acquire(large);
  CHECK(alone.acquire(small)->shares_memory_with(*full));
  CHECK(alone.acquire(smallest)->shares_memory_with(*full));
  const Executable::Lease busy = alone.acquire(small);
  CHECK(&*alone.acquire(large) != full);
}
