#include "kernels/pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "kernels/kernels.h"
#include "numbers.h"

using namespace addax::kernels;

namespace {

std::int64_t volume(const std::int64_t (&size)[kSpatial]) { return size[0] * size[1] * size[2]; }

PoolShape random_shape(test::Numbers& r, std::int64_t largest_window) {
  PoolShape s{};
  s.batch = r.one_in(20) ? 0 : r.between(1, 3);
  const int rank = static_cast<int>(r.between(1, 3));
  for (int d = 0; d < kSpatial; ++d) {
    s.in[d] = s.out[d] = s.window[d] = s.stride[d] = 1;
    if (d < kSpatial - rank) continue;
    s.window[d] = r.between(1, largest_window);
    s.stride[d] = r.between(1, 4);
    const bool same = r.one_in(2);
    s.in[d] = r.between(same ? 1 : s.window[d], largest_window + 8);  // a padded image may be smaller than its windows
    if (same) {
      s.out[d] = (s.in[d] + s.stride[d] - 1) / s.stride[d];
      s.pad_low[d] = std::max<std::int64_t>(0, (s.out[d] - 1) * s.stride[d] + s.window[d] - s.in[d]) / 2;
    } else {
      s.out[d] = (s.in[d] - s.window[d]) / s.stride[d] + 1;
    }
  }
  constexpr std::int64_t kChannels[] = {1, 3, 7, 8, 15, 16, 17, 33};
  s.channels = kChannels[r.between(0, 7)];
  return s;
}

// Calls body(x index within the sample, tap) for the elements of the window of y element `at` of a sample.
template <class Body>
void for_each_in_window(const PoolShape& s, std::int64_t at, const Body& body) {
  const std::int64_t channel = at % s.channels, pixel = at / s.channels;
  const std::int64_t o[kSpatial] = {pixel / s.out[2] / s.out[1], pixel / s.out[2] % s.out[1], pixel % s.out[2]};
  for (std::int64_t tap = 0; tap < volume(s.window); ++tap) {
    const std::int64_t t[kSpatial] = {tap / s.window[2] / s.window[1], tap / s.window[2] % s.window[1],
                                      tap % s.window[2]};
    std::int64_t index = 0;
    bool inside = true;
    for (int d = 0; d < kSpatial; ++d) {
      const std::int64_t i = o[d] * s.stride[d] + t[d] - s.pad_low[d];
      inside = inside && i >= 0 && i < s.in[d];
      index = index * s.in[d] + i;
    }
    if (inside) body(index * s.channels + channel, tap);
  }
}

template <class T, class Index>
void check_pooling(std::uint32_t seed, std::int64_t largest_window, int rounds) {
  test::Numbers r(seed);
  const PoolFunctions<T>& k = kernels().pool.of<T>();
  for (int round = 0; round < rounds; ++round) {
    const PoolShape s = random_shape(r, largest_window);
    if (has_small_indices(volume(s.window)) != (sizeof(Index) == 1)) continue;
    const std::int64_t in = volume(s.in) * s.channels, out = volume(s.out) * s.channels;
    std::vector<T> x = r.vector<T>(s.batch * in);
    for (T& v : x) v = std::round(v * 4);  // many ties
    const std::vector<T> dy = r.vector<T>(s.batch * out);
    const auto size = [&](std::int64_t n) { return static_cast<std::size_t>(n); };
    std::vector<double> best(size(s.batch * out)), mean(best.size()), dmax(x.size()), dmean(x.size());
    std::vector<std::int64_t> at_best(best.size()), tap_of_best(best.size());
    for (std::int64_t i = 0; i < s.batch * out; ++i) {
      const std::int64_t sample = i / out * in;
      double top = -std::numeric_limits<double>::infinity(), sum = 0, count = 0;
      for_each_in_window(s, i % out, [&](std::int64_t at, std::int64_t tap) {
        const double v = static_cast<double>(x[size(sample + at)]);
        if (count == 0 || v > top) {
          top = v;
          at_best[size(i)] = at;
          tap_of_best[size(i)] = tap;
        }
        sum += v;
        count += 1;
      });
      best[size(i)] = top;
      mean[size(i)] = sum / count;
      const double g = static_cast<double>(dy[size(i)]);
      dmax[size(sample + at_best[size(i)])] += g;
      for_each_in_window(s, i % out, [&](std::int64_t at, std::int64_t) { dmean[size(sample + at)] += g / count; });
    }
    const double error = test::tolerance<T>(16);
    test::Guarded<T> y(s.batch * out), plain(s.batch * out), average(s.batch * out), dx(s.batch * in), da(s.batch * in);
    test::Guarded<Index> index(s.batch * out);
    k.max(s, x.data(), y.data(), index.data());
    k.max(s, x.data(), plain.data(), nullptr);
    k.average(s, x.data(), average.data());
    k.max_gradient(s, dy.data(), index.data(), dx.data());
    k.average_gradient(s, dy.data(), da.data());
    test::check_close(y, best, 0);
    test::check_close(plain, best, 0);
    test::check_close(index, std::vector<double>(tap_of_best.begin(), tap_of_best.end()), 0);
    test::check_close(average, mean, error);
    test::check_close(dx, dmax, error);
    test::check_close(da, dmean, error);
    test::Guarded<T> gathered(s.batch * out);
    k.gather(s, x.data(), index.data(), gathered.data());
    test::check_close(gathered, best, 0);
  }
}

}  // namespace

TEST_CASE("float32 pooling and its gradients agree with the definition") {
  check_pooling<float, std::uint8_t>(1, 4, 100);
  check_pooling<float, std::int32_t>(2, 20, 12);
}
TEST_CASE("float64 pooling and its gradients agree with the definition") {
  check_pooling<double, std::uint8_t>(3, 4, 100);
  check_pooling<double, std::int32_t>(4, 20, 12);
}
TEST_CASE("an index outside its window or the image belongs to no element") {
  PoolShape s{};
  s.batch = 1;
  s.channels = 1;
  for (int d = 0; d < kSpatial; ++d) s.in[d] = s.out[d] = s.window[d] = s.stride[d] = 1;
  s.in[2] = 3;
  s.out[2] = s.window[2] = s.stride[2] = 2;  // "same": the second window's second tap is padding
  const std::vector<float> x{1, 2, 3}, dy{10, 20};
  for (const int beyond : {1, 2, 255}) {
    const std::vector<std::uint8_t> index{1, static_cast<std::uint8_t>(beyond)};
    std::vector<float> dx(3, 7), y(2, 7);
    kernels().pool.f32.max_gradient(s, dy.data(), index.data(), dx.data());
    kernels().pool.f32.gather(s, x.data(), index.data(), y.data());
    CHECK(dx == std::vector<float>{0, 10, 0});
    CHECK(y == std::vector<float>{2, 0});
  }
}

TEST_CASE("max pooling gives the first NaN of a window, and -inf where there is nothing else") {
  PoolShape s{};
  s.batch = 1;
  s.channels = 17;
  for (int d = 0; d < kSpatial; ++d) s.in[d] = s.out[d] = s.window[d] = s.stride[d] = 1;
  s.in[2] = s.window[2] = 4;
  std::vector<float> x(4 * 17, -std::numeric_limits<float>::infinity());
  for (const int pixel : {1, 2}) x[static_cast<std::size_t>(pixel * 17 + 16)] = std::nanf("");
  x[3 * 17 + 16] = 5;
  std::vector<float> y(17), plain(17);
  std::vector<std::uint8_t> index(17);
  kernels().pool.f32.max(s, x.data(), y.data(), index.data());
  kernels().pool.f32.max(s, x.data(), plain.data(), nullptr);
  CHECK(std::isnan(y[16]));
  CHECK(std::isnan(plain[16]));
  CHECK(index[16] == 1);
  CHECK(y[3] == -std::numeric_limits<float>::infinity());
  CHECK(index[3] == 0);
}
