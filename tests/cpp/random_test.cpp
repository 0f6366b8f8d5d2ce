#include "kernels/random.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/parallel.h"
#include "kernels/kernels.h"

using namespace addax::kernels;

namespace {

constexpr Stream kStream{0x123456789abcdefull, 42};

template <class T>
struct Moments {
  double mean = 0, variance = 0;
  explicit Moments(const std::vector<T>& x) {
    for (const T v : x) mean += static_cast<double>(v);
    mean /= static_cast<double>(x.size());
    for (const T v : x) variance += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean);
    variance /= static_cast<double>(x.size());
  }
};

template <class T, class F>
std::vector<T> drawn(std::size_t n, F f) {
  std::vector<T> x(n);
  f(kStream, x.data(), static_cast<std::int64_t>(n));
  return x;
}

}  // namespace

// Random123's kat_vectors, lines "philox4x32 10".
TEST_CASE("Philox gives the known answers") {
  const auto check = [](PhiloxBlock counter, std::uint32_t k0, std::uint32_t k1, PhiloxBlock want) {
    const PhiloxBlock got = philox(counter, k0, k1);
    for (int i = 0; i < 4; ++i) CHECK(got.word[i] == want.word[i]);
  };
  check({{0, 0, 0, 0}}, 0, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
  check({{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}}, 0xffffffff, 0xffffffff,
        {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
  check({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0xa4093822, 0x299f31d0,
        {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
}

TEST_CASE("vectors of blocks give the words of single blocks") {
  const auto x = drawn<float>(1003, kernels().random.uniform_f32);
  for (std::uint32_t i = 0; i < x.size(); ++i) {
    const PhiloxBlock b = philox({{i / 4, 0, 42, 0}}, 0x89abcdef, 0x1234567);
    CHECK(x[i] == static_cast<float>(b.word[i % 4] >> 8) * 0x1p-24f);
  }
}

TEST_CASE("a draw depends on its place alone, not on the array's length or the threads") {
  const int before = addax::thread_count();
  for (const auto f :
       {kernels().random.uniform_f32, kernels().random.normal_f32, kernels().random.truncated_normal_f32}) {
    addax::set_thread_count(1);
    const auto whole = drawn<float>(100003, f);
    for (const std::size_t n : {0, 1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 67, 1000}) {
      const auto part = drawn<float>(n, f);
      CHECK(std::equal(part.begin(), part.end(), whole.begin()));
    }
    for (const int threads : {2, 3}) {
      addax::set_thread_count(threads);
      CHECK(drawn<float>(100003, f) == whole);
    }
  }
  addax::set_thread_count(before);
}

TEST_CASE("draws have their distribution's moments and bounds") {
  constexpr std::size_t n = 400000;
  const auto check = [](const auto& x, double mean, double variance, double low, double high) {
    const Moments m(x);
    CHECK(m.mean == doctest::Approx(mean).epsilon(0.005));
    CHECK(m.variance == doctest::Approx(variance).epsilon(0.01));
    bool inside = true;
    for (const auto v : x) inside = inside && v >= low && v <= high;
    CHECK(inside);
  };
  // Shifted by 1, so that relative bounds make sense for a mean of 0.
  const auto shifted = [](auto x) {
    for (auto& v : x) v += 1;
    return x;
  };
  constexpr double kTruncated = 0.7737413035499232;  // variance of a normal within ±2
  const RandomKernels& k = kernels().random;
  check(drawn<float>(n, k.uniform_f32), 0.5, 1.0 / 12, 0, 0.99999997);
  check(drawn<double>(n, uniform_f64), 0.5, 1.0 / 12, 0, 0.9999999999999999);
  check(shifted(drawn<float>(n, k.normal_f32)), 1, 1, -6, 8);
  check(shifted(drawn<double>(n, normal_f64)), 1, 1, -8, 10);
  check(shifted(drawn<float>(n, k.truncated_normal_f32)), 1, kTruncated, -1, 3);
  check(shifted(drawn<double>(n, truncated_normal_f64)), 1, kTruncated, -1, 3);
}

TEST_CASE("integers are evenly spread over their range, the widest included") {
  std::vector<std::int32_t> x(600000);
  integers(kStream, -3, 3, x.data(), 600000);
  std::vector<int> count(6, 0);
  for (const std::int32_t v : x) {
    REQUIRE((v >= -3 && v < 3));
    ++count[static_cast<std::size_t>(v + 3)];
  }
  for (const int c : count) CHECK(c == doctest::Approx(100000).epsilon(0.02));
  std::vector<std::int64_t> wide(1000);
  integers(kStream, INT64_MIN, INT64_MAX, wide.data(), 1000);
  int negative = 0;
  for (const std::int64_t v : wide) negative += v < 0;
  CHECK(negative > 400);
  CHECK(negative < 600);
  std::uint8_t bytes[100];
  integers(kStream, 255, 256, bytes, 100);
  for (const std::uint8_t b : bytes) CHECK(b == 255);
}

TEST_CASE("gamma draws have mean and variance alpha, also below 1") {
  for (const double alpha : {0.1, 0.7, 1.0, 3.0, 50.0}) {
    std::vector<double> shape(200000, alpha), x(200000);
    gamma(kStream, shape.data(), x.data(), 200000);
    const Moments m(x);
    CHECK(m.mean == doctest::Approx(alpha).epsilon(0.03));
    CHECK(m.variance == doctest::Approx(alpha).epsilon(0.05));
  }
  const float odd[] = {0.0f, -1.0f};
  float y[2];
  gamma(kStream, odd, y, 2);
  CHECK(y[0] == 0);
  CHECK(std::isnan(y[1]));
}
