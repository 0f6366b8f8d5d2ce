#include "kernels/attention.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/kernels.h"
#include "numbers.h"

using namespace addax::kernels;
using test::check_close;
using test::Guarded;
using test::Numbers;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

enum class Extra { none, bias, mask };

// A job with its data; the bias or the mask is (batch, 1, rows, columns).
template <class T>
struct Case {
  AttentionInputs<T> in{};
  std::vector<T> q, k, v, bias, dout;
  std::vector<std::uint8_t> mask;

  Case(std::int64_t batch, std::int64_t rows, std::int64_t columns, std::int64_t heads, std::int64_t key_heads,
       std::int64_t depth, std::int64_t value_depth, bool causal, Extra extra) {
    Numbers numbers(static_cast<std::uint32_t>(rows * 31 + columns));
    q = numbers.vector<T>(batch * rows * heads * depth);
    k = numbers.vector<T>(batch * columns * key_heads * depth);
    v = numbers.vector<T>(batch * columns * key_heads * value_depth);
    dout = numbers.vector<T>(batch * rows * heads * value_depth);
    bias = numbers.vector<T>(batch * rows * columns);
    mask.resize(bias.size());
    for (auto& m : mask) m = numbers.one_in(3) ? 0 : 1;
    if (!mask.empty()) std::fill_n(mask.begin(), columns, std::uint8_t{0});  // the first row sees nothing
    in = {batch,  rows, columns,  heads,    key_heads, depth,   value_depth, 0.7,
          causal, true, q.data(), k.data(), v.data(),  nullptr, nullptr,     {rows * columns, 0, columns, 1}};
    if (extra == Extra::bias) in.bias = bias.data();
    if (extra == Extra::mask) in.mask = mask.data();
  }

  std::size_t q_at(std::int64_t b, std::int64_t t, std::int64_t h) const {
    return at((b * in.rows + t) * in.heads + h);
  }
  std::size_t k_at(std::int64_t b, std::int64_t s, std::int64_t h) const {
    return at((b * in.columns + s) * in.key_heads + h / (in.heads / in.key_heads));
  }
};

template <class T>
double dot(const T* a, const T* b, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

template <class T>
struct Reference {
  std::vector<double> out, dq, dk, dv;
  explicit Reference(const Case<T>& c) : out(c.dout.size()), dq(c.q.size()), dk(c.k.size()), dv(c.v.size()) {
    for (std::int64_t b = 0; b < c.in.batch; ++b)
      for (std::int64_t h = 0; h < c.in.heads; ++h)
        for (std::int64_t t = 0; t < c.in.rows; ++t) row(c, b, h, t);
  }

  void row(const Case<T>& c, std::int64_t b, std::int64_t h, std::int64_t t) {
    const auto& in = c.in;
    const auto d = at(in.depth), e = at(in.value_depth);
    const std::size_t i = c.q_at(b, t, h);
    std::vector<double> p(at(in.columns), 0.0), slope(p);
    double largest = -std::numeric_limits<double>::infinity(), total = 0, level = 0;
    const auto shown = [&](std::int64_t s) {
      return (!in.causal || s <= t) && (in.mask == nullptr || c.mask[at((b * in.rows + t) * in.columns + s)] != 0);
    };
    const auto each = [&](auto f) {
      for (std::int64_t s = 0; s < in.columns; ++s)
        if (shown(s)) f(at(s), c.k_at(b, s, h));
    };
    each([&](std::size_t s, std::size_t j) {
      p[s] = 0.7 * dot(&c.q[i * d], &c.k[j * d], in.depth);
      if (in.bias != nullptr) p[s] += static_cast<double>(c.bias[at((b * in.rows + t) * in.columns) + s]);
      largest = std::max(largest, p[s]);
    });
    each([&](std::size_t s, std::size_t) { total += p[s] = std::exp(p[s] - largest); });
    each([&](std::size_t s, std::size_t j) {
      p[s] /= total;
      slope[s] = dot(&c.dout[i * e], &c.v[j * e], in.value_depth);
      level += p[s] * slope[s];
      for (std::size_t x = 0; x < e; ++x) {
        out[i * e + x] += p[s] * static_cast<double>(c.v[j * e + x]);
        dv[j * e + x] += p[s] * static_cast<double>(c.dout[i * e + x]);
      }
    });
    each([&](std::size_t s, std::size_t j) {
      const double ds = 0.7 * p[s] * (slope[s] - level);
      for (std::size_t x = 0; x < d; ++x) {
        dq[i * d + x] += ds * static_cast<double>(c.k[j * d + x]);
        dk[j * d + x] += ds * static_cast<double>(c.q[i * d + x]);
      }
    });
  }
};

template <class T>
void check(const Case<T>& c) {
  CAPTURE(c.in.rows);
  CAPTURE(c.in.columns);
  CAPTURE(c.in.heads);
  CAPTURE(c.in.key_heads);
  CAPTURE(c.in.depth);
  CAPTURE(c.in.value_depth);
  CAPTURE(c.in.causal);
  const auto size = [](const std::vector<T>& x) { return static_cast<std::int64_t>(x.size()); };
  const auto& k = kernels().attention.of<T>();
  const Reference<T> wanted(c);
  Guarded<T> out(size(c.dout)), statistics(c.in.batch * c.in.heads * c.in.rows * 2);
  k.forward({c.in, out.data(), statistics.data()});
  check_close(out, wanted.out, test::tolerance<T>(c.in.depth));
  CHECK(statistics.intact());
  Guarded<T> dq(size(c.q)), dk(size(c.k)), dv(size(c.v));
  k.gradient({c.in, c.dout.data(), out.data(), statistics.data(), dq.data(), dk.data(), dv.data()});
  const double tolerance = test::tolerance<T>(c.in.depth * (c.in.rows + c.in.columns));
  check_close(dq, wanted.dq, tolerance);
  check_close(dk, wanted.dk, tolerance);
  check_close(dv, wanted.dv, tolerance);
}

}  // namespace

TEST_CASE("attention and its gradient agree with double arithmetic") {
  for (const Extra extra : {Extra::none, Extra::bias, Extra::mask}) {
    for (const bool causal : {false, true}) {
      check(Case<float>(1, 1, 1, 1, 1, 1, 1, causal, extra));
      check(Case<float>(2, 5, 7, 3, 3, 4, 6, causal, extra));
      check(Case<float>(2, 7, 5, 4, 2, 17, 3, causal, extra));
      check(Case<float>(1, 33, 48, 2, 1, 32, 64, causal, extra));
      check(Case<float>(1, 150, 131, 2, 2, 16, 16, causal, extra));  // two blocks of rows
      check(Case<float>(1, 130, 600, 1, 1, 8, 5, causal, extra));    // three of columns
      check(Case<float>(1, 300, 270, 2, 1, 40, 33, causal, extra));
      check(Case<double>(2, 19, 23, 2, 1, 9, 11, causal, extra));
      check(Case<double>(1, 140, 270, 1, 1, 3, 4, causal, extra));
    }
  }
}

TEST_CASE("attention over nothing is nothing") {
  check(Case<float>(2, 3, 0, 2, 2, 4, 4, false, Extra::none));
  check(Case<float>(2, 0, 3, 2, 2, 4, 4, false, Extra::none));
  check(Case<float>(0, 3, 3, 2, 2, 4, 4, false, Extra::none));
  check(Case<float>(1, 3, 3, 2, 1, 0, 4, false, Extra::none));
  check(Case<float>(1, 3, 3, 2, 1, 4, 0, false, Extra::none));
}

TEST_CASE("a row of masked scores alone has equal weights unless it is hidden") {
  Case<float> c(1, 2, 300, 1, 1, 4, 2, false, Extra::mask);
  std::fill(c.mask.begin(), c.mask.end(), std::uint8_t{0});
  c.in.hide_empty = false;
  Guarded<float> out(4), statistics(4);
  kernels().attention.f32.forward({c.in, out.data(), statistics.data()});
  double mean = 0;
  for (std::size_t s = 0; s < 300; ++s) mean += static_cast<double>(c.v[2 * s]) / 300;
  CHECK(out[0] == doctest::Approx(mean).epsilon(1e-5));
}

TEST_CASE("huge scores do not overflow, infinite and NaN ones spread over their row alone") {
  Case<float> c(1, 3, 600, 1, 1, 1, 1, false, Extra::bias);
  for (auto& b : c.bias) b *= 1e30f;
  const std::size_t row = 600;
  std::fill_n(c.bias.begin() + 0, 300, -std::numeric_limits<float>::infinity());  // all of the first block
  c.bias[2 * row + 5] = std::numeric_limits<float>::quiet_NaN();
  Guarded<float> out(3), statistics(6);
  kernels().attention.f32.forward({c.in, out.data(), statistics.data()});
  CHECK(std::isfinite(out[0]));
  CHECK(std::isfinite(out[1]));
  CHECK(std::isnan(out[2]));
}
