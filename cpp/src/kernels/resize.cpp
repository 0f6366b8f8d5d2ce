#include "kernels/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/build.h"
#include "base/parallel.h"
#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr std::int64_t kTaskWork = std::int64_t{1} << 16;  // elements written

// floor((o + 1/2) · in / out), in whole numbers: no rounding can move it to a neighbour.
std::int64_t nearest_source(std::int64_t o, std::int64_t in, std::int64_t out) {
  return std::min(in - 1, (2 * o + 1) * in / (2 * out));
}

// The two input positions around (o + 1/2) · in / out - 1/2 and the weight of the second. Coordinates are float32 for
// float32 images, as in TensorFlow.
template <class T>
struct Between {
  std::int64_t low, high;
  T weight;
  Between(std::int64_t o, std::int64_t in, std::int64_t out) {
    const T scale = static_cast<T>(in) / static_cast<T>(out);
    const T at = (static_cast<T>(o) + T(0.5)) * scale - T(0.5);
    const T below = std::floor(at);
    weight = at - below;
    low = std::clamp<std::int64_t>(static_cast<std::int64_t>(below), 0, in - 1);
    high = std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(at)), 0, in - 1);
  }
};

std::int64_t row_grain(std::int64_t columns, std::int64_t channels) {
  return std::max<std::int64_t>(1, kTaskWork / std::max<std::int64_t>(1, columns * channels));
}

template <class T>
void nearest(const ResizeShape& s, const T* x, T* y) {
  const std::size_t pixel = static_cast<std::size_t>(s.channels) * sizeof(T);
  parallel_for(s.batch * s.out_height, row_grain(s.out_width, s.channels), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      const std::int64_t h = nearest_source(r % s.out_height, s.in_height, s.out_height);
      const T* const row = x + (r / s.out_height * s.in_height + h) * s.in_width * s.channels;
      T* to = y + r * s.out_width * s.channels;
      for (std::int64_t w = 0; w < s.out_width; ++w, to += s.channels) {
        std::memcpy(to, row + nearest_source(w, s.in_width, s.out_width) * s.channels, pixel);
      }
    }
  });
}

template <class T>
void add_to(T* to, const T* from, std::int64_t n) {
  constexpr int W = kLanes<T>;
  std::int64_t i = 0;
  for (; i + W <= n; i += W) store(to + i, load(to + i) + load(from + i));
  for (; i < n; ++i) to[i] += from[i];
}

// The first output row whose source is `h` or a later row. Sources ascend with the rows.
std::int64_t first_row_from(std::int64_t h, std::int64_t in, std::int64_t out) {
  std::int64_t low = 0, high = out;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (nearest_source(middle, in, out) < h) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

template <class T>
void nearest_gradient(const ResizeShape& s, const T* dy, T* dx) {
  parallel_for(s.batch * s.in_height, row_grain(s.in_width, s.channels), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      const std::int64_t n = r / s.in_height, h = r % s.in_height;
      T* const to = dx + r * s.in_width * s.channels;
      std::fill_n(to, s.in_width * s.channels, T{0});
      const std::int64_t end = first_row_from(h + 1, s.in_height, s.out_height);
      for (std::int64_t o = first_row_from(h, s.in_height, s.out_height); o < end; ++o) {
        const T* from = dy + (n * s.out_height + o) * s.out_width * s.channels;
        for (std::int64_t w = 0; w < s.out_width; ++w, from += s.channels) {
          add_to(to + nearest_source(w, s.in_width, s.out_width) * s.channels, from, s.channels);
        }
      }
    }
  });
}

template <class T>
ADDAX_INLINE Vec<T> between(Vec<T> a, Vec<T> b, T weight) {
  return a + (b - a) * weight;
}

template <class T>
void bilinear(const ResizeShape& s, const T* x, T* y) {
  constexpr int W = kLanes<T>;
  parallel_for(s.batch * s.out_height, row_grain(s.out_width, s.channels), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      const Between<T> v(r % s.out_height, s.in_height, s.out_height);
      const T* const image = x + r / s.out_height * s.in_height * s.in_width * s.channels;
      const T* const upper = image + v.low * s.in_width * s.channels;
      const T* const lower = image + v.high * s.in_width * s.channels;
      T* to = y + r * s.out_width * s.channels;
      for (std::int64_t w = 0; w < s.out_width; ++w, to += s.channels) {
        const Between<T> u(w, s.in_width, s.out_width);
        const std::int64_t left = u.low * s.channels, right = u.high * s.channels;
        for (std::int64_t c = 0; c < s.channels; c += W) {
          const std::int64_t lanes = std::min<std::int64_t>(W, s.channels - c);
          const auto read = [&](const T* p) { return lanes == W ? load(p + c) : load_partial(p + c, lanes); };
          const Vec<T> a = between(read(upper + left), read(upper + right), u.weight);
          const Vec<T> b = between(read(lower + left), read(lower + right), u.weight);
          const Vec<T> value = between(a, b, v.weight);
          if (lanes == W) {
            store(to + c, value);
          } else {
            store_partial(to + c, value, lanes);
          }
        }
      }
    }
  });
}

template <class T>
void add_scaled(T* to, const T* from, T scale, std::int64_t n) {
  constexpr int W = kLanes<T>;
  std::int64_t i = 0;
  for (; i + W <= n; i += W) store(to + i, load(to + i) + load(from + i) * scale);
  for (; i < n; ++i) to[i] += from[i] * scale;
}

template <class T>
void bilinear_gradient(const ResizeShape& s, const T* dy, T* dx) {
  const std::int64_t size = s.in_height * s.in_width * s.channels;
  parallel_for(s.batch, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n) {
      T* const image = dx + n * size;
      std::fill_n(image, size, T{0});
      for (std::int64_t h = 0; h < s.out_height; ++h) {
        const Between<T> v(h, s.in_height, s.out_height);
        T* const upper = image + v.low * s.in_width * s.channels;
        T* const lower = image + v.high * s.in_width * s.channels;
        const T* from = dy + (n * s.out_height + h) * s.out_width * s.channels;
        for (std::int64_t w = 0; w < s.out_width; ++w, from += s.channels) {
          const Between<T> u(w, s.in_width, s.out_width);
          add_scaled(upper + u.low * s.channels, from, (1 - v.weight) * (1 - u.weight), s.channels);
          add_scaled(upper + u.high * s.channels, from, (1 - v.weight) * u.weight, s.channels);
          add_scaled(lower + u.low * s.channels, from, v.weight * (1 - u.weight), s.channels);
          add_scaled(lower + u.high * s.channels, from, v.weight * u.weight, s.channels);
        }
      }
    }
  });
}

template <class T>
ResizeFunctions<T> functions() {
  return {&nearest<T>, &bilinear<T>, for_training(&nearest_gradient<T>), for_training(&bilinear_gradient<T>)};
}

}  // namespace

void fill(ResizeKernels& table) {
  table.f32 = functions<float>();
  if constexpr (kFloat64) fill_float64(table);
}

}  // namespace addax::kernels::ADDAX_ISA_NS

// double serves gradient checks: compiled once, which keeps the library small.
#if defined(ADDAX_FLOAT64_HERE)
namespace addax::kernels {
void fill_float64(ResizeKernels& table) { table.f64 = ADDAX_ISA_NS::functions<double>(); }
}  // namespace addax::kernels
#endif
