#include "kernels/norm_channels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/build.h"
#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/epilogue.h"
#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {
namespace {

using std::int64_t;

constexpr int64_t kChunk = 1 << 16;   // elements of x worth waking a thread for
constexpr int64_t kMostChunks = 256;  // bounds the partial sums
constexpr int64_t kBlockRows = 128;   // rows whose sums stay in T before they move to double
constexpr int kRowsAtOnce = 8;        // rows that share one reading of the channels' sums

// ---- Wide rows: a few channels do not fill vectors, so several positions count as one row of `width` virtual
// channels; virtual channel w is channel w mod channels. The positions left over are a last row of `tail` columns.

template <class T>
struct WideRows {
  int64_t channels, width, rows, tail;
  WideRows(int64_t positions, int64_t channels) : channels(channels), width(width_of(channels)) {
    const int64_t fold = channels == 0 ? 1 : width / channels;
    rows = positions / fold;
    tail = positions % fold * channels;
  }
  static int64_t width_of(int64_t channels) {
    constexpr int64_t enough = 4 * kLanes<T>;
    if (channels >= enough || channels == 0) return channels;
    const int64_t unit = channels * (kLanes<T> / std::gcd(channels, int64_t{kLanes<T>}));
    return unit * ((enough + unit - 1) / unit);
  }
  // Rows a chunk takes; the last chunk takes the tail too.
  int64_t grain() const {
    const int64_t enough = std::max<int64_t>(1, kChunk / std::max<int64_t>(1, width));
    return std::max(enough, (rows + kMostChunks - 1) / kMostChunks);
  }
  int64_t chunks() const { return std::max<int64_t>(1, (rows + grain() - 1) / grain()); }
};

// Calls body(chunk, first row, number of rows, columns of the tail) for every chunk.
template <class T, class Body>
void for_chunks(const WideRows<T>& wide, const Body& body) {
  const int64_t grain = wide.grain(), chunks = wide.chunks();
  parallel_for(chunks, 1, [&](int64_t first, int64_t last) {
    for (int64_t chunk = first; chunk < last; ++chunk) {
      const int64_t row = chunk * grain;
      body(chunk, row, std::min(grain, wide.rows - row), chunk + 1 == chunks ? wide.tail : 0);
    }
  });
}

// How a vector's elements are reached: all lanes, or the first n.
template <class T>
struct Whole {
  ADDAX_INLINE Vec<T> get(const T* p) const { return load(p); }
  ADDAX_INLINE void put(T* p, Vec<T> v) const { store(p, v); }
};
template <class T>
struct First {
  int64_t n;
  ADDAX_INLINE Vec<T> get(const T* p) const { return load_partial(p, n); }
  ADDAX_INLINE void put(T* p, Vec<T> v) const { store_partial(p, v, n); }
};

// f(column, access) for the vectors of a row.
template <class T, class F>
ADDAX_INLINE void for_vectors(int64_t columns, const F& f) {
  constexpr int64_t lanes = kLanes<T>;
  int64_t i = 0;
  for (; i + lanes <= columns; i += lanes) f(i, Whole<T>{});
  if (i < columns) f(i, First<T>{columns - i});
}

// Adds up two quantities per column: sums_a += Σ a, sums_b += Σ b, where (a, b) = terms(row offset + column, column
// constants). `constants(column, access)` is asked once for several rows.
template <class T, class Constants, class Terms>
ADDAX_INLINE void add_rows(int64_t rows, int64_t width, int64_t columns, T* sums_a, T* sums_b,
                           const Constants& constants, const Terms& terms) {
  int64_t row = 0;
  const auto some = [&](auto count) __attribute__((always_inline)) {
    for_vectors<T>(
        columns, [&](int64_t i, auto access) __attribute__((always_inline)) {
          const auto c = constants(i, access);
          Vec<T> a[2] = {}, b[2] = {};
          [&]<int... R>(std::integer_sequence<int, R...>) __attribute__((always_inline)) {
            (terms((row + R) * width + i, access, c, a[R % 2], b[R % 2]), ...);
          }
          (std::make_integer_sequence<int, count()>{});
          access.put(sums_a + i, access.get(sums_a + i) + (a[0] + a[1]));
          access.put(sums_b + i, access.get(sums_b + i) + (b[0] + b[1]));
        });
    row += count();
  };
  while (row + kRowsAtOnce <= rows) some(std::integral_constant<int, kRowsAtOnce>{});
  while (row < rows) some(std::integral_constant<int, 1>{});
}

// ---- Mean and sum of squared deviations

// Two sets of n observations become one: T. Chan, G. Golub, R. LeVeque, "Updating formulae and a pairwise algorithm for
// computing sample variances" (1979), eq. 2.1.
struct Moments {
  double count = 0, mean = 0, squares = 0;
  ADDAX_INLINE void join(double n, double m, double q) {
    const double total = count + n, delta = m - mean;
    if (total == 0) return;
    mean += delta * (n / total);
    squares += q + delta * delta * (count * n / total);
    count = total;
  }
  double mean_or_nan() const { return count > 0 ? mean : std::numeric_limits<double>::quiet_NaN(); }
  double variance() const { return squares / count; }
};

template <class T>
struct ChunkScratch {
  T *pivot, *a, *b;
  double *mean, *squares;
  explicit ChunkScratch(int64_t width) {
    const int64_t n = (width + 15) / 16 * 16;
    mean = thread_scratch_of<double>(0, 5 * n);
    squares = mean + n;
    pivot = reinterpret_cast<T*>(squares + n);
    a = pivot + n;
    b = a + n;
  }
};

// The moments of `rows` more values per column, given as sums about the pivot, join those of `before` values; the pivot
// becomes the mean so far. Deviations from that are small, so their squares lose nothing: the pivot's own error is at
// most the distance between the block and what came before, which the joint variance contains.
template <class T>
void join_block(const ChunkScratch<T>& s, int64_t before, int64_t rows, int64_t columns) {
  const double n = static_cast<double>(before), b = static_cast<double>(rows), total = n + b;
  for (int64_t i = 0; i < columns; ++i) {
    const double sum = static_cast<double>(s.a[i]), shift = sum / b;
    double squares = static_cast<double>(s.b[i]) - sum * shift;
    squares = squares < 0 ? 0 : squares;
    const double delta = static_cast<double>(s.pivot[i]) + shift - s.mean[i];
    s.mean[i] += delta * (b / total);
    s.squares[i] += squares + delta * delta * (n * b / total);
    s.pivot[i] = static_cast<T>(s.mean[i]);
  }
}

template <class T>
void add_block(const T* x, const ChunkScratch<T>& s, int64_t before, int64_t rows, int64_t width, int64_t columns) {
  std::fill_n(s.a, columns, T{0});
  std::fill_n(s.b, columns, T{0});
  add_rows(
      rows, width, columns, s.a, s.b, [&](int64_t i, auto access) { return access.get(s.pivot + i); },
      [&](int64_t at, auto access, Vec<T> pivot, Vec<T>& sum, Vec<T>& squares) __attribute__((always_inline)) {
        const Vec<T> d = access.get(x + at) - pivot;
        sum += d;
        squares = fma(d, d, squares);
      });
  join_block(s, before, rows, columns);
}

// A first pivot: the mean of the first rows, at most eight times further from the block's mean than its deviation.
template <class T>
void begin_pivot(const T* x, const ChunkScratch<T>& s, int64_t rows, int64_t width, int64_t columns) {
  std::fill_n(s.a, columns, T{0});
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < columns; ++i) s.a[i] += x[r * width + i];
  }
  for (int64_t i = 0; i < columns; ++i) s.pivot[i] = s.a[i] / static_cast<T>(rows);
}

// The moments of some wide rows and a tail, per channel: out(channel, moments).
template <class T, class Out>
void moments_of(const T* x, const WideRows<T>& wide, int64_t rows, int64_t tail, const Out& out) {
  const ChunkScratch<T> s(wide.width);
  std::fill_n(s.mean, wide.width, 0.0);
  std::fill_n(s.squares, wide.width, 0.0);
  const int64_t columns = rows > 0 ? wide.width : tail;
  begin_pivot(x, s, std::clamp<int64_t>(rows, 1, kRowsAtOnce), wide.width, columns);
  for (int64_t row = 0; row < rows; row += kBlockRows) {
    add_block(x + row * wide.width, s, row, std::min(kBlockRows, rows - row), wide.width, wide.width);
  }
  if (tail > 0) add_block(x + rows * wide.width, s, rows, 1, wide.width, tail);
  for (int64_t c = 0; c < wide.channels; ++c) {
    Moments m;
    for (int64_t w = c; w < wide.width; w += wide.channels) {
      m.join(static_cast<double>(rows + (w < tail ? 1 : 0)), s.mean[w], s.squares[w]);
    }
    out(c, m);
  }
}

// ---- y from x

// A row of constants per channel, repeated over the width of a wide row.
template <class T>
void repeat(T* row, int64_t channels, int64_t width) {
  for (int64_t i = channels; i < width; ++i) row[i] = row[i - channels];
}

template <class T>
double inverse_deviation(T variance, double epsilon) {
  return 1 / std::sqrt(static_cast<double>(variance) + epsilon);
}
template <class T>
T scale_of(T gamma, T variance, double epsilon) {
  return static_cast<T>(static_cast<double>(gamma) * inverse_deviation(variance, epsilon));
}

template <class T>
struct Affine {
  const T *mean, *scale, *beta;  // of a wide row
};
// The forward pass and the gradient's mask must agree on every bit of this.
template <class T>
ADDAX_INLINE Vec<T> affine(Vec<T> x, Vec<T> mean, Vec<T> scale, Vec<T> beta) {
  return fma(x - mean, scale, beta);
}

template <class T, class Finish>
void write_rows(const T* x, T* y, int64_t first, int64_t rows, int64_t width, int64_t columns, const Affine<T>& p,
                const Finish& finish) {
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t row = first + r * width;
    for_vectors<T>(
        columns, [&](int64_t i, auto access) __attribute__((always_inline)) {
          const Vec<T> z = affine<T>(access.get(x + row + i), access.get(p.mean + i), access.get(p.scale + i),
                                     access.get(p.beta + i));
          access.put(y + row + i, finish(z, row + i, access));
        });
  }
}

// Writes the wide rows and the tail from element `first` on.
template <class T>
void write(const ChannelNorm<T>& job, int64_t first, int64_t rows, int64_t tail, int64_t width, const Affine<T>& p) {
  const auto all = [&](const auto& finish) {
    write_rows(job.x, job.y, first, rows, width, width, p, finish);
    write_rows(job.x, job.y, first + rows * width, tail > 0 ? 1 : 0, width, tail, p, finish);
  };
  const Activation activation = job.activation;
  const T* const shortcut = job.shortcut;
  if (shortcut != nullptr) {
    all([=](Vec<T> z, int64_t at, auto access)
            __attribute__((always_inline)) { return activate(z + access.get(shortcut + at), activation); });
  } else if (activation != Activation::none) {
    all([=](Vec<T> z, int64_t, auto) __attribute__((always_inline)) { return activate(z, activation); });
  } else {
    all([](Vec<T> z, int64_t, auto) __attribute__((always_inline)) { return z; });
  }
}

// Five rows of constants of one width, at the beginning of a workspace or a scratch.
template <class T>
struct Constants {
  T *mean, *scale, *beta, *offset, *slope;
  static int64_t elements(int64_t width) { return 5 * stride(width); }
  static int64_t stride(int64_t width) { return (width + 15) / 16 * 16; }
  Constants(T* memory, int64_t width) {
    const int64_t n = stride(width);
    mean = memory;
    scale = mean + n;
    beta = scale + n;
    offset = beta + n;
    slope = offset + n;
  }
  void repeat_all(int64_t channels, int64_t width) const {
    for (T* row : {mean, scale, beta, offset, slope}) repeat(row, channels, width);
  }
  Affine<T> affine() const { return {mean, scale, beta}; }
};

template <class T>
int64_t batch_workspace(int64_t positions, int64_t channels) {
  const WideRows<T> wide(positions, channels);
  return Constants<T>::elements(wide.width) * static_cast<int64_t>(sizeof(T)) +
         wide.chunks() * channels * 2 * static_cast<int64_t>(sizeof(double));
}

// The chunks' partial results, behind the constants.
template <class T>
double* partials_of(void* workspace, const WideRows<T>& wide) {
  return reinterpret_cast<double*>(static_cast<T*>(workspace) + Constants<T>::elements(wide.width));
}

template <class T>
void batch(const ChannelNorm<T>& job) {
  const int64_t channels = job.channels;
  if (channels == 0) return;
  const WideRows<T> wide(job.positions, channels);
  double* const partials = partials_of(job.workspace, wide);
  for_chunks(wide, [&](int64_t chunk, int64_t row, int64_t rows, int64_t tail) {
    double* const own = partials + chunk * channels * 2;
    moments_of(job.x + row * wide.width, wide, rows, tail, [&](int64_t c, const Moments& m) {
      own[c] = m.mean;
      own[channels + c] = m.squares;
    });
  });
  const Constants<T> constants(static_cast<T*>(job.workspace), wide.width);
  for (int64_t c = 0; c < channels; ++c) {
    Moments m;
    for (int64_t chunk = 0; chunk < wide.chunks(); ++chunk) {
      const int64_t from = chunk * wide.grain(), rows = std::min(wide.grain(), wide.rows - from);
      const int64_t tail = chunk + 1 == wide.chunks() ? wide.tail : 0;
      m.join(static_cast<double>(rows * (wide.width / channels) + tail / channels), partials[chunk * channels * 2 + c],
             partials[chunk * channels * 2 + channels + c]);
    }
    job.mean[c] = static_cast<T>(m.mean_or_nan());
    job.variance[c] = static_cast<T>(m.variance());
    constants.mean[c] = job.mean[c];
    constants.scale[c] = scale_of(job.gamma[c], job.variance[c], job.epsilon);
    constants.beta[c] = job.beta[c];
    constants.offset[c] = constants.slope[c] = 0;
  }
  constants.repeat_all(channels, wide.width);
  for_chunks(wide, [&](int64_t, int64_t row, int64_t rows, int64_t tail) {
    write(job, row * wide.width, rows, tail, wide.width, constants.affine());
  });
}

// ---- Gradient. With d = x − mean and r = 1 / √(variance + epsilon), per group of m elements:
//     dbeta = Σ dy,  dgamma = r Σ dy d,
//     dx = gamma r dy − (r / m) Σ gamma dy − d (r³ / m) Σ gamma dy d
// (Ioffe and Szegedy, 2015, section 3, simplified).

// dy where the activation let it through.
template <class T, class Passes>
struct Upstream {
  const T *x, *dy;
  Affine<T> p;
  Passes passes;
  struct At {
    Vec<T> mean, scale, beta;
  };
  template <class Access>
  ADDAX_INLINE At constants(int64_t i, Access access) const {
    if constexpr (Passes::always) {
      return {access.get(p.mean + i), zero<T>(), zero<T>()};
    } else {
      return {access.get(p.mean + i), access.get(p.scale + i), access.get(p.beta + i)};
    }
  }
  template <class Access>
  ADDAX_INLINE Vec<T> masked(int64_t at, Access access, Vec<T> xv, const At& c) const {
    const Vec<T> v = access.get(dy + at);
    if constexpr (Passes::always) {
      return v;
    } else {
      return select(passes(affine<T>(xv, c.mean, c.scale, c.beta)), v, zero<T>());
    }
  }
};

struct PassAll {
  static constexpr bool always = true;
};
// Where relu, and relu6, have the slope 1.
struct PassPositive {
  static constexpr bool always = false;
  template <class V>
  ADDAX_INLINE auto operator()(V z) const {
    return z > Lane<V>{0};
  }
};
struct PassToSix {
  static constexpr bool always = false;
  template <class V>
  ADDAX_INLINE auto operator()(V z) const {
    return (z > Lane<V>{0}) & (z <= Lane<V>{6});
  }
};
template <class F>
void with_mask(Activation activation, const F& f) {
  if (activation == Activation::relu) return f(PassPositive{});
  if (activation == Activation::relu6) return f(PassToSix{});
  f(PassAll{});
}

// Σ dy and Σ dy d of some wide rows and a tail, per channel: out(channel, Σ dy, Σ dy d).
template <class T, class U, class Out>
void gradient_sums(const U& u, int64_t from, const WideRows<T>& wide, int64_t rows, int64_t tail, const Out& out) {
  const ChunkScratch<T> s(wide.width);
  double *const sums = s.mean, *const products = s.squares;
  std::fill_n(sums, wide.width, 0.0);
  std::fill_n(products, wide.width, 0.0);
  const auto add = [&](int64_t first, int64_t count, int64_t columns) {
    std::fill_n(s.a, columns, T{0});
    std::fill_n(s.b, columns, T{0});
    add_rows(
        count, wide.width, columns, s.a, s.b, [&](int64_t i, auto access) { return u.constants(i, access); },
        [&](int64_t at, auto access, const auto& c, Vec<T>& sum, Vec<T>& product) __attribute__((always_inline)) {
          const Vec<T> xv = access.get(u.x + first + at);
          const Vec<T> v = u.masked(first + at, access, xv, c);
          sum += v;
          product = fma(v, xv - c.mean, product);
        });
    for (int64_t i = 0; i < columns; ++i) {
      sums[i] += static_cast<double>(s.a[i]);
      products[i] += static_cast<double>(s.b[i]);
    }
  };
  for (int64_t row = 0; row < rows; row += kBlockRows) {
    add(from + row * wide.width, std::min(kBlockRows, rows - row), wide.width);
  }
  if (tail > 0) add(from + rows * wide.width, 1, tail);
  for (int64_t c = 0; c < wide.channels; ++c) {
    double sum = 0, product = 0;
    for (int64_t w = c; w < wide.width; w += wide.channels) {
      sum += sums[w];
      product += products[w];
    }
    out(c, sum, product);
  }
}

// dx = scale dy − (offset + d slope).
template <class T, class U>
void write_gradient(const U& u, T* dx, int64_t from, const WideRows<T>& wide, int64_t rows, int64_t tail,
                    const Constants<T>& p) {
  const auto write = [&](int64_t first, int64_t columns) {
    for_vectors<T>(
        columns, [&](int64_t i, auto access) __attribute__((always_inline)) {
          const auto c = u.constants(i, access);
          const Vec<T> xv = access.get(u.x + first + i);
          const Vec<T> v = u.masked(first + i, access, xv, c);
          const Vec<T> rest = fma(xv - c.mean, access.get(p.slope + i), access.get(p.offset + i));
          access.put(dx + first + i, access.get(p.scale + i) * v - rest);
        });
  };
  for (int64_t r = 0; r < rows; ++r) write(from + r * wide.width, wide.width);
  if (tail > 0) write(from + rows * wide.width, tail);
}

template <class T>
void set_affine(const ChannelNormGradient<T>& job, const Constants<T>& constants, int64_t c, int64_t statistic) {
  constants.mean[c] = job.mean[statistic];
  constants.scale[c] = scale_of(job.gamma[c], job.variance[statistic], job.epsilon);
  constants.beta[c] = job.activation == Activation::none ? T{0} : job.beta[c];
}

template <class T>
void batch_gradient(const ChannelNormGradient<T>& job) {
  const int64_t channels = job.channels;
  if (channels == 0) return;
  const WideRows<T> wide(job.positions, channels);
  double* const partials = partials_of(job.workspace, wide);
  const Constants<T> constants(static_cast<T*>(job.workspace), wide.width);
  for (int64_t c = 0; c < channels; ++c) {
    set_affine(job, constants, c, c);
    constants.offset[c] = constants.slope[c] = 0;
  }
  constants.repeat_all(channels, wide.width);
  with_mask(job.activation, [&](auto passes) {
    const Upstream<T, decltype(passes)> upstream{job.x, job.dy, constants.affine(), passes};
    for_chunks(wide, [&](int64_t chunk, int64_t row, int64_t rows, int64_t tail) {
      double* const own = partials + chunk * channels * 2;
      gradient_sums(upstream, row * wide.width, wide, rows, tail, [&](int64_t c, double sum, double product) {
        own[c] = sum;
        own[channels + c] = product;
      });
    });
    const double count = static_cast<double>(job.positions);
    for (int64_t c = 0; c < channels; ++c) {
      double sum = 0, product = 0;
      for (int64_t chunk = 0; chunk < wide.chunks(); ++chunk) {
        sum += partials[chunk * channels * 2 + c];
        product += partials[chunk * channels * 2 + channels + c];
      }
      const double r = inverse_deviation(job.variance[c], job.epsilon), scale = static_cast<double>(job.gamma[c]) * r;
      job.dbeta[c] = static_cast<T>(sum);
      job.dgamma[c] = static_cast<T>(product * r);
      constants.offset[c] = static_cast<T>(scale * sum / count);
      constants.slope[c] = static_cast<T>(scale * r * r * product / count);
    }
    constants.repeat_all(channels, wide.width);
    for_chunks(wide, [&](int64_t, int64_t row, int64_t rows, int64_t tail) {
      write_gradient(upstream, job.dx, row * wide.width, wide, rows, tail, constants);
    });
  });
}

// ---- Groups of channels within a sample: as above, with the channels of a group joined. A sample usually fits the
// caches, so one thread makes both passes over it.

int64_t samples_at_once(int64_t elements) { return std::max<int64_t>(1, kChunk / std::max<int64_t>(1, elements)); }

template <class T>
void group(const ChannelNorm<T>& job) {
  const int64_t channels = job.channels, groups = job.groups, members = channels / groups;
  const int64_t sample = job.positions * channels;
  if (channels == 0) {
    std::fill_n(job.mean, job.samples * groups, std::numeric_limits<T>::quiet_NaN());
    std::fill_n(job.variance, job.samples * groups, std::numeric_limits<T>::quiet_NaN());
    return;
  }
  const WideRows<T> wide(job.positions, channels);
  parallel_for(job.samples, samples_at_once(sample), [&](int64_t first, int64_t last) {
    const Constants<T> constants(thread_scratch_of<T>(1, Constants<T>::elements(wide.width)), wide.width);
    Moments* const moments = thread_scratch_of<Moments>(2, groups);
    for (int64_t n = first; n < last; ++n) {
      std::fill_n(moments, groups, Moments{});
      moments_of(job.x + n * sample, wide, wide.rows, wide.tail,
                 [&](int64_t c, const Moments& m) { moments[c / members].join(m.count, m.mean, m.squares); });
      for (int64_t g = 0; g < groups; ++g) {
        job.mean[n * groups + g] = static_cast<T>(moments[g].mean_or_nan());
        job.variance[n * groups + g] = static_cast<T>(moments[g].variance());
      }
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t statistic = n * groups + c / members;
        constants.mean[c] = job.mean[statistic];
        constants.scale[c] = scale_of(job.gamma[c], job.variance[statistic], job.epsilon);
        constants.beta[c] = job.beta[c];
        constants.offset[c] = constants.slope[c] = 0;
      }
      constants.repeat_all(channels, wide.width);
      write(job, n * sample, wide.rows, wide.tail, wide.width, constants.affine());
    }
  });
}

// Per sample and channel: Σ dy and r Σ dy d, whose sums over the samples are dbeta and dgamma.
template <class T>
int64_t group_workspace(int64_t samples, int64_t channels) {
  return samples * channels * 2 * static_cast<int64_t>(sizeof(double));
}

template <class T, class U>
void group_sample_gradient(const ChannelNormGradient<T>& job, const U& upstream, const Constants<T>& constants,
                           const WideRows<T>& wide, int64_t n, double* own) {
  const int64_t channels = job.channels, members = channels / job.groups, sample = job.positions * channels;
  gradient_sums(upstream, n * sample, wide, wide.rows, wide.tail, [&](int64_t c, double sum, double product) {
    own[c] = sum;
    own[channels + c] = product;
  });
  const double count = static_cast<double>(job.positions * members);
  for (int64_t g = 0; g < job.groups; ++g) {
    const double r = inverse_deviation(job.variance[n * job.groups + g], job.epsilon);
    double sum = 0, product = 0;
    for (int64_t c = g * members; c < (g + 1) * members; ++c) {
      sum += static_cast<double>(job.gamma[c]) * own[c];
      product += static_cast<double>(job.gamma[c]) * own[channels + c];
      own[channels + c] *= r;
    }
    std::fill_n(constants.offset + g * members, members, static_cast<T>(r * sum / count));
    std::fill_n(constants.slope + g * members, members, static_cast<T>(r * r * r * product / count));
  }
  repeat(constants.offset, channels, wide.width);
  repeat(constants.slope, channels, wide.width);
  write_gradient(upstream, job.dx, n * sample, wide, wide.rows, wide.tail, constants);
}

template <class T>
void group_gradient(const ChannelNormGradient<T>& job) {
  const int64_t channels = job.channels;
  if (channels == 0) return;
  const int64_t members = channels / job.groups;
  const WideRows<T> wide(job.positions, channels);
  double* const partials = static_cast<double*>(job.workspace);
  with_mask(job.activation, [&](auto passes) {
    parallel_for(job.samples, samples_at_once(job.positions * channels), [&](int64_t first, int64_t last) {
      const Constants<T> constants(thread_scratch_of<T>(1, Constants<T>::elements(wide.width)), wide.width);
      const Upstream<T, decltype(passes)> upstream{job.x, job.dy, constants.affine(), passes};
      for (int64_t n = first; n < last; ++n) {
        for (int64_t c = 0; c < channels; ++c) set_affine(job, constants, c, n * job.groups + c / members);
        for (T* row : {constants.mean, constants.scale, constants.beta}) repeat(row, channels, wide.width);
        group_sample_gradient(job, upstream, constants, wide, n, partials + n * channels * 2);
      }
    });
  });
  for (int64_t c = 0; c < channels; ++c) {
    double sum = 0, product = 0;
    for (int64_t n = 0; n < job.samples; ++n) {
      sum += partials[n * channels * 2 + c];
      product += partials[n * channels * 2 + channels + c];
    }
    job.dbeta[c] = static_cast<T>(sum);
    job.dgamma[c] = static_cast<T>(product);
  }
}

template <class T>
ChannelNormOf<T> functions() {
  return {batch<T>, for_training(batch_gradient<T>), batch_workspace<T>,
          group<T>, for_training(group_gradient<T>), group_workspace<T>};
}

}  // namespace

void fill(ChannelNormKernels& table) {
  table.f32 = functions<float>();
  if constexpr (kFloat64) fill_float64(table);
}

}  // namespace addax::kernels::ADDAX_ISA_NS

// double serves gradient checks: compiled once, which keeps the library small.
#if defined(ADDAX_FLOAT64_HERE)
namespace addax::kernels {
void fill_float64(ChannelNormKernels& table) { table.f64 = ADDAX_ISA_NS::functions<double>(); }
}  // namespace addax::kernels
#endif
