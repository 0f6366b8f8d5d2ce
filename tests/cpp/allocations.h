// How often memory was asked of the heap, and a heap that has none left.
#pragma once

#include <cstdint>

namespace test {

// Calls of operator new and, where the C library lets us see them (glibc, no sanitizer), of malloc and its kin, by any
// thread of the test program so far.
std::int64_t allocations();

// While it lives, this thread's heap gives nothing after so many more calls.
class Starvation {
 public:
  explicit Starvation(std::int64_t calls);
  ~Starvation();
  Starvation(const Starvation&) = delete;
};

}  // namespace test
