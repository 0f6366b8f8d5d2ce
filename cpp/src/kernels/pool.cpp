#include "kernels/pool.h"

#include <algorithm>
#include <limits>

#include "base/parallel.h"
#include "kernels/simd.h"

// Channels in the vector. Gradients gather: each input pixel asks which windows hold it, so rows can be computed in any
// order.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr std::int64_t kTaskWork = std::int64_t{1} << 17;  // elements read

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

template <class T>
ADDAX_INLINE Vec<T> read(const T* p, std::int64_t lanes) {
  return lanes == kLanes<T> ? load(p) : load_partial(p, lanes);
}
template <class T>
ADDAX_INLINE void write(T* p, Vec<T> v, std::int64_t lanes) {
  if (lanes == kLanes<T>) {
    store(p, v);
  } else {
    store_partial(p, v, lanes);
  }
}

// Stores indices, counted in lanes as wide as T, as int32.
template <class T>
ADDAX_INLINE void write_index(std::int32_t* p, Mask<T> index, std::int64_t lanes) {
  if constexpr (sizeof(T) == 4) {
    write<std::int32_t>(p, index, lanes);
  } else {
    for (std::int64_t i = 0; i < lanes; ++i) p[i] = static_cast<std::int32_t>(index[i]);
  }
}

// One vector of channels of one window. A NaN is taken at its first appearance and kept.
template <class T, bool kIndex>
ADDAX_INLINE void max_of(const PoolShape& s, const T* x, const Range (&window)[kSpatial], std::int64_t channel,
                         std::int64_t lanes, T* y, std::int32_t* index) {
  using I = MaskLane<T>;
  Vec<T> best = Vec<T>{} - std::numeric_limits<T>::infinity();
  Mask<T> where{};
  bool first = true;
  for (std::int64_t d = window[0].first; d < window[0].last; ++d) {
    for (std::int64_t h = window[1].first; h < window[1].last; ++h) {
      const std::int64_t row = (d * s.in[1] + h) * s.in[2];
      for (std::int64_t w = window[2].first; w < window[2].last; ++w) {
        const std::int64_t at = (row + w) * s.channels + channel;
        const Vec<T> v = read(x + at, lanes);
        if constexpr (kIndex) {
          // The first element stands even if it is -inf; later ones must be greater, or NaN where the best is not.
          const Mask<T> here = static_cast<I>(at) + Mask<T>{};
          if (first) {
            best = v;
            where = here;
          } else {
            const Mask<T> better = (v > best) | ((v != v) & (best == best));
            best = select(better, v, best);
            where = select(better, here, where);
          }
        } else {
          best = max_nan(best, v);
        }
        first = false;
      }
    }
  }
  write(y, best, lanes);
  if constexpr (kIndex) write_index<T>(index, where + lane_index<I>(), lanes);
}

template <class T, bool kIndex>
void max_pool(const PoolShape& s, const T* x, T* y, std::int32_t* index) {
  const std::int64_t sample_size = volume(s.in) * s.channels;
  for_each_row(
      s.batch, s.out, s.out[2] * s.channels * volume(s.window), [&](std::int64_t n, std::int64_t d, std::int64_t h) {
        const std::int64_t row = ((n * s.out[0] + d) * s.out[1] + h) * s.out[2];
        for (std::int64_t w = 0; w < s.out[2]; ++w) {
          const Range window[kSpatial] = {window_of(s, 0, d), window_of(s, 1, h), window_of(s, 2, w)};
          const std::int64_t at = (row + w) * s.channels;
          for (std::int64_t c = 0; c < s.channels; c += kLanes<T>) {
            const std::int64_t lanes = std::min<std::int64_t>(kLanes<T>, s.channels - c);
            max_of<T, kIndex>(s, x + n * sample_size, window, c, lanes, y + at + c, kIndex ? index + at + c : nullptr);
          }
        }
      });
}

template <class T>
void max(const PoolShape& s, const T* x, T* y, std::int32_t* index) {
  if (index != nullptr) {
    max_pool<T, true>(s, x, y, index);
  } else {
    max_pool<T, false>(s, x, y, nullptr);
  }
}

template <class T>
void average(const PoolShape& s, const T* x, T* y) {
  const std::int64_t sample_size = volume(s.in) * s.channels;
  for_each_row(s.batch, s.out, s.out[2] * s.channels * volume(s.window),
               [&](std::int64_t n, std::int64_t d, std::int64_t h) {
                 const T* const from = x + n * sample_size;
                 const std::int64_t row = ((n * s.out[0] + d) * s.out[1] + h) * s.out[2];
                 const Range wd = window_of(s, 0, d), wh = window_of(s, 1, h);
                 for (std::int64_t w = 0; w < s.out[2]; ++w) {
                   const Range ww = window_of(s, 2, w);
                   const T count = static_cast<T>(wd.size() * wh.size() * ww.size());
                   for (std::int64_t c = 0; c < s.channels; c += kLanes<T>) {
                     const std::int64_t lanes = std::min<std::int64_t>(kLanes<T>, s.channels - c);
                     Vec<T> sum{};
                     for (std::int64_t i = wd.first; i < wd.last; ++i) {
                       for (std::int64_t j = wh.first; j < wh.last; ++j) {
                         const T* p = from + ((i * s.in[1] + j) * s.in[2] + ww.first) * s.channels + c;
                         for (std::int64_t k = ww.first; k < ww.last; ++k, p += s.channels) sum += read(p, lanes);
                       }
                     }
                     write(y + (row + w) * s.channels + c, sum / count, lanes);
                   }
                 }
               });
}

template <class T>
void average_gradient(const PoolShape& s, const T* dy, T* dx) {
  const std::int64_t sample_size = volume(s.out) * s.channels;
  for_each_row(s.batch, s.in, s.in[2] * s.channels * 2, [&](std::int64_t n, std::int64_t d, std::int64_t h) {
    const T* const from = dy + n * sample_size;
    const std::int64_t row = ((n * s.in[0] + d) * s.in[1] + h) * s.in[2];
    const Range hd = holders_of(s, 0, d), hh = holders_of(s, 1, h);
    for (std::int64_t w = 0; w < s.in[2]; ++w) {
      const Range hw = holders_of(s, 2, w);
      for (std::int64_t c = 0; c < s.channels; c += kLanes<T>) {
        const std::int64_t lanes = std::min<std::int64_t>(kLanes<T>, s.channels - c);
        Vec<T> sum{};
        for (std::int64_t i = hd.first; i < hd.last; ++i) {
          for (std::int64_t j = hh.first; j < hh.last; ++j) {
            const std::int64_t area = window_of(s, 0, i).size() * window_of(s, 1, j).size();
            for (std::int64_t k = hw.first; k < hw.last; ++k) {
              const T count = static_cast<T>(area * window_of(s, 2, k).size());
              sum += read(from + ((i * s.out[1] + j) * s.out[2] + k) * s.channels + c, lanes) / count;
            }
          }
        }
        write(dx + (row + w) * s.channels + c, sum, lanes);
      }
    }
  });
}

template <class T>
void scatter(std::int64_t batch, std::int64_t in, std::int64_t out, const T* dy, const std::int32_t* index, T* dx) {
  parallel_for(batch, std::max<std::int64_t>(1, kTaskWork / std::max<std::int64_t>(1, in)),
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t n = first; n < last; ++n) {
                   T* const to = dx + n * in;
                   std::fill_n(to, in, T{0});
                   for (std::int64_t i = 0; i < out; ++i) to[index[n * out + i]] += dy[n * out + i];
                 }
               });
}

template <class T>
void gather(std::int64_t batch, std::int64_t in, std::int64_t out, const T* x, const std::int32_t* index, T* y) {
  parallel_for(batch, std::max<std::int64_t>(1, kTaskWork / std::max<std::int64_t>(1, out)),
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t n = first; n < last; ++n) {
                   for (std::int64_t i = 0; i < out; ++i) y[n * out + i] = x[n * in + index[n * out + i]];
                 }
               });
}

template <class T>
PoolFunctions<T> functions() {
  return {&max<T>, &average<T>, &average_gradient<T>, &scatter<T>, &gather<T>};
}

}  // namespace

void fill(PoolKernels& kernels) { kernels = {functions<float>(), functions<double>()}; }

}  // namespace addax::kernels::ADDAX_ISA_NS
