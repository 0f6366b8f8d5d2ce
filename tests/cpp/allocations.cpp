#include "allocations.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <new>

namespace {

std::atomic<std::int64_t> count{0};
constexpr std::int64_t kPlenty = std::numeric_limits<std::int64_t>::max();
thread_local std::int64_t left = kPlenty;

// Counts a call; whether it is served.
bool served() {
  ++count;
  if (left == kPlenty) return true;
  if (left > 0) {
    --left;
    return true;
  }
  errno = ENOMEM;
  return false;
}

}  // namespace

std::int64_t test::allocations() { return count; }

test::Starvation::Starvation(std::int64_t calls) { left = calls; }
test::Starvation::~Starvation() { left = kPlenty; }

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

// operator new comes here, too. The C library's own functions stand behind these names.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t items, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) { return served() ? __libc_malloc(size) : nullptr; }
void* calloc(std::size_t items, std::size_t size) { return served() ? __libc_calloc(items, size) : nullptr; }
void* realloc(void* memory, std::size_t size) { return served() ? __libc_realloc(memory, size) : nullptr; }
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return served() ? __libc_memalign(alignment, size) : nullptr;
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  *memory = served() ? __libc_memalign(alignment, size) : nullptr;
  return *memory == nullptr ? 12 : 0;
}
}

#else

// Not inlined: the compiler would see malloc's memory freed by delete.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* p = served() ? std::malloc(size == 0 ? 1 : size) : nullptr) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto a = static_cast<std::size_t>(alignment);
  if (void* p = served() ? std::aligned_alloc(a, (size + a - 1) / a * a) : nullptr) return p;
  throw std::bad_alloc();
}
// What std::stable_sort asks for its buffer.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return served() ? std::malloc(size == 0 ? 1 : size) : nullptr;
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

#endif
