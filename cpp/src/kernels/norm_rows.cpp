#include "kernels/norm_rows.h"

#include <algorithm>
#include <cmath>

#include "base/build.h"
#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {
namespace {

using std::int64_t;

constexpr int64_t kChunk = 1 << 15;   // elements worth waking a thread for
constexpr int64_t kBlock = 2048;      // terms of a row added in T before their sum moves to double
constexpr int64_t kBlockRows = 128;   // rows whose dgamma and dbeta stay in T
constexpr int64_t kMostChunks = 256;  // with the least rows, bounds the gradient's partial sums
constexpr int64_t kLeastRows = 16;

template <class T>
struct Pair {
  Vec<T> a, b;
};
struct Sums {
  double a, b;
};

// Two sums over 0 … n − 1 at once. terms(i, n) gives the pair at i … of which the first n lanes count.
template <class T, class Terms>
ADDAX_INLINE Sums sum_pairs(int64_t n, const Terms& terms) {
  constexpr int64_t lanes = kLanes<T>;
  Sums total{0, 0};
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t last = std::min(n, first + kBlock);
    Vec<T> a[2] = {}, b[2] = {};
    int64_t i = first;
    for (; i + 2 * lanes <= last; i += 2 * lanes) {
      const Pair<T> p = terms(i, lanes), q = terms(i + lanes, lanes);
      a[0] += p.a;
      b[0] += p.b;
      a[1] += q.a;
      b[1] += q.b;
    }
    for (; i < last; i += lanes) {
      const Pair<T> p = terms(i, std::min(lanes, last - i));
      a[0] += p.a;
      b[0] += p.b;
    }
    total.a += static_cast<double>(reduce_add(a[0] + a[1]));
    total.b += static_cast<double>(reduce_add(b[0] + b[1]));
  }
  return total;
}

template <class T>
ADDAX_INLINE Vec<T> some(const T* p, int64_t n) {
  return n == kLanes<T> ? load(p) : load_partial(p, n);
}
template <class T>
ADDAX_INLINE void put(T* p, Vec<T> v, int64_t n) {
  n == kLanes<T> ? store(p, v) : store_partial(p, v, n);
}
// Lanes from n on become 0.
template <class T>
ADDAX_INLINE Vec<T> keep_first(Vec<T> v, int64_t n) {
  if (n == kLanes<T>) return v;
  return select(lane_index<MaskLane<T>>() < static_cast<MaskLane<T>>(n), v, zero<T>());
}

// f(i, n) for the vectors of a row, the last of which may have n < lanes elements.
template <class T, class F>
ADDAX_INLINE void for_vectors(int64_t size, const F& f) {
  constexpr int64_t lanes = kLanes<T>;
  int64_t i = 0;
  for (; i + lanes <= size; i += lanes) f(i, lanes);
  if (i < size) f(i, size - i);
}

int64_t rows_at_once(int64_t size) { return std::max<int64_t>(1, kChunk / std::max<int64_t>(1, size)); }

// The row stays in L1 between the sum, the sum of squared deviations and the writing.
template <class T, bool kCentred>
void forward_row(const RowNorm<T>& job, int64_t row) {
  const int64_t size = job.size;
  const double count = static_cast<double>(size);
  const T* x = job.x + row * size;
  T mean = 0;
  if constexpr (kCentred) {
    const Sums sums = sum_pairs<T>(
        size, [&](int64_t i, int64_t n) __attribute__((always_inline)) { return Pair<T>{some(x + i, n), {}}; });
    mean = static_cast<T>(sums.a / count);
    job.mean[row] = mean;
  }
  const Vec<T> centre = splat(mean);
  const Sums squares = sum_pairs<T>(
      size, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
        const Vec<T> d = kCentred ? keep_first<T>(some(x + i, n) - centre, n) : some(x + i, n);
        return Pair<T>{d * d, {}};
      });
  job.inverse[row] = static_cast<T>(1 / std::sqrt(squares.a / count + job.epsilon));
  const Vec<T> inverse = splat(job.inverse[row]);
  T* y = job.y + row * size;
  for_vectors<T>(
      size, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
        if constexpr (kCentred) {
          put(y + i, fma((some(x + i, n) - centre) * inverse, some(job.gamma + i, n), some(job.beta + i, n)), n);
        } else {
          put(y + i, some(x + i, n) * inverse * some(job.gamma + i, n), n);
        }
      });
}

template <class T, bool kCentred>
void forward(const RowNorm<T>& job) {
  parallel_for(job.rows, rows_at_once(job.size), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) forward_row<T, kCentred>(job, row);
  });
}

// ---- Gradient. With h = (x − mean) · inverse and g = dy · gamma, per row of n elements:
//     dx = inverse · (g − Σ g / n − h · Σ g h / n), without Σ g / n if the row is not centred;
//     dgamma = Σ dy · h and dbeta = Σ dy over the rows.

template <class T, bool kCentred>
void gradient_row(const RowNormGradient<T>& job, int64_t row, T* dgamma, T* dbeta) {
  const int64_t size = job.size;
  const T *x = job.x + row * size, *dy = job.dy + row * size;
  T* dx = job.dx + row * size;
  const Vec<T> mean = splat(kCentred ? job.mean[row] : T{0}), inverse = splat(job.inverse[row]);
  const auto normalized = [&](int64_t i, int64_t n) __attribute__((always_inline)) {
    const Vec<T> v = some(x + i, n);
    return kCentred ? (v - mean) * inverse : v * inverse;
  };
  const Sums sums = sum_pairs<T>(
      size, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
        const Vec<T> g =
            some(dy + i, n) * some(job.gamma + i, n);  // 0 beyond the row, and the deviation there is finite
        return Pair<T>{g, keep_first<T>(g * normalized(i, n), n)};
      });
  const double count = static_cast<double>(size);
  const Vec<T> level = splat(static_cast<T>(sums.a / count)), slope = splat(static_cast<T>(sums.b / count));
  for_vectors<T>(
      size, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
        const Vec<T> h = normalized(i, n), v = some(dy + i, n);
        Vec<T> rest = v * some(job.gamma + i, n) - h * slope;
        if constexpr (kCentred) rest -= level;
        put(dx + i, rest * inverse, n);
        put(dgamma + i, fma(v, h, some(dgamma + i, n)), n);
        if constexpr (kCentred) put(dbeta + i, some(dbeta + i, n) + v, n);
      });
}

int64_t gradient_grain(int64_t rows, int64_t size) {
  return std::max({rows_at_once(size), kLeastRows, (rows + kMostChunks - 1) / kMostChunks});
}
int64_t gradient_chunks(int64_t rows, int64_t size) {
  const int64_t grain = gradient_grain(rows, size);
  return (rows + grain - 1) / grain;
}

// Per chunk: dgamma and dbeta of its rows.
template <class T>
int64_t gradient_workspace(int64_t rows, int64_t size) {
  return gradient_chunks(rows, size) * 2 * size * static_cast<int64_t>(sizeof(double));
}

template <class T, bool kCentred>
void gradient(const RowNormGradient<T>& job) {
  const int64_t size = job.size, chunks = gradient_chunks(job.rows, size), grain = gradient_grain(job.rows, size);
  double* const partials = static_cast<double*>(job.workspace);
  parallel_for(chunks, 1, [&](int64_t first_chunk, int64_t last_chunk) {
    T* const sums = thread_scratch_of<T>(0, 2 * size);
    for (int64_t chunk = first_chunk; chunk < last_chunk; ++chunk) {
      double* const own = partials + chunk * 2 * size;
      std::fill_n(own, 2 * size, 0.0);
      const int64_t end = std::min(job.rows, (chunk + 1) * grain);
      for (int64_t block = chunk * grain; block < end; block += kBlockRows) {
        std::fill_n(sums, 2 * size, T{0});
        for (int64_t row = block; row < std::min(end, block + kBlockRows); ++row) {
          gradient_row<T, kCentred>(job, row, sums, sums + size);
        }
        for (int64_t i = 0; i < 2 * size; ++i) own[i] += static_cast<double>(sums[i]);
      }
    }
  });
  for (int64_t i = 0; i < (kCentred ? 2 * size : size); ++i) {
    double total = 0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) total += partials[chunk * 2 * size + i];
    (i < size ? job.dgamma[i] : job.dbeta[i - size]) = static_cast<T>(total);
  }
}

template <class T>
RowNormOf<T> functions() {
  return {forward<T, true>, for_training(gradient<T, true>), forward<T, false>, for_training(gradient<T, false>),
          for_training(gradient_workspace<T>)};
}

}  // namespace

void fill(RowNormKernels& table) {
  table.f32 = functions<float>();
  if constexpr (kFloat64) fill_float64(table);
}

}  // namespace addax::kernels::ADDAX_ISA_NS

// double serves gradient checks: compiled once, which keeps the library small.
#if defined(ADDAX_FLOAT64_HERE)
namespace addax::kernels {
void fill_float64(RowNormKernels& table) { table.f64 = ADDAX_ISA_NS::functions<double>(); }
}  // namespace addax::kernels
#endif
