// Running sums and products along the middle axis of (outer, size, inner). float accumulates in double, integers wrap
// around.
#pragma once

#include <cstdint>

namespace addax::kernels {

// out[i] = x[0] ∘ … ∘ x[i]. `reverse` starts at the end; `exclusive` leaves x[i] itself out, so that the first result
// is 0 (or 1).
struct ScanLayout {
  std::int64_t outer, size, inner;
  bool reverse, exclusive;
};
template <class T>
void cumsum(const T* x, T* out, const ScanLayout& layout);
template <class T>
void cumprod(const T* x, T* out, const ScanLayout& layout);

// y_i = x_i + decay_i · y_{i-1} from y_{-1} = 0; reversed y_i = x_i + decay_{i+1} · y_{i+1}: each is the other's
// transpose. `exclusive` is ignored. float and double only.
template <class T>
void linear_recurrence(const T* decay, const T* x, T* out, const ScanLayout& layout);

}  // namespace addax::kernels
