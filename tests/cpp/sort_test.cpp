#include "kernels/sort.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "kernels/scan.h"

using namespace addax::kernels;

namespace {

std::vector<float> few_values(std::int64_t n) {
  std::vector<float> x(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 2654435761u >> 7 & 15) - 8;
  return x;
}

}  // namespace

TEST_CASE("sort orders every line and puts NaN last, argsort is stable") {
  for (const std::int64_t size : {0, 1, 2, 15, 16, 17, 33, 1000}) {
    for (const std::int64_t inner : {1, 3}) {
      const std::int64_t outer = 2;
      auto x = few_values(outer * size * inner);
      if (size > 2) x[static_cast<std::size_t>(inner)] = NAN;
      std::vector<float> sorted(x.size());
      std::vector<std::int32_t> order(x.size());
      sort(x.data(), sorted.data(), outer, size, inner);
      argsort(x.data(), order.data(), outer, size, inner);
      for (std::int64_t line = 0; line < outer * inner; ++line) {
        const std::int64_t base = line / inner * size * inner + line % inner;
        const auto at = [&](std::int64_t i) { return static_cast<std::size_t>(base + i * inner); };
        std::vector<std::int32_t> wanted(static_cast<std::size_t>(size));
        std::iota(wanted.begin(), wanted.end(), 0);
        std::stable_sort(wanted.begin(), wanted.end(), [&](std::int32_t a, std::int32_t b) {
          return x[at(a)] < x[at(b)] || (std::isnan(x[at(b)]) && !std::isnan(x[at(a)]));
        });
        bool right = true;
        for (std::int64_t i = 0; i < size; ++i) {
          right &= order[at(i)] == wanted[static_cast<std::size_t>(i)];
          const float v = x[at(wanted[static_cast<std::size_t>(i)])];
          right &= std::isnan(v) ? std::isnan(sorted[at(i)]) : sorted[at(i)] == v;
        }
        CHECK(right);
      }
    }
  }
}

TEST_CASE("top_k gives the largest first, equal ones by index, NaN before all") {
  for (const std::int64_t size : {1, 2, 17, 100}) {
    const auto x = few_values(2 * size);
    for (std::int64_t k = 0; k <= size; ++k) {
      std::vector<float> values(static_cast<std::size_t>(2 * k));
      std::vector<std::int32_t> indices(values.size());
      top_k(x.data(), values.data(), indices.data(), 2, size, k);
      for (std::int64_t row = 0; row < 2; ++row) {
        const float* from = x.data() + row * size;
        std::vector<std::int32_t> wanted(static_cast<std::size_t>(size));
        std::iota(wanted.begin(), wanted.end(), 0);
        std::stable_sort(wanted.begin(), wanted.end(),
                         [&](std::int32_t a, std::int32_t b) { return from[a] > from[b]; });
        bool right = true;
        for (std::int64_t i = 0; i < k; ++i) {
          right &= indices[static_cast<std::size_t>(row * k + i)] == wanted[static_cast<std::size_t>(i)];
          right &= values[static_cast<std::size_t>(row * k + i)] == from[wanted[static_cast<std::size_t>(i)]];
        }
        CHECK(right);
      }
    }
  }
  const float x[] = {1, NAN, 3};
  float values[2];
  std::int32_t indices[2];
  top_k(x, values, indices, 1, 3, 2);
  CHECK(indices[0] == 1);
  CHECK(indices[1] == 2);
}

TEST_CASE("running sums and products go either way, with or without the element itself") {
  const std::int64_t x[] = {2, 3, 5, 7};
  std::int64_t out[4];
  using Four = std::vector<std::int64_t>;
  const auto scanned = [&](auto scan, bool reverse, bool exclusive) {
    scan(x, out, ScanLayout{1, 4, 1, reverse, exclusive});
    return Four(out, out + 4);
  };
  CHECK(scanned(cumsum<std::int64_t>, false, false) == Four{2, 5, 10, 17});
  CHECK(scanned(cumsum<std::int64_t>, false, true) == Four{0, 2, 5, 10});
  CHECK(scanned(cumsum<std::int64_t>, true, false) == Four{17, 15, 12, 7});
  CHECK(scanned(cumprod<std::int64_t>, true, true) == Four{105, 35, 7, 1});
  CHECK(scanned(cumprod<std::int64_t>, false, false) == Four{2, 6, 30, 210});
}

TEST_CASE("running sums of columns agree with those of lines, and stay exact over long ones") {
  const std::int64_t size = 37, inner = 130;
  const auto x = few_values(size * inner);
  std::vector<float> out(x.size());
  cumsum(x.data(), out.data(), ScanLayout{1, size, inner, false, false});
  for (const std::int64_t k : {0, 63, 64, 129}) {
    float sum = 0;
    for (std::int64_t i = 0; i < size; ++i) sum += x[static_cast<std::size_t>(i * inner + k)];
    CHECK(out[static_cast<std::size_t>((size - 1) * inner + k)] == sum);
  }
  const std::int64_t n = 1 << 20;
  std::vector<float> tenth(static_cast<std::size_t>(n), 0.1f), sums(tenth.size());
  cumsum(tenth.data(), sums.data(), ScanLayout{1, n, 1, false, false});
  CHECK(sums.back() == doctest::Approx(static_cast<double>(0.1f) * static_cast<double>(n)).epsilon(1e-7));
}

TEST_CASE("a linear recurrence and the reversed one are each other's transpose") {
  const std::int64_t n = 9;
  std::vector<double> decay, x, v, y(9), u(9);
  for (int i = 0; i < n; ++i) {
    decay.push_back(0.5 + 0.1 * i);
    x.push_back(i % 4 - 1.5);
    v.push_back(2.0 - i % 3);
  }
  linear_recurrence(decay.data(), x.data(), y.data(), ScanLayout{1, n, 1, false, false});
  linear_recurrence(decay.data(), v.data(), u.data(), ScanLayout{1, n, 1, true, false});
  double state = 0, left = 0, right = 0;
  for (std::size_t i = 0; i < 9; ++i) {
    state = x[i] + decay[i] * state;
    CHECK(y[i] == doctest::Approx(state));
    left += y[i] * v[i];
    right += x[i] * u[i];
  }
  CHECK(left == doctest::Approx(right));
}
