// Sorting along one axis: arrays are (outer, size, inner). NaN is greater than every number. T is uint8, int32, int64,
// float or double.
#pragma once

#include <cstdint>

namespace addax::kernels {

template <class T>
void sort(const T* x, T* out, std::int64_t outer, std::int64_t size, std::int64_t inner);

// Stable: equal elements keep their order. size < 2³¹.
template <class T>
void argsort(const T* x, std::int32_t* out, std::int64_t outer, std::int64_t size, std::int64_t inner);

// The k ≤ size largest of each row of x (rows, size), largest first, equal ones in the order of their indices.
template <class T>
void top_k(const T* x, T* values, std::int32_t* indices, std::int64_t rows, std::int64_t size, std::int64_t k);

}  // namespace addax::kernels
