// Memory on 64-byte boundaries: a cache line, and the widest vector.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/checked.h"

namespace addax {

inline constexpr std::size_t kAlignment = 64;

// Uninitialised bytes, at least one line even for 0. Any thread. Null if there is no memory.
void* try_allocate_aligned(std::int64_t bytes) noexcept;
// Throws Error(memory) instead, with the size and `purpose`.
void* allocate_aligned(std::int64_t bytes, std::string_view purpose);
void free_aligned(void* memory) noexcept;

struct AlignedDelete {
  void operator()(void* memory) const noexcept { free_aligned(memory); }
};
template <class T>
using AlignedArray = std::unique_ptr<T[], AlignedDelete>;

// `count` uninitialised elements of a trivial type.
template <class T>
AlignedArray<T> make_aligned(std::int64_t count, std::string_view purpose) {
  return AlignedArray<T>(static_cast<T*>(allocate_aligned(checked_mul(count, sizeof(T)), purpose)));
}

}  // namespace addax
