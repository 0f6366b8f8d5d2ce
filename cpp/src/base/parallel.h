// parallel_for: the only door to threads. Behind it stands one of two engines, chosen at build time: a pool of our own
// (pool.cpp) or OpenMP (openmp.cpp). Callable from any thread; several threads calling at once all make progress.
#pragma once

#include <cstdint>
#include <memory>

#include "addax/threads.h"

namespace addax {

namespace detail {
using ChunkFunction = void (*)(const void* body, std::int64_t first, std::int64_t last);
void run_chunks(std::int64_t n, std::int64_t grain, ChunkFunction function, const void* body);
}  // namespace detail

// Whether parallel_for runs serially here: there is one thread, or this is inside a chunk. Only for choices that do not
// change a bit of the result.
bool runs_serially();

// Runs body(first, last) over chunks that cover [0, n). The chunks depend on n and grain alone, never on the number of
// threads, and begin at multiples of grain (≥ 1, the least work worth sending to a thread; some 2 µs), so that what a
// chunk computes has the same bits for any number of threads. Serial when there is one chunk, one thread, or when
// called inside a chunk. The first exception, in chunk order, is rethrown here; the chunks after it may not run.
// Allocates nothing.
template <class Body>
void parallel_for(std::int64_t n, std::int64_t grain, const Body& body) {
  if (n <= grain) {
    if (n > 0) body(std::int64_t{0}, n);
    return;
  }
  detail::run_chunks(
      n, grain,
      [](const void* b, std::int64_t first, std::int64_t last) { (*static_cast<const Body*>(b))(first, last); },
      std::addressof(body));
}

}  // namespace addax
