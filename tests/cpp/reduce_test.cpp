#include "kernels/reduce.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/parallel.h"
#include "kernels/kernels.h"

using namespace addax::kernels;

namespace {

using Sizes = std::vector<std::int64_t>;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

std::int64_t count(const Sizes& sizes) {
  std::int64_t n = 1;
  for (const auto s : sizes) n *= s;
  return n;
}

ReduceLayout layout_of(const Sizes& sizes, unsigned axes) {
  bool reduced[kMaxReduceGroups] = {};
  for (std::size_t d = 0; d < sizes.size(); ++d) reduced[d] = (axes >> d) & 1u;
  return make_reduce_layout(sizes.data(), reduced, static_cast<int>(sizes.size()));
}

// The value of each output by walking over all elements in order.
template <class T, class A, class F>
std::vector<A> reference(const std::vector<T>& x, const Sizes& sizes, unsigned axes, A start, F combine) {
  std::int64_t outputs = 1;
  for (std::size_t d = 0; d < sizes.size(); ++d) outputs *= ((axes >> d) & 1u) ? 1 : sizes[d];
  std::vector<A> out(static_cast<std::size_t>(outputs), start);
  for (std::int64_t i = 0; i < count(sizes); ++i) {
    std::int64_t rest = i, at = 0, stride = 1;
    for (std::size_t d = sizes.size(); d-- > 0;) {
      const std::int64_t index = rest % sizes[d];
      rest /= sizes[d];
      if ((axes >> d) & 1u) continue;
      at += index * stride;
      stride *= sizes[d];
    }
    out[static_cast<std::size_t>(at)] = combine(out[static_cast<std::size_t>(at)], x[static_cast<std::size_t>(i)]);
  }
  return out;
}

template <class T>
std::vector<T> numbers(std::int64_t n) {
  std::vector<T> x(static_cast<std::size_t>(n));
  std::uint32_t state = 12345;
  for (T& v : x) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<T>(static_cast<double>(state >> 16) / 65536.0 * 7 - (std::is_unsigned_v<T> ? 0 : 3));
  }
  return x;
}

const std::vector<Sizes> kShapes = {
    {},         {0},       {1},        {7},        {15},        {16},          {17},         {63},
    {64},       {65},      {1023},     {70000},    {0, 3},      {3, 0},        {3, 1},       {1, 3},
    {5, 7},     {33, 10},  {9, 64},    {40, 65},   {300, 3},    {3, 515},      {40, 1200},   {200, 1000},
    {70000, 3}, {2, 3, 4}, {5, 33, 7}, {4, 1, 65}, {9, 20, 70}, {17, 300, 30}, {2, 3, 4, 5}, {3, 2, 40, 3}};

template <class T>
void check_all_axes() {
  const ReduceOf<T>& k = kernels().reduce.of<T>();
  for (const Sizes& sizes : kShapes) {
    const auto x = numbers<T>(count(sizes));
    for (unsigned axes = 0; axes < (1u << sizes.size()); ++axes) {
      CAPTURE(sizes.size());
      CAPTURE(axes);
      CAPTURE(count(sizes));
      const ReduceLayout layout = layout_of(sizes, axes);
      const auto sums = reference(x, sizes, axes, 0.0, [](double a, T v) { return a + static_cast<double>(v); });
      const auto maxima =
          reference(x, sizes, axes, -HUGE_VAL, [](double a, T v) { return std::max(a, static_cast<double>(v)); });
      const auto minima =
          reference(x, sizes, axes, HUGE_VAL, [](double a, T v) { return std::min(a, static_cast<double>(v)); });
      std::vector<T> out(sums.size());
      REQUIRE(layout.outputs == static_cast<std::int64_t>(sums.size()));
      if (!std::is_same_v<T, std::uint8_t>) {  // the true sums do not fit
        k.sum(x.data(), out.data(), layout, 1);
        bool close = true;
        for (std::size_t i = 0; i < out.size(); ++i) {
          close &= std::abs(static_cast<double>(out[i]) - sums[i]) <=
                   2e-6 * (10.0 + static_cast<double>(layout.reduced_size));
        }
        CHECK(close);
      }
      if (layout.reduced_size == 0) continue;
      k.max(x.data(), out.data(), layout);
      CHECK(std::equal(out.begin(), out.end(), maxima.begin(),
                       [](T a, double b) { return static_cast<double>(a) == b; }));
      k.min(x.data(), out.data(), layout);
      CHECK(std::equal(out.begin(), out.end(), minima.begin(),
                       [](T a, double b) { return static_cast<double>(a) == b; }));
    }
  }
}

}  // namespace

TEST_CASE("reductions over every set of axes agree with a plain walk") {
  SUBCASE("float32") { check_all_axes<float>(); }
  SUBCASE("float64") { check_all_axes<double>(); }
  SUBCASE("int32") { check_all_axes<std::int32_t>(); }
  SUBCASE("int64") { check_all_axes<std::int64_t>(); }
  SUBCASE("uint8") { check_all_axes<std::uint8_t>(); }
}

TEST_CASE("an empty reduction gives the neutral element") {
  float out[3] = {9, 9, 9};
  const ReduceLayout layout = layout_of({0, 3}, 1);
  kernels().reduce.f32.sum(nullptr, out, layout, 1);
  CHECK(out[2] == 0);
  kernels().reduce.f32.prod(nullptr, out, layout);
  CHECK(out[2] == 1);
  std::uint8_t flags[3];
  kernels().reduce.u8.max(nullptr, flags, layout);
  CHECK(flags[0] == 0);
  kernels().reduce.u8.min(nullptr, flags, layout);
  CHECK(flags[0] == 255);
}

TEST_CASE("a mean divides by the count") {
  const auto x = numbers<float>(1000);
  float out;
  kernels().reduce.f32.sum(x.data(), &out, layout_of({1000}, 1), 1000);
  double sum = 0;
  for (const float v : x) sum += v;
  CHECK(out == doctest::Approx(sum / 1000).epsilon(1e-7));
}

TEST_CASE("products keep zeros and signs") {
  std::vector<float> x(100, -1.5f);
  float out;
  kernels().reduce.f32.prod(x.data(), &out, layout_of({100}, 1));
  CHECK(out == doctest::Approx(std::pow(1.5, 100)).epsilon(1e-6));
  x[57] = 0;
  kernels().reduce.f32.prod(x.data(), &out, layout_of({100}, 1));
  CHECK(out == 0);
}

TEST_CASE("long sums of float32 keep six digits") {
  for (const std::int64_t n : {std::int64_t{1} << 21, std::int64_t{20'000'003}}) {
    const std::vector<float> x(static_cast<std::size_t>(n), 0.1f);
    const double exact = static_cast<double>(0.1f) * static_cast<double>(n);
    float whole;
    kernels().reduce.f32.sum(x.data(), &whole, layout_of({n}, 1), 1);
    CHECK(std::abs(whole - exact) <= 1e-6 * exact);
    float columns[3];
    kernels().reduce.f32.sum(x.data(), columns, layout_of({n / 3, 3}, 1), 1);
    CHECK(std::abs(columns[1] - exact / 3) <= 1.1e-6 * exact / 3);
  }
}

TEST_CASE("NaN wins max and min wherever it stands") {
  for (std::int64_t n = 1; n <= 70; ++n) {
    for (std::int64_t at = 0; at < n; ++at) {
      std::vector<float> x = numbers<float>(n);
      x[static_cast<std::size_t>(at)] = kNaN;
      float most, least;
      kernels().reduce.f32.max(x.data(), &most, layout_of({n}, 1));
      kernels().reduce.f32.min(x.data(), &least, layout_of({n}, 1));
      CHECK(std::isnan(most));
      CHECK(std::isnan(least));
      std::vector<float> row(static_cast<std::size_t>(n));  // two rows: NaN in one column only
      std::vector<float> two = x;
      two.resize(static_cast<std::size_t>(2 * n), 0.0f);
      kernels().reduce.f32.max(two.data(), row.data(), layout_of({2, n}, 1));
      for (std::int64_t c = 0; c < n; ++c) CHECK(std::isnan(row[static_cast<std::size_t>(c)]) == (c == at));
      std::int32_t index = -1;
      kernels().reduce.f32.argmax(x.data(), &index, 1, n, 1);
      CHECK(index == at);
      kernels().reduce.f32.argmin(x.data(), &index, 1, n, 1);
      CHECK(index == at);
    }
  }
}

TEST_CASE("max of -inf is -inf") {
  const std::vector<float> x(37, -kInf);
  float out;
  kernels().reduce.f32.max(x.data(), &out, layout_of({37}, 1));
  CHECK(out == -kInf);
  std::int32_t index;
  kernels().reduce.f32.argmax(x.data(), &index, 1, 37, 1);
  CHECK(index == 0);
}

TEST_CASE("argmax and argmin give the first of equals along any axis") {
  const std::int64_t outer = 3, size = 20;
  for (const std::int64_t inner : {1, 5, 64, 67}) {
    std::vector<std::int32_t> x(static_cast<std::size_t>(outer * size * inner));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<std::int32_t>(i * 7919 % 5);
    std::vector<std::int32_t> most(static_cast<std::size_t>(outer * inner)), least = most;
    kernels().reduce.i32.argmax(x.data(), most.data(), outer, size, inner);
    kernels().reduce.i32.argmin(x.data(), least.data(), outer, size, inner);
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t k = 0; k < inner; ++k) {
        std::int32_t high = 0, low = 0;
        const auto at = [&](std::int64_t i) { return x[static_cast<std::size_t>((o * size + i) * inner + k)]; };
        for (std::int32_t i = 1; i < size; ++i) {
          if (at(i) > at(high)) high = i;
          if (at(i) < at(low)) low = i;
        }
        CHECK(most[static_cast<std::size_t>(o * inner + k)] == high);
        CHECK(least[static_cast<std::size_t>(o * inner + k)] == low);
      }
    }
  }
}

TEST_CASE("sums have the same bits for any number of threads") {
  const int before = addax::thread_count();
  for (const Sizes& sizes : std::vector<Sizes>{{1'000'003}, {30011, 33}, {7, 150'001}, {50, 300, 40}}) {
    const auto x = numbers<float>(count(sizes));
    for (unsigned axes = 1; axes < (1u << sizes.size()); ++axes) {
      const ReduceLayout layout = layout_of(sizes, axes);
      std::vector<std::vector<float>> results;
      for (const int threads : {1, 2, 3, 4}) {
        addax::set_thread_count(threads);
        results.emplace_back(static_cast<std::size_t>(layout.outputs));
        kernels().reduce.f32.sum(x.data(), results.back().data(), layout, 1);
      }
      for (const auto& result : results) CHECK(result == results[0]);
    }
  }
  addax::set_thread_count(before);
}
