#include "kernels/softmax.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/kernels.h"

using namespace addax::kernels;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

template <class T>
std::vector<T> numbers(std::int64_t n, double spread) {
  std::vector<T> x(static_cast<std::size_t>(n));
  std::uint32_t state = 99;
  for (T& v : x) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<T>((static_cast<double>(state >> 8) / 16777216.0 - 0.5) * spread);
  }
  return x;
}

// logsumexp of a line in double.
template <class T>
double logsumexp(const T* x, std::int64_t n, std::int64_t step) {
  double largest = -kInf, sum = 0;
  for (std::int64_t i = 0; i < n; ++i) largest = std::max(largest, static_cast<double>(x[i * step]));
  for (std::int64_t i = 0; i < n; ++i) sum += std::exp(static_cast<double>(x[i * step]) - largest);
  return largest + std::log(sum);
}

template <class T>
void check_lines(double tolerance) {
  const SoftmaxOf<T>& k = kernels().softmax.of<T>();
  for (const std::int64_t size : {1, 2, 3, 7, 8, 10, 15, 16, 17, 31, 32, 33, 65, 700, 3001}) {
    for (const std::int64_t inner : {1, 3, 16, 19}) {
      const std::int64_t outer = 3, n = outer * size * inner;
      const auto x = numbers<T>(n, 60);
      std::vector<T> y(x.size()), log_y(x.size()), lse(static_cast<std::size_t>(outer * inner));
      k.softmax(x.data(), y.data(), outer, size, inner);
      k.log_softmax(x.data(), log_y.data(), outer, size, inner);
      k.logsumexp(x.data(), lse.data(), outer, size, inner);
      double worst = 0;
      for (std::int64_t o = 0; o < outer; ++o) {
        for (std::int64_t c = 0; c < inner; ++c) {
          const std::int64_t base = o * size * inner + c;
          const double wanted = logsumexp(x.data() + base, size, inner);
          worst = std::max(worst, std::abs(static_cast<double>(lse[static_cast<std::size_t>(o * inner + c)]) - wanted) /
                                      (1 + std::abs(wanted)));
          for (std::int64_t i = 0; i < size; ++i) {
            const auto at = static_cast<std::size_t>(base + i * inner);
            const double log_p = static_cast<double>(x[at]) - wanted;
            worst = std::max(worst, std::abs(static_cast<double>(y[at]) - std::exp(log_p)) / (1e-30 + std::exp(log_p)));
            worst = std::max(worst, std::abs(static_cast<double>(log_y[at]) - log_p) / (1 + std::abs(log_p)));
          }
        }
      }
      CAPTURE(size);
      CAPTURE(inner);
      CHECK(worst <= tolerance);
    }
  }
}

}  // namespace

TEST_CASE("softmax, log_softmax and logsumexp agree with double arithmetic along any axis") {
  // x - max is rounded to half a unit of 60, 1.9e-6, which exp passes on.
  SUBCASE("float32") { check_lines<float>(5e-6); }
  SUBCASE("float64") { check_lines<double>(1e-13); }
}

TEST_CASE("softmax of huge, equal and infinite logits is right") {
  const SoftmaxKernels& k = kernels().softmax;
  for (const std::int64_t n : {2, 5, 16, 37}) {
    std::vector<float> x(static_cast<std::size_t>(n), -3e38f), y(x.size());
    k.f32.softmax(x.data(), y.data(), 1, n, 1);
    for (const float p : y) CHECK(p == doctest::Approx(1.0 / static_cast<double>(n)));
    x[1] = 3e38f;
    k.f32.softmax(x.data(), y.data(), 1, n, 1);
    CHECK(y[1] == 1);
    CHECK(y[0] == 0);
    x.assign(x.size(), -INFINITY);
    x[0] = 1;
    k.f32.log_softmax(x.data(), y.data(), 1, n, 1);
    CHECK(y[0] == 0);
    CHECK(y[1] == -INFINITY);
    x[0] = -INFINITY;
    float lse;
    k.f32.logsumexp(x.data(), &lse, 1, n, 1);
    CHECK(lse == -INFINITY);
    k.f32.softmax(x.data(), y.data(), 1, n, 1);
    CHECK(std::isnan(y[0]));
    x[1] = INFINITY;
    k.f32.logsumexp(x.data(), &lse, 1, n, 1);
    CHECK(lse == INFINITY);
  }
  float lse;
  k.f32.logsumexp(nullptr, &lse, 1, 0, 1);
  CHECK(lse == -INFINITY);
}

TEST_CASE("NaN spreads over its line and no further") {
  for (std::int64_t n = 1; n <= 35; ++n) {
    for (std::int64_t at = 0; at < n; ++at) {
      auto x = numbers<float>(2 * n, 5);
      x[static_cast<std::size_t>(at)] = NAN;
      std::vector<float> y(x.size());
      kernels().softmax.f32.softmax(x.data(), y.data(), 2, n, 1);
      for (std::int64_t i = 0; i < 2 * n; ++i) CHECK(std::isnan(y[static_cast<std::size_t>(i)]) == (i < n));
    }
  }
}

TEST_CASE("cross-entropies agree with their formulas") {
  const std::int64_t rows = 5;
  for (const std::int64_t classes : {1, 2, 10, 16, 33, 1000}) {
    const auto x = numbers<float>(rows * classes, 40);
    auto targets = numbers<float>(rows * classes, 1);
    for (float& t : targets) t = t < 0 ? 0 : t;
    std::vector<std::int32_t> labels;
    std::vector<std::int64_t> wide;
    for (std::int64_t r = 0; r < rows; ++r) {
      labels.push_back(static_cast<std::int32_t>((r * 7) % classes));
      wide.push_back(labels.back());
    }
    std::vector<float> sparse(rows), sparse64(rows), dense(rows);
    kernels().softmax.f32.sparse_cross_entropy_i32(x.data(), labels.data(), sparse.data(), rows, classes);
    kernels().softmax.f32.sparse_cross_entropy_i64(x.data(), wide.data(), sparse64.data(), rows, classes);
    kernels().softmax.f32.cross_entropy(x.data(), targets.data(), dense.data(), rows, classes);
    CHECK(sparse == sparse64);
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* row = x.data() + r * classes;
      const double lse = logsumexp(row, classes, 1);
      CHECK(sparse[static_cast<std::size_t>(r)] ==
            doctest::Approx(lse - row[wide[static_cast<std::size_t>(r)]]).epsilon(1e-5));
      double wanted = 0;
      for (std::int64_t c = 0; c < classes; ++c)
        wanted += targets[static_cast<std::size_t>(r * classes + c)] * (lse - row[c]);
      CHECK(dense[static_cast<std::size_t>(r)] == doctest::Approx(wanted).epsilon(1e-5));
    }
  }
}

TEST_CASE("a target of 0 ignores a logit of -inf") {
  const float x[] = {1, -INFINITY, 2}, t[] = {1, 0, 0};
  float out;
  kernels().softmax.f32.cross_entropy(x, t, &out, 1, 3);
  CHECK(out == doctest::Approx(std::log(1 + std::exp(1.0))));
}

TEST_CASE("sigmoid cross-entropy is stable at both ends and in every tail") {
  for (std::int64_t n = 0; n <= 40; ++n) {
    auto x = numbers<float>(n, 300);
    const auto t = numbers<float>(n, 2);
    std::vector<float> out(x.size());
    kernels().softmax.f32.sigmoid_cross_entropy(x.data(), t.data(), out.data(), n);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const double v = x[i], wanted = std::max(v, 0.0) - v * t[i] + std::log1p(std::exp(-std::abs(v)));
      CHECK(out[i] == doctest::Approx(wanted).epsilon(1e-6));
    }
  }
}
