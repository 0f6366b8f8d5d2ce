#include "kernels/copy.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/parallel.h"

namespace addax::kernels {
namespace {

using std::int64_t;

// A thread is worth waking for about this many bytes.
constexpr int64_t kGrainBytes = 1 << 17;

int64_t grain_for(int64_t bytes_each) { return std::max<int64_t>(1, kGrainBytes / std::max<int64_t>(1, bytes_each)); }

// Calls f with a value of the unsigned type that has `item` bytes.
template <class F>
void with_item(int item, const F& f) {
  switch (item) {
    case 1:
      return f(std::uint8_t{});
    case 2:
      return f(std::uint16_t{});
    case 4:
      return f(std::uint32_t{});
    default:
      return f(std::uint64_t{});
  }
}

// The dimensions of a copy with those of size 1 dropped and those merged that are adjacent in both arrays.
struct Collapsed {
  int rank = 0;
  std::array<int64_t, kMaxCopyRank> size, in, out;
};

Collapsed collapse(const StridedCopy& job) {
  Collapsed c;
  for (int d = 0; d < job.rank; ++d) {
    const int64_t n = job.sizes[d], in = job.in_strides[d], out = job.out_strides[d];
    if (n == 1) continue;
    const int last = c.rank - 1;
    if (last >= 0 && c.in[last] == n * in && c.out[last] == n * out) {
      c.size[last] *= n;
      c.in[last] = in;
      c.out[last] = out;
    } else {
      c.size[c.rank] = n;
      c.in[c.rank] = in;
      c.out[c.rank] = out;
      ++c.rank;
    }
  }
  return c;
}

template <class T>
void copy_run(const T* in, int64_t in_step, T* out, int64_t out_step, int64_t n) {
  if (in_step == 1 && out_step == 1) {
    std::memcpy(out, in, static_cast<std::size_t>(n) * sizeof(T));
  } else if (out_step == 1) {
    for (int64_t i = 0; i < n; ++i) out[i] = in[i * in_step];
  } else {
    for (int64_t i = 0; i < n; ++i) out[i * out_step] = in[i * in_step];
  }
}

// Copies rows [first, last): the runs along the last dimension, numbered in row-major order of the others.
template <class T>
void copy_rows(const T* in, T* out, const Collapsed& c, int64_t first, int64_t last) {
  const int outer = c.rank - 1;
  std::array<int64_t, kMaxCopyRank> at{};
  int64_t from = 0, to = 0, rest = first;
  for (int d = outer - 1; d >= 0; --d) {
    at[d] = rest % c.size[d];
    rest /= c.size[d];
    from += at[d] * c.in[d];
    to += at[d] * c.out[d];
  }
  for (int64_t row = first; row < last; ++row) {
    copy_run(in + from, c.in[outer], out + to, c.out[outer], c.size[outer]);
    for (int d = outer - 1; d >= 0; --d) {
      from += c.in[d];
      to += c.out[d];
      if (++at[d] < c.size[d]) break;
      from -= c.size[d] * c.in[d];
      to -= c.size[d] * c.out[d];
      at[d] = 0;
    }
  }
}

template <class T>
void copy_typed(const StridedCopy& job) {
  const auto* in = static_cast<const T*>(job.in);
  auto* out = static_cast<T*>(job.out);
  const Collapsed c = collapse(job);
  if (c.rank == 0) {
    *out = *in;
    return;
  }
  const int inner = c.rank - 1;
  const int64_t run = c.size[inner];
  int64_t rows = 1;
  for (int d = 0; d < inner; ++d) rows *= c.size[d];
  if (rows == 1) {
    parallel_for(run, grain_for(sizeof(T)), [&](int64_t first, int64_t last) {
      copy_run(in + first * c.in[inner], c.in[inner], out + first * c.out[inner], c.out[inner], last - first);
    });
    return;
  }
  parallel_for(rows, grain_for(run * static_cast<int64_t>(sizeof(T))),
               [&](int64_t first, int64_t last) { copy_rows(in, out, c, first, last); });
}

// The index in [0, n) that index i of the padded axis (0 = first item of the input) reads, or -1 for the constant.
int64_t source_index(int64_t i, int64_t n, PadMode mode) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case PadMode::constant:
      return -1;
    case PadMode::edge:
      return i < 0 ? 0 : n - 1;
    case PadMode::symmetric: {
      const int64_t period = 2 * n, j = ((i % period) + period) % period;
      return j < n ? j : period - 1 - j;
    }
    case PadMode::reflect: {
      if (n == 1) return 0;
      const int64_t period = 2 * (n - 1), j = ((i % period) + period) % period;
      return j < n ? j : period - j;
    }
  }
  return -1;
}

template <class T>
void pad_row(const T* in, T* out, int64_t n, int64_t low, int64_t high, PadMode mode, T value) {
  const int64_t width = n + low + high;
  const int64_t from = std::max<int64_t>(low, 0), to = std::max(from, std::min(low + n, width));
  for (int64_t j = 0; j < std::min(from, width); ++j) {
    const int64_t s = source_index(j - low, n, mode);
    out[j] = s < 0 ? value : in[s];
  }
  if (to > from) std::memcpy(out + from, in + (from - low), static_cast<std::size_t>(to - from) * sizeof(T));
  for (int64_t j = to; j < width; ++j) {
    const int64_t s = source_index(j - low, n, mode);
    out[j] = s < 0 ? value : in[s];
  }
}

// Rows [first, last) of the output.
template <class T>
void pad_rows(const Pad& job, T value, int64_t first, int64_t last) {
  const auto* in = static_cast<const T*>(job.in);
  const int inner = job.rank - 1;
  const int64_t n = job.sizes[inner], width = n + job.low[inner] + job.high[inner];
  auto* out = static_cast<T*>(job.out) + first * width;
  for (int64_t row = first; row < last; ++row, out += width) {
    int64_t rest = row, stride = 1, source = 0;
    for (int d = inner - 1; d >= 0 && source >= 0; --d) {
      const int64_t size = job.sizes[d], padded = size + job.low[d] + job.high[d];
      const int64_t s = source_index(rest % padded - job.low[d], size, job.mode);
      rest /= padded;
      source = s < 0 ? -1 : source + s * stride;
      stride *= size;
    }
    if (source < 0) {
      std::fill_n(out, width, value);
    } else {
      pad_row(in + source * n, out, n, job.low[inner], job.high[inner], job.mode, value);
    }
  }
}

template <class T>
void pad_typed(const Pad& job) {
  T value{};
  if (job.mode == PadMode::constant) std::memcpy(&value, job.value, sizeof(T));
  if (job.rank == 0) {
    *static_cast<T*>(job.out) = *static_cast<const T*>(job.in);
    return;
  }
  const int inner = job.rank - 1;
  const int64_t width = job.sizes[inner] + job.low[inner] + job.high[inner];
  int64_t rows = 1;
  for (int d = 0; d < inner; ++d) rows *= job.sizes[d] + job.low[d] + job.high[d];
  parallel_for(rows, grain_for(width * static_cast<int64_t>(sizeof(T))),
               [&](int64_t first, int64_t last) { pad_rows<T>(job, value, first, last); });
}

}  // namespace

void copy_strided(const StridedCopy& job) {
  for (int d = 0; d < job.rank; ++d) {
    if (job.sizes[d] == 0) return;
  }
  with_item(job.item, [&](auto t) { copy_typed<decltype(t)>(job); });
}

void fill(void* out, const void* value, int item, int64_t count) {
  with_item(item, [&](auto t) {
    using T = decltype(t);
    std::memcpy(&t, value, sizeof(T));
    auto* typed = static_cast<T*>(out);
    parallel_for(count, grain_for(sizeof(T)),
                 [&](int64_t first, int64_t last) { std::fill(typed + first, typed + last, t); });
  });
}

void pad(const Pad& job) {
  with_item(job.item, [&](auto t) { pad_typed<decltype(t)>(job); });
}

}  // namespace addax::kernels
