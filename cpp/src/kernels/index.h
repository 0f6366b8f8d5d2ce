// Reading and writing by index. Indices are int32 or int64; those in [-size, 0) count from the end, as in NumPy.
// Callers check ranges first with `first_out_of_range`: nothing here does. Additions into one place happen in the order
// of the indices, whatever the thread count.
#pragma once

#include <cstdint>

namespace addax::kernels {

// Position of the first index outside [low, high), or -1.
template <class Index>
std::int64_t first_out_of_range(const Index* indices, std::int64_t count, std::int64_t low, std::int64_t high);

// x (outer, size, row), out (outer, count, row): out[o, i] = x[o, indices[i]]. A row is `row_bytes` bytes.
template <class Index>
void gather(const void* x, const Index* indices, void* out, std::int64_t outer, std::int64_t size, std::int64_t count,
            std::int64_t row_bytes);

// updates (outer, count, inner), out (outer, size, inner): out = 0, then out[o, indices[i]] += updates[o, i].
template <class T, class Index>
void scatter_add(const Index* indices, const T* updates, T* out, std::int64_t outer, std::int64_t size,
                 std::int64_t count, std::int64_t inner);

// x (outer, size, inner), indices and out (outer, count, inner): out[o, i, k] = x[o, indices[o, i, k], k]. `item` bytes
// per element: 1, 2, 4, 8.
template <class Index>
void take_along_axis(const void* x, const Index* indices, void* out, int item, std::int64_t outer, std::int64_t size,
                     std::int64_t count, std::int64_t inner);

// The transpose of take_along_axis: out (outer, size, inner) = 0, then out[o, indices[o, i, k], k] += updates[o, i, k].
template <class T, class Index>
void put_along_axis_add(const Index* indices, const T* updates, T* out, std::int64_t outer, std::int64_t size,
                        std::int64_t count, std::int64_t inner);

// indices (count, depth), each row an index into the first `depth` axes of x, whose sizes are `sizes`; a row of x
// beyond them is `row_bytes` bytes.
template <class Index>
void gather_nd(const void* x, const Index* indices, void* out, const std::int64_t* sizes, int depth, std::int64_t count,
               std::int64_t row_bytes);

// out (sizes…, inner) = 0, then out[indices[i]] += values[i]. `total` is the product of all sizes and inner.
template <class T, class Index>
void scatter_nd(const Index* indices, const T* values, T* out, const std::int64_t* sizes, int depth, std::int64_t count,
                std::int64_t inner, std::int64_t total);

// indices (outer, inner), out (outer, depth, inner): 1 where the index is the position along depth, else 0; an index
// outside [0, depth) gives zeros only.
template <class T, class Index>
void one_hot(const Index* indices, T* out, std::int64_t outer, std::int64_t depth, std::int64_t inner);

}  // namespace addax::kernels
