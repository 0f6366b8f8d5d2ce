#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/kernels.h"
#include "numbers.h"

using namespace addax::kernels;
using test::check_close;
using test::Guarded;
using test::Numbers;

namespace {

constexpr double kEpsilon = 1e-3;

struct Sizes {
  std::int64_t samples, positions, channels, groups;
};

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

double activated(double z, Activation activation) {
  if (activation == Activation::none) return z;
  z = z < 0 ? 0 : z;
  return activation == Activation::relu6 && z > 6 ? 6 : z;
}
bool open(double z, Activation activation) {
  return activation == Activation::none || (z > 0 && (activation != Activation::relu6 || z <= 6));
}

// Everything in double, by the definitions.
template <class T>
struct Reference {
  std::vector<double> mean, variance, y, dx, dgamma, dbeta;

  Reference(const Sizes& s, Activation activation, const std::vector<T>& x, const std::vector<T>& dy,
            const std::vector<T>& gamma, const std::vector<T>& beta)
      : mean(at(s.samples * s.groups)), variance(mean), y(x.size()), dx(x.size()), dgamma(gamma.size()), dbeta(dgamma) {
    const std::int64_t members = s.channels / s.groups;
    const double count = static_cast<double>(s.positions * members);
    for (std::int64_t n = 0; n < s.samples; ++n) {
      for (std::int64_t g = 0; g < s.groups; ++g) {
        const auto over_group = [&](auto f) {
          for (std::int64_t p = 0; p < s.positions; ++p)
            for (std::int64_t c = g * members; c < (g + 1) * members; ++c)
              f(at((n * s.positions + p) * s.channels + c), at(c));
        };
        double &m = mean[at(n * s.groups + g)], &v = variance[at(n * s.groups + g)];
        over_group([&](std::size_t i, std::size_t) { m += static_cast<double>(x[i]) / count; });
        over_group([&](std::size_t i, std::size_t) { v += std::pow(static_cast<double>(x[i]) - m, 2) / count; });
        const double r = 1 / std::sqrt(v + kEpsilon);
        double level = 0, slope = 0;
        const auto upstream = [&](std::size_t i, std::size_t c, double h) {
          const double z = h * static_cast<double>(gamma[c]) + static_cast<double>(beta[c]);
          return open(z, activation) ? static_cast<double>(dy[i]) : 0;
        };
        over_group([&](std::size_t i, std::size_t c) {
          const double h = (static_cast<double>(x[i]) - m) * r, d = upstream(i, c, h);
          y[i] = activated(h * static_cast<double>(gamma[c]) + static_cast<double>(beta[c]), activation);
          dbeta[c] += d;
          dgamma[c] += d * h;
          level += d * static_cast<double>(gamma[c]) / count;
          slope += d * static_cast<double>(gamma[c]) * h / count;
        });
        over_group([&](std::size_t i, std::size_t c) {
          const double h = (static_cast<double>(x[i]) - m) * r;
          dx[i] = r * (upstream(i, c, h) * static_cast<double>(gamma[c]) - level - h * slope);
        });
      }
    }
  }
};

template <class T>
void check_channels(const Sizes& s, Activation activation, double offset) {
  CAPTURE(s.samples);
  CAPTURE(s.positions);
  CAPTURE(s.channels);
  CAPTURE(s.groups);
  const ChannelNormOf<T>& k = kernels().norm_channels.of<T>();
  const bool batch = s.samples == 1 && s.groups == s.channels;
  const std::int64_t n = s.samples * s.positions * s.channels, statistics = s.samples * s.groups;
  Numbers numbers(static_cast<std::uint32_t>(s.channels));
  std::vector<T> x = numbers.vector<T>(n);
  for (T& v : x) v += static_cast<T>(offset);
  const auto dy = numbers.vector<T>(n), gamma = numbers.vector<T>(s.channels), beta = numbers.vector<T>(s.channels);
  const Reference<T> wanted(s, activation, x, dy, gamma, beta);
  const std::int64_t bytes =
      batch ? k.batch_workspace(s.positions, s.channels) : k.group_workspace(s.samples, s.channels);
  const auto workspace = test::workspace(bytes);

  Guarded<T> y(n), mean(statistics), variance(statistics);
  ChannelNorm<T> job{s.samples,    s.positions, s.channels, s.groups, kEpsilon,    activation,      x.data(),
                     gamma.data(), beta.data(), nullptr,    y.data(), mean.data(), variance.data(), workspace.get()};
  (batch ? k.batch : k.group)(job);
  // Deviations from a mean near `offset` are exact to the last bit of the offset.
  const double unit = (sizeof(T) == 4 ? 6e-8 : 1.1e-16) * (1 + offset);
  check_close(mean, wanted.mean, 2 * unit);
  check_close(variance, wanted.variance, 16 * unit / (1 + offset) + 4 * unit * unit);
  check_close(y, wanted.y, 64 * unit);

  Guarded<T> dx(n), dgamma(s.channels), dbeta(s.channels);
  const ChannelNormGradient<T> gradient{
      s.samples,   s.positions,     s.channels,   s.groups,    kEpsilon,  activation,    x.data(),     dy.data(),
      mean.data(), variance.data(), gamma.data(), beta.data(), dx.data(), dgamma.data(), dbeta.data(), workspace.get()};
  (batch ? k.batch_gradient : k.group_gradient)(gradient);
  const double tolerance = test::tolerance<T>(s.samples * s.positions) * (1 + offset);
  check_close(dx, wanted.dx, 4 * tolerance);
  check_close(dgamma, wanted.dgamma, 4 * tolerance);
  check_close(dbeta, wanted.dbeta, tolerance);
}

template <class T>
void check_rows(std::int64_t rows, std::int64_t size, bool centred) {
  CAPTURE(rows);
  CAPTURE(size);
  CAPTURE(centred);
  const RowNormOf<T>& k = kernels().norm_rows.of<T>();
  Numbers numbers(static_cast<std::uint32_t>(size));
  const auto x = numbers.vector<T>(rows * size), dy = numbers.vector<T>(rows * size);
  const auto gamma = numbers.vector<T>(size), beta = numbers.vector<T>(size);
  std::vector<double> y(x.size()), dx(x.size()), dgamma(gamma.size()), dbeta(gamma.size()), means(at(rows)),
      inverses(at(rows));
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto each = [&](auto f) {
      for (std::int64_t i = 0; i < size; ++i) f(at(r * size + i), at(i));
    };
    const double count = static_cast<double>(size);
    double mean = 0, power = 0, level = 0, slope = 0;
    if (centred) each([&](std::size_t i, std::size_t) { mean += static_cast<double>(x[i]) / count; });
    each([&](std::size_t i, std::size_t) { power += std::pow(static_cast<double>(x[i]) - mean, 2) / count; });
    const double inverse = 1 / std::sqrt(power + kEpsilon);
    means[at(r)] = mean;
    inverses[at(r)] = inverse;
    each([&](std::size_t i, std::size_t c) {
      const double h = (static_cast<double>(x[i]) - mean) * inverse,
                   g = static_cast<double>(dy[i]) * static_cast<double>(gamma[c]);
      y[i] = h * static_cast<double>(gamma[c]) + (centred ? static_cast<double>(beta[c]) : 0);
      dgamma[c] += static_cast<double>(dy[i]) * h;
      dbeta[c] += static_cast<double>(dy[i]);
      level += centred ? g / count : 0;
      slope += g * h / count;
    });
    each([&](std::size_t i, std::size_t c) {
      const double h = (static_cast<double>(x[i]) - mean) * inverse,
                   g = static_cast<double>(dy[i]) * static_cast<double>(gamma[c]);
      dx[i] = inverse * (g - level - h * slope);
    });
  }
  Guarded<T> got(rows * size), mean(rows), inverse(rows);
  const RowNorm<T> job{rows,        size,       kEpsilon,    x.data(),      gamma.data(),
                       beta.data(), got.data(), mean.data(), inverse.data()};
  (centred ? k.layer : k.rms)(job);
  // A row of one element is normalized to 0 or 1, times 1 / √epsilon at most.
  check_close(got, y, test::tolerance<T>(size) * 4);
  check_close(inverse, inverses, test::tolerance<T>(size) * 40);
  if (centred) check_close(mean, means, test::tolerance<T>(1));

  Guarded<T> got_dx(rows * size), got_dgamma(size), got_dbeta(size);
  const auto workspace = test::workspace(k.gradient_workspace(rows, size));
  const RowNormGradient<T> gradient{rows,           size,         x.data(),      dy.data(),         mean.data(),
                                    inverse.data(), gamma.data(), got_dx.data(), got_dgamma.data(), got_dbeta.data(),
                                    workspace.get()};
  (centred ? k.layer_gradient : k.rms_gradient)(gradient);
  check_close(got_dx, dx, test::tolerance<T>(size) * 40);
  check_close(got_dgamma, dgamma, test::tolerance<T>(rows) * 4);
  if (centred) check_close(got_dbeta, dbeta, test::tolerance<T>(rows));
}

}  // namespace

TEST_CASE("batch normalization and its gradient agree with double arithmetic") {
  for (const std::int64_t positions : {1, 2, 7, 130, 1000}) {
    for (const std::int64_t channels : {1, 3, 8, 10, 16, 24, 63, 64, 65, 80, 131}) {
      const Sizes sizes{1, positions, channels, channels};
      for (const Activation activation : {Activation::none, Activation::relu, Activation::relu6}) {
        check_channels<float>(sizes, activation, 0);
        check_channels<double>(sizes, activation, 0);
      }
    }
  }
  check_channels<float>({1, 30000, 10, 10}, Activation::none, 0);  // several chunks
  check_channels<float>({1, 3000, 67, 67}, Activation::relu, 0);
}

TEST_CASE("a mean far from zero does not spoil the variance") {
  check_channels<float>({1, 5000, 16, 16}, Activation::none, 100);
  check_channels<float>({3, 500, 24, 4}, Activation::none, 100);
}

TEST_CASE("the variance of sorted numbers and of one that stands out is right") {
  const ChannelNormOf<float>& k = kernels().norm_channels.f32;
  const std::int64_t n = 5000;
  const std::vector<float> one(1, 1.0f);
  for (const bool sorted : {true, false}) {
    std::vector<float> x(at(n));
    for (std::int64_t i = 0; i < n; ++i) x[at(i)] = sorted ? static_cast<float>(i) * 0.37f : static_cast<float>(i % 3);
    if (!sorted) x[0] = 1e5f;
    double mean = 0, variance = 0;
    for (const float v : x) mean += static_cast<double>(v) / static_cast<double>(n);
    for (const float v : x) variance += std::pow(static_cast<double>(v) - mean, 2) / static_cast<double>(n);
    std::vector<float> y(x.size());
    float got_mean, got_variance;
    const auto workspace = test::workspace(k.batch_workspace(n, 1));
    k.batch({1, n, 1, 1, kEpsilon, Activation::none, x.data(), one.data(), one.data(), nullptr, y.data(), &got_mean,
             &got_variance, workspace.get()});
    CHECK(got_mean == doctest::Approx(mean).epsilon(2e-7));
    CHECK(got_variance == doctest::Approx(variance).epsilon(3e-6));
  }
}

TEST_CASE("a shortcut is added before the activation") {
  const ChannelNormOf<float>& k = kernels().norm_channels.f32;
  const std::int64_t positions = 37, channels = 18, n = positions * channels;
  Numbers numbers(5);
  const auto x = numbers.vector<float>(n), shortcut = numbers.vector<float>(n), gamma = numbers.vector<float>(channels);
  const Reference<float> wanted({1, positions, channels, channels}, Activation::none, x, x, gamma, gamma);
  std::vector<double> y(wanted.y);
  for (std::size_t i = 0; i < y.size(); ++i)
    y[i] = activated(y[i] + static_cast<double>(shortcut[i]), Activation::relu);
  Guarded<float> got(n), mean(channels), variance(channels);
  const auto workspace = test::workspace(k.batch_workspace(positions, channels));
  k.batch({1, positions, channels, channels, kEpsilon, Activation::relu, x.data(), gamma.data(), gamma.data(),
           shortcut.data(), got.data(), mean.data(), variance.data(), workspace.get()});
  check_close(got, y, 4e-6);
}

TEST_CASE("group normalization and its gradient agree with double arithmetic") {
  for (const Sizes& sizes : {Sizes{1, 1, 1, 1}, Sizes{2, 5, 6, 3}, Sizes{3, 70, 24, 8}, Sizes{2, 130, 66, 2},
                             Sizes{5, 9, 12, 12}, Sizes{2, 900, 10, 1}, Sizes{0, 4, 4, 2}}) {
    check_channels<float>(sizes, Activation::none, 0);
    check_channels<double>(sizes, Activation::none, 0);
  }
}

TEST_CASE("nothing to normalize gives NaN statistics and touches nothing") {
  const ChannelNormOf<float>& k = kernels().norm_channels.f32;
  const std::vector<float> one(2, 1.0f);
  std::vector<float> mean(2), variance(2);
  const auto workspace = test::workspace(k.batch_workspace(0, 2));
  k.batch({1, 0, 2, 2, kEpsilon, Activation::none, nullptr, one.data(), one.data(), nullptr, nullptr, mean.data(),
           variance.data(), workspace.get()});
  CHECK(std::isnan(mean[1]));
  CHECK(std::isnan(variance[1]));
}

TEST_CASE("layer and root-mean-square normalization and their gradients agree with double arithmetic") {
  for (const std::int64_t rows : {0, 1, 3, 150}) {
    for (const std::int64_t size : {1, 2, 7, 15, 16, 17, 33, 64, 100, 256}) {
      for (const bool centred : {true, false}) {
        check_rows<float>(rows, size, centred);
        check_rows<double>(rows, size, centred);
      }
    }
  }
  check_rows<float>(5, 5000, true);
  check_rows<float>(5, 5000, false);
}
