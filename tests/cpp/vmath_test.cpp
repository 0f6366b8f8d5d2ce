// Element-wise kernels against libm in double: accuracy in units of the last place, special values, tails.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/elementwise.h"

using namespace addax::kernels;

namespace {

const float kInf = std::numeric_limits<float>::infinity();
const float kNaN = std::numeric_limits<float>::quiet_NaN();

// Distance in units of the last place of the float nearest to `want`; huge where one is NaN or infinite alone.
double ulps(float got, double want) {
  constexpr double kFar = 1e9;
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got) ? 0 : kFar;
  const auto nearest = static_cast<float>(want);
  if (std::isinf(nearest) || std::isinf(got)) return nearest == got ? 0 : kFar;
  int exponent;
  std::frexp(nearest, &exponent);
  return std::fabs(got - want) / std::ldexp(1.0, std::max(exponent, -125) - 24);
}

struct Case {
  Opcode opcode;
  double (*reference)(double);
  float low, high;
  double tolerance;  // ulp
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
double rsqrt(double x) { return 1 / std::sqrt(x); }

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {Opcode::exp, std::exp, -104, 89, 1.1},          {Opcode::expm1, std::expm1, -20, 89, 1.6},
      {Opcode::log, std::log, 0, 3.4e38f, 1},          {Opcode::log, std::log, 0.5, 2, 1},
      {Opcode::log1p, std::log1p, -1, 3.4e38f, 1.6},   {Opcode::log1p, std::log1p, -0.9f, 2, 1.6},
      {Opcode::tanh, std::tanh, -10, 10, 1.6},         {Opcode::sigmoid, sigmoid, -100, 100, 2.5},
      {Opcode::softplus, softplus, -100, 100, 2},      {Opcode::sinh, std::sinh, -89, 89, 2},
      {Opcode::cosh, std::cosh, -89, 89, 2},           {Opcode::erf, std::erf, -5, 5, 1.6},
      {Opcode::sin, std::sin, -1000, 1000, 1.8},       {Opcode::sin, std::sin, -1e38f, 1e38f, 1.8},
      {Opcode::cos, std::cos, -1e5f, 1e5f, 1.8},       {Opcode::tan, std::tan, -1e4f, 1e4f, 4},
      {Opcode::arctan, std::atan, -1e38f, 1e38f, 2.5}, {Opcode::arctan, std::atan, -3, 3, 2.5},
      {Opcode::arcsin, std::asin, -1, 1, 2.6},         {Opcode::arccos, std::acos, -1, 1, 1.6},
      {Opcode::arcsinh, std::asinh, -3e38f, 3e38f, 2}, {Opcode::arccosh, std::acosh, 1, 3e38f, 2.6},
      {Opcode::arccosh, std::acosh, 1, 3, 2.6},        {Opcode::arctanh, std::atanh, -1, 1, 2.5},
      {Opcode::sqrt, std::sqrt, 0, 3e38f, 0.5001},     {Opcode::rsqrt, rsqrt, 1e-37f, 3e38f, 2},
      {Opcode::floor, std::floor, -1e9f, 1e9f, 0},     {Opcode::ceil, std::ceil, -100, 100, 0},
      {Opcode::round, std::nearbyint, -100, 100, 0},   {Opcode::trunc, std::trunc, -100, 100, 0},
  };
  return list;
}

// Half of the numbers evenly spread, half with random bits (all magnitudes).
std::vector<float> numbers(float low, float high, std::size_t n) {
  std::mt19937 rng(7);
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t bits = rng();
    std::memcpy(&x[i], &bits, sizeof bits);
    if (i % 2 == 0 || !(x[i] >= low && x[i] <= high))
      x[i] = static_cast<float>(low + (static_cast<double>(high) - low) * (rng() / 4294967296.0));
  }
  return x;
}

std::vector<float> apply(Opcode opcode, const std::vector<float>& x) {
  std::vector<float> y(x.size(), 77.0f);
  rows_of(Element::float32).unary[static_cast<int>(opcode)](x.data(), y.data(), static_cast<std::int64_t>(x.size()));
  return y;
}

}  // namespace

TEST_CASE("float32 functions are within a few units of the last place of libm in double") {
  for (const Case& c : cases()) {
    const std::vector<float> x = numbers(c.low, c.high, 200000), y = apply(c.opcode, x);
    double worst = 0;
    float where = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double error = ulps(y[i], c.reference(x[i]));
      if (error > worst) {
        worst = error;
        where = x[i];
      }
    }
    INFO(std::string(name_of(c.opcode)) << " at " << where);
    CHECK(worst <= c.tolerance);
  }
}

// Every 4,001st float, of either sign, from 0 over denormals to infinity and NaN. The worst error of each function is
// printed as a table by `-s` (docs/performance.md has it).
TEST_CASE("the functions that models use most are within 2 ulp over all floats") {
  const struct {
    Opcode opcode;
    double (*reference)(double);
  } functions[] = {{Opcode::exp, std::exp},     {Opcode::expm1, std::expm1},  {Opcode::log, std::log},
                   {Opcode::log1p, std::log1p}, {Opcode::tanh, std::tanh},    {Opcode::sigmoid, sigmoid},
                   {Opcode::erf, std::erf},     {Opcode::softplus, softplus}, {Opcode::sinh, std::sinh},
                   {Opcode::cosh, std::cosh},   {Opcode::sqrt, std::sqrt},    {Opcode::sin, std::sin},
                   {Opcode::cos, std::cos}};
  std::vector<float> x;
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32; bits += 4001) {
    const auto word = static_cast<std::uint32_t>(bits);
    std::memcpy(&x.emplace_back(), &word, sizeof word);
  }
  for (const auto& f : functions) {
    const std::vector<float> y = apply(f.opcode, x);
    double worst = 0;
    float where = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double error = ulps(y[i], f.reference(x[i]));
      if (error > worst) {
        worst = error;
        where = x[i];
      }
    }
    INFO(std::string(name_of(f.opcode)) << ": " << worst << " ulp at " << where);
    CHECK(worst <= 2);
  }
}

double normal(double x) { return 0.5 * std::erfc(-x * std::sqrt(0.5)); }
double normal_density(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2 * std::acos(-1.0)); }

// The formula 0.5 x (1 + erf(x / √2)) in float32 has lost half of its digits at −3 and all of them at −5.5.
TEST_CASE("gelu keeps its digits far below zero") {
  const std::vector<float> x = numbers(-5.5f, 12, 400000), y = apply(Opcode::gelu, x);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double v = x[i], want = v * normal(v);
    if (std::fabs(want) < 1e-37) continue;  // denormals
    worst =
        std::max(worst, std::fabs(y[i] - want) / (std::fabs(want) * (1 + 0.5 * std::min(v, 0.0) * std::min(v, 0.0))));
  }
  INFO(worst);
  CHECK(worst <= 2.5e-7);
}

TEST_CASE("the slope of gelu is exact to a unit of the last place of 1") {
  const std::vector<float> x = numbers(-20, 20, 400000), y = apply(Opcode::gelu_slope, x);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double v = x[i];
    worst = std::max(worst, std::fabs(y[i] - (normal(v) + v * normal_density(v))));
  }
  INFO(worst);
  CHECK(worst <= 1.2e-7);
}

TEST_CASE("gelu and its slope end in 0 and x, in 0 and 1") {
  const std::vector<float> x = {0.0f, -0.0f, kInf, -kInf, 20.0f, -20.0f, 3e38f, -3e38f, kNaN};
  const std::vector<float> y = apply(Opcode::gelu, x), slope = apply(Opcode::gelu_slope, x);
  const std::vector<float> wanted = {0, 0, kInf, 0, 20, 0, 3e38f, 0}, wanted_slope = {0.5, 0.5, 1, 0, 1, 0, 1, 0};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    INFO(x[i]);
    CHECK(ulps(y[i], wanted[i]) == 0);
    CHECK(std::signbit(y[i]) == std::signbit(x[i]));
    CHECK(std::fabs(slope[i] - wanted_slope[i]) <= 1e-7f);
  }
  CHECK(std::isnan(y.back()));
  CHECK(std::isnan(slope.back()));
}

TEST_CASE("float32 functions take zeros, infinities, NaN and denormals as libm does, sign of zero included") {
  const std::vector<float> x = {0.0f,   -0.0f,   kInf,   -kInf,   kNaN,  1.0f,   -1.0f,
                                1e-45f, -1e-45f, 1e-39f, -1e-39f, 3e38f, -3e38f, 1e-20f};
  for (const Case& c : cases()) {
    const std::vector<float> y = apply(c.opcode, x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = c.reference(x[i]);
      INFO(std::string(name_of(c.opcode)) << " of " << x[i] << " gave " << y[i] << ", not " << want);
      CHECK(ulps(y[i], want) <= 4);
      if (want == 0) CHECK(std::signbit(y[i]) == std::signbit(want));
    }
  }
}

TEST_CASE("erfinv undoes erf in both types") {
  const std::vector<float> x = numbers(-0.999f, 0.999f, 10000), y = apply(Opcode::erfinv, x);
  for (std::size_t i = 0; i < x.size(); ++i)
    CHECK(std::erf(static_cast<double>(y[i])) == doctest::Approx(x[i]).epsilon(1e-6));
  std::vector<double> wide = {-0.999999, -0.5, -1e-9, 0, 0.3, 0.7, 1 - 1e-12}, back(wide.size());
  rows_of(Element::float64).unary[static_cast<int>(Opcode::erfinv)](wide.data(), back.data(), 7);
  for (std::size_t i = 0; i < wide.size(); ++i) CHECK(std::erf(back[i]) == doctest::Approx(wide[i]).epsilon(1e-14));
  CHECK(apply(Opcode::erfinv, {1.0f, -1.0f, 2.0f})[0] == kInf);
  CHECK(apply(Opcode::erfinv, {1.0f, -1.0f, 2.0f})[1] == -kInf);
  CHECK(std::isnan(apply(Opcode::erfinv, {1.0f, -1.0f, 2.0f})[2]));
}

TEST_CASE("power and arctan2 agree with libm, special values included") {
  const auto row = [](Opcode o) { return rows_of(Element::float32).binary[static_cast<int>(o)]; };
  const std::vector<float> special = {0.0f, -0.0f, kInf, -kInf, kNaN,   1.0f,  -1.0f,       2.0f,       -2.0f,
                                      3.0f, -3.0f, 0.5f, -0.5f, 1e-45f, 3e38f, 16777217.0f, 33554432.0f};
  std::vector<float> a = numbers(-1e3f, 1e3f, 20000), b = numbers(-20, 20, 20000);
  for (const float p : special)
    for (const float q : special) {
      a.push_back(p);
      b.push_back(q);
    }
  std::vector<float> y(a.size());
  const auto n = static_cast<std::int64_t>(a.size());
  row(Opcode::power)(a.data(), 1, b.data(), 1, y.data(), n);
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO(a[i] << " ^ " << b[i]);
    CHECK(ulps(y[i], std::pow(static_cast<double>(a[i]), static_cast<double>(b[i]))) <= 1);
  }
  row(Opcode::arctan2)(a.data(), 1, b.data(), 1, y.data(), n);
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO("arctan2 of " << a[i] << ", " << b[i]);
    const double want = std::atan2(static_cast<double>(a[i]), static_cast<double>(b[i]));
    CHECK(ulps(y[i], want) <= 3);
    if (!std::isnan(want)) CHECK(std::signbit(y[i]) == std::signbit(want));
  }
  for (const float exponent : {2.0f, 1.0f, -1.0f, 0.5f, 3.0f, 0.0f}) {
    row(Opcode::power)(special.data(), 1, &exponent, 0, y.data(), static_cast<std::int64_t>(special.size()));
    for (std::size_t i = 0; i < special.size(); ++i) {
      INFO(special[i] << " ^ " << exponent);
      const float want = std::pow(special[i], exponent);
      CHECK(ulps(y[i], want) <= 1);
      if (!std::isnan(want)) CHECK(std::signbit(y[i]) == std::signbit(want));
    }
  }
}
