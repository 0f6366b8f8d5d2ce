#include "base/parallel.h"

#include <algorithm>
#include <cstdlib>

#include "addax/error.h"
#include "base/checked.h"
#include "base/cpu.h"
#include "base/engine.h"

namespace addax {
namespace {

// Enough to balance a large machine, few enough that claiming them costs nothing.
constexpr std::int64_t kMaxChunks = 1024;

thread_local bool inside_region = false;

// The leading positive number of an environment variable ("4", or "4,2" as OpenMP allows), else 0.
int count_from(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return 0;
  const long count = std::strtol(text, nullptr, 10);
  return static_cast<int>(std::clamp(count, 0L, static_cast<long>(detail::kMaxThreads)));
}

int default_thread_count() {
  if (const int n = count_from("ADDAX_NUM_THREADS")) return n;
  if (const int n = count_from("OMP_NUM_THREADS")) return n;
  return std::min(available_cpus(), detail::kMaxThreads);
}

std::atomic<int>& wanted_threads() {
  static std::atomic<int> wanted{default_thread_count()};
  return wanted;
}

}  // namespace

int thread_count() { return wanted_threads().load(std::memory_order_relaxed); }

void set_thread_count(int n) {
  if (n < 1 || n > detail::kMaxThreads)
    fail(ErrorKind::value, "the number of threads must be between 1 and ", detail::kMaxThreads, "; received ", n);
  wanted_threads().store(n, std::memory_order_relaxed);
}

bool runs_serially() { return inside_region || thread_count() == 1; }

namespace detail {

InsideRegion::InsideRegion() { inside_region = true; }
InsideRegion::~InsideRegion() { inside_region = false; }

void Region::run(int index) noexcept {
  if (index > failed_chunk.load(std::memory_order_relaxed)) return;
  const std::int64_t first = index * chunk;
  try {
    function(body, first, std::min(first + chunk, n));
  } catch (...) {
    const std::lock_guard lock(failure_lock);
    if (index > failed_chunk.load(std::memory_order_relaxed)) return;
    failure = std::current_exception();
    failed_chunk.store(index, std::memory_order_relaxed);
  }
}

void run_chunks(std::int64_t n, std::int64_t grain, ChunkFunction function, const void* body) {
  grain = std::max<std::int64_t>(grain, 1);
  const std::int64_t grains = ceil_div(n, grain);
  const std::int64_t chunk = grain * ceil_div(grains, kMaxChunks);
  const int chunks = static_cast<int>(ceil_div(n, chunk));
  const int threads = std::min(thread_count(), chunks);
  if (threads > 1 && !inside_region) {
    Region region{
        .n = n, .chunk = chunk, .chunks = chunks, .function = function, .body = body, .float_control = float_control()};
    if (run_region(region, threads)) {
      if (region.failure) std::rethrow_exception(region.failure);
      return;
    }
  }
  for (std::int64_t first = 0; first < n; first += chunk) function(body, first, std::min(first + chunk, n));
}

}  // namespace detail
}  // namespace addax
