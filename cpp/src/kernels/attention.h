// Scaled dot-product attention, and its gradient, in blocks of scores that stay in the second-level cache. Per batch
// item and head:  out = softmax(scale · q kᵀ + bias) v.  Heads lie side by side within a position, as projections leave
// them.
#pragma once

#include <cstdint>

namespace addax::kernels {

template <class T>
struct AttentionInputs {
  std::int64_t batch;
  std::int64_t rows;     // positions of the query
  std::int64_t columns;  // positions of key and value
  std::int64_t heads;    // a multiple of key_heads; head h looks at key head h / (heads / key_heads)
  std::int64_t key_heads;
  std::int64_t depth;  // of a query and a key
  std::int64_t value_depth;
  double scale;
  bool causal;               // row t sees columns up to t
  bool hide_empty;           // a row that the mask leaves nothing gives 0; else the mean over all its columns
  const T* q;                // (batch, rows, heads, depth)
  const T* k;                // (batch, columns, key_heads, depth)
  const T* v;                // (batch, columns, key_heads, value_depth)
  const T* bias;             // added to the scores, or null
  const std::uint8_t* mask;  // 0: the score does not count; or null
  std::int64_t strides[4];   // of bias or mask, by batch item, head, row, column (0 or 1)
};

template <class T>
struct Attention {
  AttentionInputs<T> inputs;
  T* out;         // (batch, rows, heads, value_depth)
  T* statistics;  // (batch, heads, rows, 2): the largest score and 1 / Σ exp(score − largest)
};

template <class T>
struct AttentionGradient {
  AttentionInputs<T> inputs;
  const T* dout;
  const T* out;
  const T* statistics;
  T* dq;
  T* dk;
  T* dv;
};

template <class T>
struct AttentionOf {
  void (*forward)(const Attention<T>& job);
  void (*gradient)(const AttentionGradient<T>& job);
};

struct AttentionKernels {
  AttentionOf<float> f32;
  AttentionOf<double> f64;

  template <class T>
  const AttentionOf<T>& of() const {
    if constexpr (sizeof(T) == 4) {
      return f32;
    } else {
      return f64;
    }
  }
};

void fill_float64(AttentionKernels& table);  // the same on every instruction set

namespace baseline {
void fill(AttentionKernels& table);
}
namespace avx2 {
void fill(AttentionKernels& table);
}
namespace avx512 {
void fill(AttentionKernels& table);
}
namespace neon {
void fill(AttentionKernels& table);
}

}  // namespace addax::kernels
