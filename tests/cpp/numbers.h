// Test data: small, repeatable numbers, and comparisons that name the worst element.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/aligned.h"

namespace test {

class Numbers {
 public:
  explicit Numbers(std::uint32_t seed) : state_(seed * 2654435761u + 1) {}

  std::uint32_t bits() {
    state_ = state_ * 1664525u + 1013904223u;
    return state_ >> 8;
  }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(bits() % static_cast<std::uint32_t>(high - low + 1));
  }
  bool one_in(int n) { return between(1, n) == 1; }
  template <class T>
  std::vector<T> vector(std::int64_t n) {
    std::vector<T> x(static_cast<std::size_t>(n));
    for (T& v : x) v = static_cast<T>(static_cast<double>(bits()) / 8388608.0 - 1.0);
    return x;
  }

 private:
  std::uint32_t state_;
};

// An output that notices writes beyond its end.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::int64_t n) : values_(static_cast<std::size_t>(n + kGuard), T(77)), size_(n) {}
  T* data() { return values_.data(); }
  const T& operator[](std::int64_t i) const { return values_[static_cast<std::size_t>(i)]; }
  std::int64_t size() const { return size_; }
  bool intact() const {
    for (std::int64_t i = size_; i < size_ + kGuard; ++i) {
      if ((*this)[i] != T(77)) return false;
    }
    return true;
  }

 private:
  static constexpr std::int64_t kGuard = 16;
  std::vector<T> values_;
  std::int64_t size_;
};

// Rounding errors of a sum of `terms` products of numbers up to 1 grow like its square root.
template <class T>
double tolerance(std::int64_t terms) {
  return (sizeof(T) == 4 ? 2e-6 : 8e-15) * (1 + std::sqrt(static_cast<double>(terms)));
}

template <class T>
void check_close(const Guarded<T>& got, const std::vector<double>& wanted, double tolerance) {
  std::int64_t worst = -1;
  double error = tolerance;
  for (std::int64_t i = 0; i < got.size(); ++i) {
    const double e = std::abs(static_cast<double>(got[i]) - wanted[static_cast<std::size_t>(i)]);
    if (!(e <= error)) {
      error = e;
      worst = i;
    }
  }
  if (worst >= 0) {
    FAIL_CHECK("element " << worst << " of " << got.size() << " is " << got[worst] << ", wanted "
                          << wanted[static_cast<std::size_t>(worst)]);
  }
  CHECK_MESSAGE(got.intact(), "wrote beyond the end");
}

// A workspace full of garbage.
inline std::unique_ptr<char[], addax::AlignedDelete> workspace(std::int64_t bytes) {
  auto memory = addax::make_aligned<char>(bytes + 1, "a test's workspace");
  for (std::int64_t i = 0; i < bytes; ++i) memory[static_cast<std::size_t>(i)] = 0x7f;
  return memory;
}

}  // namespace test
