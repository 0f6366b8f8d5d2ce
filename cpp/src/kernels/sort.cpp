#include "kernels/sort.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "base/parallel.h"

namespace addax::kernels {
namespace {

using std::int64_t;

template <class T>
bool less(T a, T b) {
  return a < b || (b != b && a == a);
}

// Walks every `step`-th element: sorts a column where it lies, without memory of its own.
template <class T>
class Strided {
 public:
  using iterator_category = std::random_access_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using pointer = T*;
  using reference = T&;

  Strided() = default;
  Strided(T* at, int64_t step) : at_(at), step_(step) {}
  T& operator*() const { return *at_; }
  T* operator->() const { return at_; }
  T& operator[](difference_type n) const { return at_[n * step_]; }
  Strided& operator+=(difference_type n) {
    at_ += n * step_;
    return *this;
  }
  Strided& operator-=(difference_type n) { return *this += -n; }
  Strided& operator++() { return *this += 1; }
  Strided& operator--() { return *this += -1; }
  Strided operator++(int) {
    Strided old = *this;
    ++*this;
    return old;
  }
  Strided operator--(int) {
    Strided old = *this;
    --*this;
    return old;
  }
  friend Strided operator+(Strided i, difference_type n) { return i += n; }
  friend Strided operator+(difference_type n, Strided i) { return i += n; }
  friend Strided operator-(Strided i, difference_type n) { return i += -n; }
  friend difference_type operator-(const Strided& a, const Strided& b) { return (a.at_ - b.at_) / a.step_; }
  friend bool operator==(const Strided& a, const Strided& b) { return a.at_ == b.at_; }
  friend auto operator<=>(const Strided& a, const Strided& b) { return a.at_ <=> b.at_; }

 private:
  T* at_ = nullptr;
  int64_t step_ = 1;
};

// Sorts the `size` elements from `first` on, `step` apart.
template <class T, class Less>
void sort_line(T* first, int64_t size, int64_t step, const Less& before) {
  if (step == 1) {
    std::sort(first, first + size, before);
  } else {
    std::sort(Strided<T>(first, step), Strided<T>(first, step) + size, before);
  }
}

// About 20 comparisons per element, and a thread should have some 10⁵ to do.
int64_t grain_for(int64_t size) { return std::max<int64_t>(1, 8192 / std::max<int64_t>(1, size)); }

}  // namespace

template <class T>
void sort(const T* x, T* out, int64_t outer, int64_t size, int64_t inner) {
  if (size == 0) return;
  parallel_for(outer * inner, grain_for(size), [&](int64_t first, int64_t last) {
    for (int64_t line = first; line < last; ++line) {
      const int64_t base = line / inner * size * inner + line % inner;
      for (int64_t i = 0; i < size; ++i) out[base + i * inner] = x[base + i * inner];
      sort_line(out + base, size, inner, less<T>);
    }
  });
}

template <class T>
void argsort(const T* x, std::int32_t* out, int64_t outer, int64_t size, int64_t inner) {
  if (size == 0) return;
  parallel_for(outer * inner, grain_for(size), [&](int64_t first, int64_t last) {
    for (int64_t line = first; line < last; ++line) {
      const int64_t base = line / inner * size * inner + line % inner;
      for (int64_t i = 0; i < size; ++i) out[base + i * inner] = static_cast<std::int32_t>(i);
      const T* values = x + base;
      sort_line(out + base, size, inner, [=](std::int32_t i, std::int32_t j) {
        const T a = values[i * inner], b = values[j * inner];
        return less(a, b) || (!less(b, a) && i < j);
      });
    }
  });
}

template <class T>
void top_k(const T* x, T* values, std::int32_t* indices, int64_t rows, int64_t size, int64_t k) {
  if (k == 0) return;
  parallel_for(rows, grain_for(size), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const T* from = x + row * size;
      std::int32_t* best = indices + row * k;
      const auto better = [=](std::int32_t i, std::int32_t j) {
        return less(from[j], from[i]) || (!less(from[i], from[j]) && i < j);
      };
      // A heap of the best k so far with the worst of them on top.
      for (int64_t i = 0; i < k; ++i) best[i] = static_cast<std::int32_t>(i);
      std::make_heap(best, best + k, better);
      for (int64_t i = k; i < size; ++i) {
        if (!less(from[best[0]], from[i])) continue;
        std::pop_heap(best, best + k, better);
        best[k - 1] = static_cast<std::int32_t>(i);
        std::push_heap(best, best + k, better);
      }
      std::sort_heap(best, best + k, better);
      for (int64_t i = 0; i < k; ++i) values[row * k + i] = from[best[i]];
    }
  });
}

#define ADDAX_FOR_TYPE(T)                                                    \
  template void sort(const T*, T*, int64_t, int64_t, int64_t);               \
  template void argsort(const T*, std::int32_t*, int64_t, int64_t, int64_t); \
  template void top_k(const T*, T*, std::int32_t*, int64_t, int64_t, int64_t);

ADDAX_FOR_TYPE(float)
ADDAX_FOR_TYPE(double)
ADDAX_FOR_TYPE(std::int32_t)
ADDAX_FOR_TYPE(std::int64_t)
ADDAX_FOR_TYPE(std::uint8_t)

}  // namespace addax::kernels
