// Many steps over the rows of arrays.
#include "addax/batch_loop.h"

#include <doctest/doctest.h>

#include <numeric>
#include <random>

#include "addax/ops.h"
#include "programs.h"

using namespace addax;
using namespace addax::ops;

namespace {

constexpr std::chrono::seconds kLong{100};

// A program on x (batch, 3) and y (batch) in float32: adds Σ x · y to the variable, returns x · y and their sum.
ProgramPtr accumulate(const VariablePtr& total) {
  const Dim batch = Dim::unknown("batch");
  return optimize(test::record([&](Recording& r) -> Values {
    const Value x = r.input("x", {DType::float32, {batch, 3}});
    const Value y = r.input("y", {DType::float32, {batch}});
    const Value product = x * reshape(y, {batch, 1});
    const Value all = sum(product, {0, 1});
    // Not a plain sum: the order of the batches shows.
    Variable::assign(total, Variable::read(total) * 0.9 + all);
    return {product, all};
  }));
}

VariablePtr zero() { return std::make_shared<Variable>(Tensor::scalar(0.0F), "total", false); }

struct Data {
  std::vector<float> x, y;
  explicit Data(std::int64_t n) : x(static_cast<std::size_t>(3 * n)), y(static_cast<std::size_t>(n)) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (float& v : x) v = uniform(random);
    for (float& v : y) v = uniform(random);
  }
  std::vector<Column> columns() const {
    const auto n = static_cast<std::int64_t>(y.size());
    return {{x.data(), DType::float32, {n, 3}, 12}, {y.data(), DType::float32, {n}, 4}};
  }
};

std::vector<std::int64_t> shuffled(std::int64_t n) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(2));
  return order;
}

// One call of the executable per batch, with rows copied one by one.
float by_hand(const Data& data, const std::vector<std::int64_t>& order, std::int64_t batch_size) {
  const VariablePtr total = zero();
  Executable executable(accumulate(total));
  const auto n = static_cast<std::int64_t>(order.size());
  for (std::int64_t first = 0; first < n; first += batch_size) {
    const std::int64_t rows = std::min(batch_size, n - first);
    std::vector<float> x, y;
    for (std::int64_t i = first; i < first + rows; ++i) {
      const auto row = static_cast<std::size_t>(order[static_cast<std::size_t>(i)]);
      x.insert(x.end(), data.x.begin() + 3 * static_cast<std::ptrdiff_t>(row),
               data.x.begin() + 3 * static_cast<std::ptrdiff_t>(row) + 3);
      y.push_back(data.y[row]);
    }
    executable.run(std::vector<Tensor>{Tensor::of<float>({rows, 3}, x), Tensor::of<float>({rows}, y)});
  }
  return *total->tensor().data_as<float>();
}

}  // namespace

TEST_CASE("a batch loop gives the bits of one call per batch, in order and shuffled, at any size") {
  for (const std::int64_t n : {1, 7, 8, 9, 1000}) {
    const Data data(n);
    std::vector<std::int64_t> lying(static_cast<std::size_t>(n));
    std::iota(lying.begin(), lying.end(), 0);
    for (const std::int64_t batch_size : {1, 8, 33, 2000}) {
      const VariablePtr total = zero();
      Executable executable(accumulate(total));
      BatchLoop loop(executable, data.columns(), batch_size);
      loop.begin();
      CHECK(loop.run(1 << 20, kLong) == loop.batches());
      CHECK(loop.done());
      CHECK(*total->tensor().data_as<float>() == by_hand(data, lying, batch_size));

      Variable::assign(total, Tensor::scalar(0.0F));
      const std::vector<std::int64_t> order = shuffled(n);
      loop.begin(order);
      while (!loop.done()) CHECK(loop.run(3, kLong) <= 3);
      CHECK(*total->tensor().data_as<float>() == by_hand(data, order, batch_size));
    }
  }
}

TEST_CASE("a batch loop returns when its time is over, after one step at least") {
  const Data data(100);
  Executable executable(accumulate(zero()));
  BatchLoop loop(executable, data.columns(), 8);
  CHECK(loop.done());
  loop.begin();
  for (int i = 0; i < 13; ++i) CHECK(loop.run(100, std::chrono::nanoseconds(0)) == 1);
  CHECK(loop.done());
  CHECK(loop.run(100, kLong) == 0);
}

TEST_CASE("a batch loop keeps the results of the last step, or of all") {
  const Data data(20);
  Executable executable(accumulate(zero()));
  BatchLoop last(executable, data.columns(), 8);
  last.begin();
  last.run(2, kLong);
  const Tensor second = last.results()[0];
  CHECK(second.shape() == Shape{8, 3});
  const std::vector<float> before(second.data_as<float>(), second.data_as<float>() + 24);
  last.run(1, kLong);
  CHECK(last.results()[0].shape() == Shape{4, 3});
  CHECK(before == std::vector<float>(second.data_as<float>(), second.data_as<float>() + 24));  // not written again

  const Dim batch = Dim::unknown("batch");
  const ProgramPtr doubled = test::record([&](Recording& r) -> Values {
    const Value x = r.input("x", {DType::float32, {batch, 3}});
    return {x + x};
  });
  Executable each(optimize(doubled));
  for (const std::vector<std::int64_t>& order : {std::vector<std::int64_t>{}, shuffled(20)}) {
    BatchLoop all(each, {data.columns()[0]}, 8, BatchLoop::Keep::all);
    all.begin(order);
    while (!all.done()) all.run(1, kLong);
    REQUIRE(all.results()[0].shape() == Shape{20, 3});
    for (std::size_t i = 0; i < 20; ++i) {
      const std::size_t row = order.empty() ? i : static_cast<std::size_t>(order[i]);
      CHECK(all.results()[0].data_as<float>()[3 * i + 1] == 2 * data.x[3 * row + 1]);
    }
  }
}

TEST_CASE("a batch loop takes rows that lie apart and floats of another width") {
  const Data data(50);
  std::vector<double> wide(50 * 5, -1.0);
  for (std::size_t i = 0; i < 50; ++i)
    std::copy_n(data.x.begin() + static_cast<std::ptrdiff_t>(3 * i), 3, &wide[5 * i]);
  std::vector<Column> columns = data.columns();
  columns[0] = {wide.data(), DType::float64, {50, 3}, 40};
  const std::vector<std::int64_t> order = shuffled(50);
  const VariablePtr total = zero();
  Executable executable(accumulate(total));
  BatchLoop loop(executable, columns, 8);
  loop.begin(order);
  loop.run(100, kLong);
  CHECK(*total->tensor().data_as<float>() == by_hand(data, order, 8));
}

TEST_CASE("a batch loop refuses what does not fit its program") {
  const Data data(10);
  Executable executable(accumulate(zero()));
  const auto columns = data.columns();
  CHECK_THROWS_AS(BatchLoop(executable, columns, 0), Error);
  CHECK_THROWS_AS(BatchLoop(executable, {columns[0]}, 4), Error);
  CHECK_THROWS_AS(BatchLoop(executable, columns, 4, BatchLoop::Keep::all), Error);  // the sum has no rows
  auto shorter = columns;
  shorter[1].shape = {9};
  CHECK_THROWS_AS(BatchLoop(executable, shorter, 4), Error);
  auto integers = columns;
  integers[1].dtype = DType::int32;
  CHECK_THROWS_AS(BatchLoop(executable, integers, 4), Error);
  BatchLoop loop(executable, columns, 4);
  CHECK_THROWS_AS(loop.begin(std::vector<std::int64_t>{0, 1}), Error);
  CHECK_THROWS_AS(loop.begin(std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 10}), Error);
  CHECK_THROWS_AS(loop.begin(std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, -1}), Error);
  CHECK(loop.run(100, kLong) == 0);
  auto wide = columns;
  wide[0].shape = {10, 4};
  wide[0].row_stride = 8;
  BatchLoop wrong(executable, wide, 4);
  wrong.begin();
  CHECK_THROWS_AS(wrong.run(1, kLong), Error);
}
