// A large batch of independent samples goes through a program in pieces: which programs have such samples, and what the
// pieces give.
#include "program/pieces.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "addax/ops.h"
#include "addax/replay.h"
#include "allocations.h"
#include "base/parallel.h"
#include "ops/operation.h"
#include "program/stepwise.h"
#include "programs.h"

using namespace addax;
using namespace addax::ops;
using test::random_tensor;
using test::random_variables;
using test::read;
using test::record;
using test::values;

namespace {

const Dim kBatch = Dim::unknown("batch");

Value conv(const Value& x, const Value& w) {
  const Attributes attributes{{"strides", std::vector<std::int64_t>{1, 1}}, {"padding", std::string("same")}};
  return apply_one(operation_named("relu"), {apply_one(operation_named("conv"), {x, w}, attributes)});
}

// 55 MFLOP and 640 KB of values a sample.
Values network(const Value& x, const Values& w) {
  const Value seen = conv(conv(x, w[0]), w[1]);
  return {softmax(matmul(mean(seen, {1, 2}), w[2]), -1), ops::max(seen, {1, 2})};
}
const std::vector<Shape> kWeights = {{3, 3, 16, 32}, {3, 3, 32, 32}, {32, 10}};

ProgramPtr recorded_network(const std::vector<VariablePtr>& weights) {
  return record(
      [&](Recording& r) { return network(r.input("x", {DType::float32, {kBatch, 50, 50, 16}}), read(weights)); });
}

std::int64_t pieces_of(const Program& program, std::int64_t batch) {
  const std::vector<Shape> shapes{{batch, 50, 50, 16}};
  return count_pieces(program, make_plan(program, shapes));
}

std::string samples_of(const std::function<Value(const Value& x, const Value& y)>& body) {
  return independent_samples(*record([&](Recording& r) {
    const Value x = r.input("x", {DType::float32, {kBatch, 4, 6}});
    return Values{body(x, r.input("y", {DType::float32, {kBatch, 4, 6}}))};
  }));
}

}  // namespace

TEST_CASE("a large batch in pieces gives what its samples give, with the same bits for any number of threads") {
  const std::vector<VariablePtr> weights = random_variables(kWeights);
  const ProgramPtr program = optimize(recorded_network(weights));
  REQUIRE(pieces_of(*program, 12) == 12);
  REQUIRE(pieces_of(*program, 7) == 1);
  const Tensor in = random_tensor({12, 50, 50, 16}, 5);
  const Values wanted = network(Value(in), read(weights));
  Executable executable(program);
  const int threads = thread_count();
  std::vector<Tensor> first;
  for (const int count : {1, 2, 3}) {
    set_thread_count(count);
    const std::vector<Tensor> got = executable.run(std::vector{in});
    if (first.empty()) first = got;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::vector<float> a = values(got[i]), b = values(wanted[i].tensor());
      REQUIRE(a.size() == b.size());
      for (std::size_t k = 0; k < a.size(); ++k) REQUIRE(a[k] == doctest::Approx(b[k]).epsilon(1e-4));
      REQUIRE(a == values(first[i]));
    }
  }
  set_thread_count(threads);
}

TEST_CASE("pieces need less memory than the whole batch, and no allocation") {
  const std::vector<VariablePtr> weights = random_variables(kWeights);
  const ProgramPtr program = optimize(recorded_network(weights));
  const std::vector<Shape> shapes{{64, 50, 50, 16}};
  const int threads = thread_count();
  set_thread_count(2);
  Replay replay(program, shapes);
  CHECK(replay.output_shape(0) == Shape{64, 10});
  CHECK(replay.arena_bytes() < make_plan(*program, shapes).arena_bytes);
  const Tensor in = Tensor::zeros(DType::float32, shapes[0]);
  std::vector<Tensor> results;
  std::vector<void*> out;
  for (int i = 0; i < replay.output_count(); ++i) {
    results.emplace_back(replay.output_dtype(i), replay.output_shape(i));
    out.push_back(results.back().data());
  }
  const void* data = in.data();
  set_thread_count(1);
  replay.run(std::span(&data, 1), out);
  const std::int64_t before = test::allocations();
  replay.run(std::span(&data, 1), out);
  CHECK(test::allocations() - before == 0);
  set_thread_count(threads);
}

TEST_CASE("all pieces of a batch see the same weights, whoever assigns them meanwhile") {
  const std::vector<VariablePtr> weights = random_variables(kWeights);
  Executable executable(optimize(recorded_network(weights)));
  const Tensor sample = random_tensor({50, 50, 16}, 3);
  Tensor in(DType::float32, {8, 50, 50, 16});
  for (int i = 0; i < 8; ++i)
    std::copy_n(sample.data_as<float>(), sample.elements(), in.data_as<float>() + i * sample.elements());
  std::atomic<bool> go = true;
  std::thread writer([&] {
    for (std::uint32_t seed = 1; go; ++seed) Variable::assign(weights[2], Value(random_tensor({32, 10}, seed)));
  });
  for (int run = 0; run < 10; ++run) {
    const std::vector<float> seen = values(executable.run(std::vector{in})[0]);
    for (std::size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == seen[i % 10]);
  }
  go = false;
  writer.join();
}

TEST_CASE("samples are independent where no operation looks from one to another") {
  CHECK(samples_of([](const Value& x, const Value& y) { return softmax(x + y * 2.0, -1); }) == "batch");
  CHECK(samples_of([](const Value& x, const Value& y) { return concatenate({x, y}, 1); }) == "batch");
  CHECK(samples_of([](const Value& x, const Value&) { return reshape(x, {kBatch, 24}); }) == "batch");
  CHECK(samples_of([](const Value& x, const Value&) { return transpose(x, {0, 2, 1}); }) == "batch");
  CHECK(samples_of([](const Value& x, const Value&) { return mean(x, {1, 2}); }) == "batch");
  CHECK(samples_of([](const Value& x, const Value&) { return cumsum(x, 1); }) == "batch");
}

TEST_CASE("samples that see each other, or a program that does more than compute, are not cut apart") {
  CHECK(samples_of([](const Value& x, const Value&) { return x - mean(x, {0}, KeepDims::yes); }) == "");
  CHECK(samples_of([](const Value& x, const Value&) { return softmax(x, 0); }) == "");
  CHECK(samples_of([](const Value& x, const Value&) { return cumsum(x, 0); }) == "");
  CHECK(samples_of([](const Value& x, const Value&) { return transpose(x, {1, 0, 2}); }) == "");
  CHECK(samples_of([](const Value& x, const Value&) { return reshape(x, {kBatch * 4, 6}); }) == "");
  CHECK(samples_of([](const Value& x, const Value& y) { return concatenate({x, y}, 0); }) == "");
  CHECK(samples_of([](const Value& x, const Value&) {
          const Value flat = reshape(x, {kBatch, 24});
          return matmul(flat, flat, false, true);
        }) == "");
  CHECK(samples_of([](const Value& x, const Value&) {
          const Value key(Tensor::of<std::int64_t>({2}, {1, 2}));
          return x + apply_one(operation_named("random_normal"), {key},
                               {{"shape", Dims{kBatch, 4, 6}}, {"dtype", DType::float32}});
        }) == "");
  CHECK(samples_of([](const Value& x, const Value& y) { return gather(x, cast(sum(y, {1, 2}), DType::int32), 0); }) ==
        "");
  const VariablePtr w = test::variable({6}, std::vector<float>(6, 1), "w");
  CHECK(samples_of([&](const Value& x, const Value&) {
          Variable::assign(w, Variable::read(w) * 2.0);
          return x * 2.0;
        }) == "");
  CHECK(independent_samples(*record([](Recording& r) {
          const Value x = r.input("x", {DType::float32, {kBatch, 4}});
          return Values{x + r.input("offset", {DType::float32, {4}})};
        })) == "");
  CHECK(independent_samples(
            *record([](Recording& r) { return Values{r.input("x", {DType::float32, {8, 4}}) * 2.0}; })) == "");
}
