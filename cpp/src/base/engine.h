// Between parallel.cpp, which splits the work, and the engine, which finds threads for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>

#include "base/parallel.h"

namespace addax::detail {

inline constexpr int kMaxThreads = 256;
inline constexpr int kNoChunk = 1 << 30;

// One region. Lives on the caller's stack: an engine may let a thread touch it only while the caller waits for that
// thread.
struct Region {
  std::int64_t n;
  std::int64_t chunk;  // elements per chunk
  int chunks;
  ChunkFunction function;
  const void* body;
  std::uint64_t float_control;  // of the caller: all threads round and flush alike

  std::atomic<int> failed_chunk{kNoChunk};
  std::mutex failure_lock{};
  std::exception_ptr failure{};  // of failed_chunk

  // Runs a chunk, unless a lower one has failed. Keeps the exception of the lowest chunk that throws: what the caller
  // sees does not depend on timing.
  void run(int index) noexcept;
};

// Marks this thread as being inside a region; a region started meanwhile runs serially.
class InsideRegion {
 public:
  InsideRegion();
  ~InsideRegion();
  InsideRegion(const InsideRegion&) = delete;
  InsideRegion& operator=(const InsideRegion&) = delete;
};

// The engine: runs every chunk of the region with at most `threads` (≥ 2) threads, the caller among them, and returns
// when all are done. Returns false, having run nothing, when no other thread can be had: the caller then runs serially.
bool run_region(Region& region, int threads);

}  // namespace addax::detail
