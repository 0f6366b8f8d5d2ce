#include "base/scratch.h"

#include <algorithm>

#include "base/aligned.h"

namespace addax {
namespace {

struct Slot {
  AlignedArray<char> memory;
  std::int64_t size = 0;
};

// The first request of a slot takes this much, so that few ever grow; pages that are never touched cost nothing.
constexpr std::int64_t kFirstSize = 1 << 20;

thread_local Slot slots[kScratchSlots];

}  // namespace

void* thread_scratch(int slot, std::int64_t bytes) {
  Slot& s = slots[slot];
  if (s.size < bytes || s.memory == nullptr) {
    const std::int64_t size = std::max({bytes, kFirstSize, s.size + s.size / 2});
    s.size = 0;
    s.memory = nullptr;
    s.memory = make_aligned<char>(size, "a kernel's scratch memory");
    s.size = size;
  }
  return s.memory.get();
}

}  // namespace addax
