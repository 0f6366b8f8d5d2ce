// Softmax and its kin. Arrays are (outer, size, inner) along the middle axis; the largest element is subtracted first,
// so nothing overflows. A NaN spreads over its line. A line of -inf alone has the logsumexp -inf and no softmax (NaN).
#pragma once

#include <cstdint>

namespace addax::kernels {

template <class T>
struct SoftmaxOf {
  void (*softmax)(const T* x, T* y, std::int64_t outer, std::int64_t size, std::int64_t inner);
  void (*log_softmax)(const T* x, T* y, std::int64_t outer, std::int64_t size, std::int64_t inner);
  // y (outer, inner). An empty line gives -inf.
  void (*logsumexp)(const T* x, T* y, std::int64_t outer, std::int64_t size, std::int64_t inner);
  // out[r] = -log_softmax(logits[r])[labels[r]], all labels in [0, classes).
  void (*sparse_cross_entropy_i32)(const T* logits, const std::int32_t* labels, T* out, std::int64_t rows,
                                   std::int64_t classes);
  void (*sparse_cross_entropy_i64)(const T* logits, const std::int64_t* labels, T* out, std::int64_t rows,
                                   std::int64_t classes);
  // out[r] = -Σ_c targets[r, c] · log_softmax(logits[r])[c]; a target of 0 counts 0 even where the logit is -inf.
  void (*cross_entropy)(const T* logits, const T* targets, T* out, std::int64_t rows, std::int64_t classes);
  // out[i] = max(x, 0) - x·t + log1p(exp(-|x|)).
  void (*sigmoid_cross_entropy)(const T* x, const T* t, T* out, std::int64_t n);
};

struct SoftmaxKernels {
  SoftmaxOf<float> f32;
  SoftmaxOf<double> f64;

  template <class T>
  const SoftmaxOf<T>& of() const;
};
template <>
inline const SoftmaxOf<float>& SoftmaxKernels::of() const {
  return f32;
}
template <>
inline const SoftmaxOf<double>& SoftmaxKernels::of() const {
  return f64;
}

void fill_float64(SoftmaxKernels& table);  // the same on every instruction set

namespace baseline {
void fill(SoftmaxKernels& table);
}
namespace avx2 {
void fill(SoftmaxKernels& table);
}
namespace avx512 {
void fill(SoftmaxKernels& table);
}
namespace neon {
void fill(SoftmaxKernels& table);
}

}  // namespace addax::kernels
