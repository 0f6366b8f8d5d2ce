// Normalization of each row by itself. Layer normalization: y = (x − mean) · inverse · gamma + beta with
// inverse = 1 / √(variance + epsilon). Root mean square: y = x · inverse · gamma with inverse = 1 / √(mean x² +
// epsilon).
#pragma once

#include <cstdint>

namespace addax::kernels {

template <class T>
struct RowNorm {
  std::int64_t rows;
  std::int64_t size;  // of a row, gamma and beta
  double epsilon;
  const T* x;
  const T* gamma;
  const T* beta;  // layer normalization only
  T* y;
  T* mean;     // per row; layer normalization only
  T* inverse;  // per row
};

template <class T>
struct RowNormGradient {
  std::int64_t rows;
  std::int64_t size;
  const T* x;
  const T* dy;
  const T* mean;  // as beta above
  const T* inverse;
  const T* gamma;
  T* dx;
  T* dgamma;
  T* dbeta;
  void* workspace = nullptr;  // 64-byte aligned, as many bytes as the workspace function says
};

template <class T>
struct RowNormOf {
  void (*layer)(const RowNorm<T>& job);
  void (*layer_gradient)(const RowNormGradient<T>& job);
  void (*rms)(const RowNorm<T>& job);
  void (*rms_gradient)(const RowNormGradient<T>& job);
  std::int64_t (*gradient_workspace)(std::int64_t rows, std::int64_t size);  // bytes, for both
};

struct RowNormKernels {
  RowNormOf<float> f32;
  RowNormOf<double> f64;

  template <class T>
  const RowNormOf<T>& of() const {
    if constexpr (sizeof(T) == 4) {
      return f32;
    } else {
      return f64;
    }
  }
};

void fill_float64(RowNormKernels& table);  // the same on every instruction set

namespace baseline {
void fill(RowNormKernels& table);
}
namespace avx2 {
void fill(RowNormKernels& table);
}
namespace avx512 {
void fill(RowNormKernels& table);
}
namespace neon {
void fill(RowNormKernels& table);
}

}  // namespace addax::kernels
