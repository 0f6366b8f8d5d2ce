// Memory of the calling thread for what a kernel needs only while it works on a chunk: packed blocks, padded rows.
#pragma once

#include <cstdint>

namespace addax {

inline constexpr int kScratchSlots = 4;

// At least `bytes` bytes on a 64-byte boundary, contents undefined. Belongs to this thread and slot until the next call
// for the slot; what one kernel keeps in a slot while it calls another is that kernel's slot alone. Grows and is kept
// until the thread ends, so that a repeated call allocates nothing. Throws Error(memory).
void* thread_scratch(int slot, std::int64_t bytes);

template <class T>
T* thread_scratch_of(int slot, std::int64_t count) {
  return static_cast<T*>(thread_scratch(slot, count * static_cast<std::int64_t>(sizeof(T))));
}

}  // namespace addax
