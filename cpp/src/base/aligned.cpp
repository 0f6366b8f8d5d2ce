#include "base/aligned.h"

#include <cstdlib>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace addax {
namespace {

// From here on a block is aligned to, and asked to use, 2 MiB pages: fewer TLB misses and page faults.
constexpr std::int64_t kHugePage = std::int64_t{2} << 20;

}  // namespace

void* try_allocate_aligned(std::int64_t bytes) noexcept {
  void* memory = nullptr;
  const bool huge = bytes >= 2 * kHugePage;
  const std::size_t alignment = huge ? static_cast<std::size_t>(kHugePage) : kAlignment;
  const std::size_t wanted = bytes > 0 ? static_cast<std::size_t>(bytes) : kAlignment;
  if (bytes < 0 || posix_memalign(&memory, alignment, wanted) != 0) return nullptr;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (huge)
    madvise(memory, wanted & ~static_cast<std::size_t>(kHugePage - 1), MADV_HUGEPAGE);  // a hint: may be refused
#endif
  return memory;
}

void* allocate_aligned(std::int64_t bytes, std::string_view purpose) {
  void* memory = try_allocate_aligned(bytes);
  if (memory == nullptr) fail(ErrorKind::memory, "cannot allocate ", bytes, " bytes for ", purpose);
  return memory;
}

void free_aligned(void* memory) noexcept { std::free(memory); }

}  // namespace addax
