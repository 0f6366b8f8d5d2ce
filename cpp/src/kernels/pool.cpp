#include "kernels/pool.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "base/build.h"
#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/pool_index.h"
#include "kernels/simd.h"

// Channels in the vector. Gradients gather: each input pixel asks which windows hold it, so rows can be computed in any
// order.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr std::int64_t kTaskWork = std::int64_t{1} << 13;  // elements read: some 0.5 µs

std::int64_t volume(const std::int64_t (&size)[kSpatial]) { return size[0] * size[1] * size[2]; }

struct Range {
  std::int64_t first, last;
  std::int64_t size() const { return last - first; }
};

// The part of output position o's window that lies in the image.
Range window_of(const PoolShape& s, int d, std::int64_t o) {
  const std::int64_t begin = o * s.stride[d] - s.pad_low[d];
  const std::int64_t first = std::clamp<std::int64_t>(begin, 0, s.in[d]);
  return {first, std::clamp<std::int64_t>(begin + s.window[d], first, s.in[d])};
}

// The output positions whose windows hold input position i.
Range holders_of(const PoolShape& s, int d, std::int64_t i) {
  const std::int64_t at = i + s.pad_low[d];
  const std::int64_t first = at < s.window[d] ? 0 : (at - s.window[d]) / s.stride[d] + 1;
  const std::int64_t last = std::min(s.out[d], at / s.stride[d] + 1);
  return {std::min(first, last), last};
}

// Calls body(sample, d, h) for the rows of `size`, in parallel; `work` is what a row costs.
template <class Body>
void for_each_row(std::int64_t batch, const std::int64_t (&size)[kSpatial], std::int64_t work, const Body& body) {
  const std::int64_t grain = std::max<std::int64_t>(1, kTaskWork / std::max<std::int64_t>(1, work));
  parallel_for(batch * size[0] * size[1], grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) body(r / size[1] / size[0], r / size[1] % size[0], r % size[1]);
  });
}

// The most elements of the image that a window holds: it may be far larger than the image.
std::int64_t most_held(const PoolShape& s) {
  std::int64_t n = 1;
  for (int d = 0; d < kSpatial; ++d) n *= std::min(s.window[d], s.in[d]);
  return n;
}

// Elements that enter one output element of channel 0: where they lie within the sample, their tap of the window, and
// their weight. The same for every channel, but for the channel itself.
template <class T>
struct Entry {
  std::int64_t at;
  MaskLane<T> tap;
  T weight;
};

// A list of entries in this thread's scratch memory: as many as a window can have.
template <class T>
Entry<T>* entries_for(const PoolShape& s) {
  return thread_scratch_of<Entry<T>>(0, most_held(s) + 1);
}

// Where a pixel stands in an image.
struct Pixel {
  std::int64_t at[kSpatial];
};

// The tap by which the window of output pixel `o` holds input pixel `i`.
std::int64_t tap_of(const PoolShape& s, const Pixel& o, const Pixel& i) {
  std::int64_t tap = 0;
  for (int d = 0; d < kSpatial; ++d) tap = tap * s.window[d] + i.at[d] + s.pad_low[d] - o.at[d] * s.stride[d];
  return tap;
}

// The elements of the window of an output pixel.
template <class T>
std::int64_t list_window(const PoolShape& s, const Pixel& o, Entry<T>* list) {
  const Range d = window_of(s, 0, o.at[0]), h = window_of(s, 1, o.at[1]), columns = window_of(s, 2, o.at[2]);
  const T weight = T{1} / static_cast<T>(std::max<std::int64_t>(1, d.size() * h.size() * columns.size()));
  std::int64_t count = 0;
  for (std::int64_t i = d.first; i < d.last; ++i) {
    for (std::int64_t j = h.first; j < h.last; ++j) {
      std::int64_t tap = tap_of(s, o, {i, j, columns.first});
      std::int64_t at = ((i * s.in[1] + j) * s.in[2] + columns.first) * s.channels;
      for (std::int64_t k = columns.first; k < columns.last; ++k, ++tap, at += s.channels)
        list[count++] = {at, static_cast<MaskLane<T>>(tap), weight};
    }
  }
  return count;
}

// Output positions along a row whose windows lie wholly inside the image: their lists differ by a shift alone.
Range inside(const PoolShape& s) {
  const std::int64_t first = std::min(s.out[2], (s.pad_low[2] + s.stride[2] - 1) / s.stride[2]);
  const std::int64_t room = s.in[2] - s.window[2] + s.pad_low[2];
  return {first, std::clamp<std::int64_t>(room < 0 ? 0 : room / s.stride[2] + 1, first, s.out[2])};
}

// Calls body(w, list, count, shift) for the pixels of output row (d, h): the window's entries are those of the list
// moved by shift.
template <class T, class Body>
ADDAX_INLINE void for_each_window(const PoolShape& s, std::int64_t d, std::int64_t h, const Body& body) {
  Entry<T>* const list = entries_for<T>(s);
  const Range whole = inside(s);
  std::int64_t count = 0;
  for (std::int64_t w = 0; w < s.out[2]; ++w) {
    const bool shifted = w > whole.first && w < whole.last;
    if (!shifted) count = list_window<T>(s, {d, h, w}, list);
    body(w, list, count, shifted ? (w - whole.first) * s.stride[2] * s.channels : std::int64_t{0});
  }
}

// Calls body(typed index).
template <class Body>
void with_indices(const PoolShape& s, void* index, const Body& body) {
  if (has_small_indices(volume(s.window))) {
    body(static_cast<std::uint8_t*>(index));
  } else {
    body(static_cast<std::int32_t*>(index));
  }
}

// Calls body(channel, lanes, partial) for each vector of channels; partial is a constant.
template <class T, class Body>
ADDAX_INLINE void for_each_vector(std::int64_t channels, const Body& body) {
  constexpr int W = kLanes<T>;
  std::int64_t c = 0;
  for (; c + W <= channels; c += W) body(c, std::int64_t{W}, std::false_type{});
  if (c < channels) body(c, channels - c, std::true_type{});
}

template <bool kPartial, class T>
ADDAX_INLINE Vec<T> read(const T* p, std::int64_t lanes) {
  return kPartial ? load_partial(p, lanes) : load(p);
}
template <bool kPartial, class T>
ADDAX_INLINE void write(T* p, Vec<T> v, std::int64_t lanes) {
  if (kPartial) {
    store_partial(p, v, lanes);
  } else {
    store(p, v);
  }
}

// One output pixel. The first element of the window stands, even if it is -inf; later ones must be greater, or NaN
// where the best is not. An empty list (no such window exists) gives -inf. A null index is not wanted.
template <class T, bool kIndex, class Index>
ADDAX_INLINE void max_pixel(const T* x, std::int64_t channels, const Entry<T>* list, std::int64_t count, T* y,
                            Index* index) {
  for_each_vector<T>(
      channels, [&](std::int64_t c, std::int64_t lanes, auto partial) __attribute__((always_inline)) {
        constexpr bool kPartial = decltype(partial)::value;
        Vec<T> best = Vec<T>{} - std::numeric_limits<T>::infinity();
        Mask<T> where{};
        if (count > 0) {
          best = read<kPartial>(x + list[0].at + c, lanes);
          if (kIndex) where = Mask<T>{} + list[0].tap;
        }
        for (std::int64_t t = 1; t < count; ++t) {
          const Vec<T> v = read<kPartial>(x + list[t].at + c, lanes);
          if constexpr (kIndex) {
            // Not "best >= v", nor is best NaN: v is greater or the first NaN.
            const Mask<T> better = ~((best >= v) | (best != best));
            best = select(better, v, best);
            where = select(better, Mask<T>{} + list[t].tap, where);
          } else {
            best = max_nan(best, v);
          }
        }
        write<kPartial>(y + c, best, lanes);
        if constexpr (kIndex && kPartial) {
          store_indices_partial<T>(index + c, where, lanes);
        } else if constexpr (kIndex) {
          store_indices<T>(index + c, where);
        }
      });
}

template <class T, bool kIndex, class Index>
void max_pool(const PoolShape& s, const T* x, T* y, Index* index) {
  const std::int64_t sample_size = volume(s.in) * s.channels;
  const std::int64_t work = s.out[2] * s.channels * most_held(s);
  for_each_row(s.batch, s.out, work, [&](std::int64_t n, std::int64_t d, std::int64_t h) {
    const T* const from = x + n * sample_size;
    const std::int64_t row = ((n * s.out[0] + d) * s.out[1] + h) * s.out[2];
    for_each_window<T>(s, d, h, [&](std::int64_t w, const Entry<T>* list, std::int64_t count, std::int64_t shift) {
      const std::int64_t at = (row + w) * s.channels;
      max_pixel<T, kIndex>(from + shift, s.channels, list, count, y + at, kIndex ? index + at : nullptr);
    });
  });
}

template <class T>
void max(const PoolShape& s, const T* x, T* y, void* index) {
  with_indices(s, index, [&](auto* at) {
    if (at != nullptr) {
      max_pool<T, true>(s, x, y, at);
    } else {
      max_pool<T, false>(s, x, y, at);
    }
  });
}

// What an element gets from one of the windows that hold it, which holds it by `tap`.
template <class T, bool kPartial, class Index>
ADDAX_INLINE Vec<T> share(const T* dy, const Index* index, std::int64_t tap, std::int64_t lanes) {
  const Mask<T> here = Mask<T>{} + static_cast<MaskLane<T>>(tap);
  const Mask<T> given = kPartial ? load_indices_partial<T>(index, lanes) : load_indices<T>(index);
  return select(given == here, read<kPartial>(dy, lanes), Vec<T>{});
}

// One pixel; dy and index begin at the sample. `tap`: by which the first window that holds the pixel does so.
template <class T, class Index>
ADDAX_INLINE void max_gradient_pixel(const PoolShape& s, Range planes, Range rows, Range columns, std::int64_t tap,
                                     const T* dy, const Index* index, T* dx) {
  const bool one = planes.size() == 1 && rows.size() == 1 && columns.size() == 1;  // as in most models
  const std::int64_t first = ((planes.first * s.out[1] + rows.first) * s.out[2] + columns.first) * s.channels;
  for_each_vector<T>(
      s.channels, [&](std::int64_t c, std::int64_t lanes, auto partial) __attribute__((always_inline)) {
        constexpr bool kPartial = decltype(partial)::value;
        if (one) {
          write<kPartial>(dx + c, share<T, kPartial>(dy + first + c, index + first + c, tap, lanes), lanes);
          return;
        }
        Vec<T> sum{};
        for (std::int64_t i = planes.first; i < planes.last; ++i) {
          for (std::int64_t j = rows.first; j < rows.last; ++j) {
            std::int64_t here =
                tap - (((i - planes.first) * s.stride[0]) * s.window[1] + (j - rows.first) * s.stride[1]) * s.window[2];
            std::int64_t from = ((i * s.out[1] + j) * s.out[2] + columns.first) * s.channels + c;
            for (std::int64_t k = columns.first; k < columns.last; ++k, here -= s.stride[2], from += s.channels)
              sum += share<T, kPartial>(dy + from, index + from, here, lanes);
          }
        }
        write<kPartial>(dx + c, sum, lanes);
      });
}

// An element asks the windows that hold it whether it was the greatest: written once, nothing is cleared before, and an
// index outside its window changes nothing.
template <class T>
void max_gradient(const PoolShape& s, const T* dy, const void* indices, T* dx) {
  const std::int64_t image_size = volume(s.in) * s.channels, pooled_size = volume(s.out) * s.channels;
  with_indices(s, const_cast<void*>(indices), [&](const auto* index) {
    for_each_row(s.batch, s.in, s.in[2] * s.channels * 2, [&](std::int64_t n, std::int64_t d, std::int64_t h) {
      const Range planes = holders_of(s, 0, d), rows = holders_of(s, 1, h);
      Range columns{0, 0};
      const std::int64_t row_tap = tap_of(s, {planes.first, rows.first, 0}, {d, h, 0});
      T* to = dx + n * image_size + (d * s.in[1] + h) * s.in[2] * s.channels;
      for (std::int64_t w = 0; w < s.in[2]; ++w, to += s.channels) {
        while (columns.last < s.out[2] && columns.last * s.stride[2] <= w + s.pad_low[2]) ++columns.last;
        while (columns.first < columns.last && columns.first * s.stride[2] + s.window[2] <= w + s.pad_low[2])
          ++columns.first;
        max_gradient_pixel<T>(s, planes, rows, columns, row_tap + w - columns.first * s.stride[2], dy + n * pooled_size,
                              index + n * pooled_size, to);
      }
    });
  });
}

// The element of output pixel o's window at tap `tap`; -1 if it is not in the image.
std::int64_t pixel_at(const PoolShape& s, const Pixel& o, std::int64_t tap) {
  if (tap < 0 || tap >= volume(s.window)) return -1;
  const std::int64_t taps[kSpatial] = {tap / s.window[2] / s.window[1], tap / s.window[2] % s.window[1],
                                       tap % s.window[2]};
  std::int64_t pixel = 0;
  for (int d = 0; d < kSpatial; ++d) {
    const std::int64_t i = o.at[d] * s.stride[d] - s.pad_low[d] + taps[d];
    if (i < 0 || i >= s.in[d]) return -1;
    pixel = pixel * s.in[d] + i;
  }
  return pixel;
}

// Of second derivatives alone: no vectors.
template <class T>
void gather(const PoolShape& s, const T* x, const void* indices, T* y) {
  with_indices(s, const_cast<void*>(indices), [&](const auto* index) {
    for_each_row(s.batch, s.out, s.out[2] * s.channels, [&](std::int64_t n, std::int64_t d, std::int64_t h) {
      const T* const from = x + n * volume(s.in) * s.channels;
      std::int64_t at = ((n * s.out[0] + d) * s.out[1] + h) * s.out[2] * s.channels;
      for (std::int64_t w = 0; w < s.out[2]; ++w) {
        for (std::int64_t c = 0; c < s.channels; ++c, ++at) {
          const std::int64_t pixel = pixel_at(s, {d, h, w}, index[at]);
          y[at] = pixel < 0 ? T{0} : from[pixel * s.channels + c];
        }
      }
    });
  });
}

template <class T>
void average(const PoolShape& s, const T* x, T* y) {
  const std::int64_t sample_size = volume(s.in) * s.channels;
  const std::int64_t work = s.out[2] * s.channels * most_held(s);
  for_each_row(s.batch, s.out, work, [&](std::int64_t n, std::int64_t d, std::int64_t h) {
    T* const to = y + ((n * s.out[0] + d) * s.out[1] + h) * s.out[2] * s.channels;
    for_each_window<T>(s, d, h, [&](std::int64_t w, const Entry<T>* list, std::int64_t count, std::int64_t shift) {
      const T* const from = x + n * sample_size + shift;
      for_each_vector<T>(
          s.channels, [&](std::int64_t c, std::int64_t lanes, auto partial) __attribute__((always_inline)) {
            constexpr bool kPartial = decltype(partial)::value;
            Vec<T> sum{};
            for (std::int64_t t = 0; t < count; ++t) sum += read<kPartial>(from + list[t].at + c, lanes);
            if (count > 0) sum = sum * list[0].weight;
            write<kPartial>(to + w * s.channels + c, sum, lanes);
          });
    });
  });
}

// A row of the image collects from the rows of windows that hold it, window by window.
template <class T>
void average_gradient(const PoolShape& s, const T* dy, T* dx) {
  const std::int64_t sample_size = volume(s.out) * s.channels;
  for_each_row(s.batch, s.in, s.in[2] * s.channels * 2, [&](std::int64_t n, std::int64_t d, std::int64_t h) {
    T* const to = dx + ((n * s.in[0] + d) * s.in[1] + h) * s.in[2] * s.channels;
    std::fill_n(to, s.in[2] * s.channels, T{0});
    const Range planes = holders_of(s, 0, d), rows = holders_of(s, 1, h);
    for (std::int64_t i = planes.first; i < planes.last; ++i) {
      for (std::int64_t j = rows.first; j < rows.last; ++j) {
        const std::int64_t area = window_of(s, 0, i).size() * window_of(s, 1, j).size();
        const T* from = dy + n * sample_size + (i * s.out[1] + j) * s.out[2] * s.channels;
        for (std::int64_t w = 0; w < s.out[2]; ++w, from += s.channels) {
          const Range columns = window_of(s, 2, w);
          const T weight = T{1} / static_cast<T>(std::max<std::int64_t>(1, area * columns.size()));
          for_each_vector<T>(
              s.channels, [&](std::int64_t c, std::int64_t lanes, auto partial) __attribute__((always_inline)) {
                constexpr bool kPartial = decltype(partial)::value;
                const Vec<T> g = read<kPartial>(from + c, lanes) * weight;
                for (std::int64_t k = columns.first; k < columns.last; ++k) {
                  T* const at = to + k * s.channels + c;
                  write<kPartial>(at, read<kPartial>(at, lanes) + g, lanes);
                }
              });
        }
      }
    }
  });
}

template <class T>
PoolFunctions<T> functions() {
  return {&max<T>, for_training(&max_gradient<T>), for_training(&gather<T>), &average<T>,
          for_training(&average_gradient<T>)};
}

}  // namespace

void fill(PoolKernels& table) {
  table.f32 = functions<float>();
  if constexpr (kFloat64) fill_float64(table);
}

}  // namespace addax::kernels::ADDAX_ISA_NS

// double serves gradient checks: compiled once, which keeps the library small.
#if defined(ADDAX_FLOAT64_HERE)
namespace addax::kernels {
void fill_float64(PoolKernels& table) { table.f64 = ADDAX_ISA_NS::functions<double>(); }
}  // namespace addax::kernels
#endif
