#include "kernels/resize.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "kernels/kernels.h"
#include "numbers.h"

using namespace addax::kernels;

namespace {

// The weights with which input positions enter output position o (half-pixel centres, edges repeated).
std::vector<std::pair<std::int64_t, double>> sources(std::int64_t o, std::int64_t in, std::int64_t out, bool nearest) {
  if (nearest) return {{std::min(in - 1, (2 * o + 1) * in / (2 * out)), 1.0}};
  const double at = (static_cast<double>(o) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
  const double below = std::floor(at), weight = at - below;
  const auto clamp = [&](double i) { return std::clamp<std::int64_t>(static_cast<std::int64_t>(i), 0, in - 1); };
  return {{clamp(below), 1 - weight}, {clamp(below + 1), weight}};
}

template <class T>
void check_resizing(const ResizeShape& s, bool nearest) {
  CAPTURE(s.in_height);
  CAPTURE(s.in_width);
  CAPTURE(s.out_height);
  CAPTURE(s.out_width);
  CAPTURE(s.channels);
  test::Numbers r(7);
  const std::int64_t in = s.batch * s.in_height * s.in_width * s.channels;
  const std::int64_t out = s.batch * s.out_height * s.out_width * s.channels;
  const std::vector<T> x = r.vector<T>(in), dy = r.vector<T>(out);
  std::vector<double> y(static_cast<std::size_t>(out)), dx(static_cast<std::size_t>(in));
  for (std::int64_t i = 0; i < out; ++i) {
    const std::int64_t c = i % s.channels, w = i / s.channels % s.out_width,
                       h = i / s.channels / s.out_width % s.out_height;
    const std::int64_t n = i / s.channels / s.out_width / s.out_height;
    for (const auto& [row, a] : sources(h, s.in_height, s.out_height, nearest)) {
      for (const auto& [column, b] : sources(w, s.in_width, s.out_width, nearest)) {
        const auto at = static_cast<std::size_t>(((n * s.in_height + row) * s.in_width + column) * s.channels + c);
        y[static_cast<std::size_t>(i)] += a * b * static_cast<double>(x[at]);
        dx[at] += a * b * static_cast<double>(dy[static_cast<std::size_t>(i)]);
      }
    }
  }
  const ResizeFunctions<T>& k = kernels().resize.of<T>();
  test::Guarded<T> got_y(out), got_dx(in);
  (nearest ? k.nearest : k.bilinear)(s, x.data(), got_y.data());
  (nearest ? k.nearest_gradient : k.bilinear_gradient)(s, dy.data(), got_dx.data());
  // Positions of float32 images are float32.
  const double error = sizeof(T) == 4 ? 3e-5 : 1e-13;
  test::check_close(got_y, y, error);
  test::check_close(got_dx, dx, error * 16);
}

}  // namespace

TEST_CASE("resizing and its gradient agree with the definition") {
  for (const bool nearest : {true, false}) {
    for (const auto& [h, w] : {std::pair{1, 1}, {4, 6}, {5, 5}, {1, 3}, {9, 2}}) {
      for (const auto& [oh, ow] : {std::pair{1, 1}, {8, 12}, {3, 4}, {5, 5}, {7, 13}, {0, 4}}) {
        for (const std::int64_t channels : {1, 3, 16, 19}) {
          check_resizing<float>({2, h, w, oh, ow, channels}, nearest);
          check_resizing<double>({2, h, w, oh, ow, channels}, nearest);
        }
      }
    }
  }
}
