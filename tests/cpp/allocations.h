// How often memory was asked of the heap.
#pragma once

#include <cstdint>

namespace test {

// Calls of operator new and, where the C library lets us see them (glibc, no sanitizer), of malloc and its kin, by any
// thread of the test program so far.
std::int64_t allocations();

}  // namespace test
