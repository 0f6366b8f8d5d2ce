#include "kernels/copy.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <numeric>
#include <vector>

using namespace addax::kernels;

namespace {

using Sizes = std::vector<std::int64_t>;

template <class T>
std::vector<T> counting(std::int64_t n) {
  std::vector<T> x(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i + 1);
  return x;
}

// Where numpy.pad's reflect comes from: walk outwards and turn round at the ends.
std::int64_t reflected(std::int64_t i, std::int64_t n) {
  if (n == 1) return 0;
  std::int64_t at = i < 0 ? 0 : n - 1, direction = i < 0 ? 1 : -1;
  for (std::int64_t steps = i < 0 ? -i : i - n + 1; steps > 0; --steps) {
    at += direction;
    if (at == 0 || at == n - 1) direction = -direction;
  }
  return at;
}

template <class T>
void check_copies() {
  for (const Sizes& sizes :
       std::vector<Sizes>{{}, {0}, {1}, {17}, {100000}, {3, 5}, {70, 1, 33}, {4, 5, 6, 7}, {2, 0, 3}, {300, 500}}) {
    const int rank = static_cast<int>(sizes.size());
    std::int64_t n = 1;
    for (const auto s : sizes) n *= s;
    const auto x = counting<T>(n);
    Sizes forward(sizes.size()), backward(sizes.size());
    std::int64_t stride = 1, last = 0;
    for (int d = rank - 1; d >= 0; --d) {
      forward[static_cast<std::size_t>(d)] = stride;
      backward[static_cast<std::size_t>(d)] = -stride;
      last += (sizes[static_cast<std::size_t>(d)] - 1) * stride;
      stride *= sizes[static_cast<std::size_t>(d)];
    }
    std::vector<T> same(x.size()), reversed(x.size());
    copy_strided({x.data(), same.data(), sizeof(T), rank, sizes.data(), forward.data(), forward.data()});
    CHECK(same == x);
    if (n == 0) continue;
    copy_strided({x.data() + last, reversed.data(), sizeof(T), rank, sizes.data(), backward.data(), forward.data()});
    CHECK(reversed == std::vector<T>(x.rbegin(), x.rend()));
  }
}

}  // namespace

TEST_CASE("strided copies keep or reverse every element") {
  check_copies<std::uint8_t>();
  check_copies<std::uint16_t>();
  check_copies<float>();
  check_copies<double>();
}

TEST_CASE("fill writes the item everywhere") {
  for (const std::int64_t n : {0, 1, 7, 100001}) {
    std::vector<float> out(static_cast<std::size_t>(n));
    const float value = 2.5f;
    fill(out.data(), &value, 4, n);
    CHECK(out == std::vector<float>(out.size(), 2.5f));
  }
}

TEST_CASE("padding a vector agrees with numpy's modes, pads longer than the vector included") {
  const std::int32_t value = -7;
  for (const std::int64_t n : {1, 2, 3, 8}) {
    const auto x = counting<std::int32_t>(n);
    for (const std::int64_t low : {0, 1, 2, 9}) {
      for (const std::int64_t high : {0, 1, 3, 11}) {
        std::vector<std::int32_t> out(static_cast<std::size_t>(n + low + high));
        for (const PadMode mode : {PadMode::constant, PadMode::edge, PadMode::reflect, PadMode::symmetric}) {
          pad({x.data(), out.data(), 4, 1, &n, &low, &high, mode, &value});
          for (std::int64_t j = 0; j < n + low + high; ++j) {
            const std::int64_t i = j - low;
            std::int64_t from = i;
            if (i < 0 || i >= n) {
              from = mode == PadMode::constant ? -1 : mode == PadMode::edge ? (i < 0 ? 0 : n - 1) : 0;
              if (mode == PadMode::reflect) from = reflected(i, n);
              if (mode == PadMode::symmetric) {
                const std::int64_t period = 2 * n, k = ((i % period) + period) % period;
                from = k < n ? k : period - 1 - k;
              }
            }
            CHECK(out[static_cast<std::size_t>(j)] == (from < 0 ? value : x[static_cast<std::size_t>(from)]));
          }
        }
      }
    }
  }
}

TEST_CASE("padding a matrix pads rows and columns, and negative pads crop") {
  const float x[] = {1, 2, 3, 4, 5, 6}, zero = 0;
  const std::int64_t sizes[] = {2, 3}, low[] = {1, -1}, high[] = {0, 2};
  float out[3 * 4];
  pad({x, out, 4, 2, sizes, low, high, PadMode::constant, &zero});
  const std::vector<float> wanted = {0, 0, 0, 0, 2, 3, 0, 0, 5, 6, 0, 0};
  CHECK(std::vector<float>(out, out + 12) == wanted);
}
