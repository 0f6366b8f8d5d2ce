// The OpenMP engine, for builds that shall share the application's OpenMP threads. A team's threads claim chunks by a
// counter.
//
// Two dangers of libgomp are handled here. It hangs in a child forked after a parallel region: the child runs serially.
// And the barrier at a region's end waits for every thread of the team, also for one that the system has not scheduled
// and that has claimed nothing; when several processes share the processors that can take a time slice (milliseconds)
// for a region of microseconds. So the wait is measured, and after a bad one the next regions run serially, twice as
// many each time.
#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/cpu.h"
#include "base/engine.h"

namespace addax::detail {
namespace {

using Clock = std::chrono::steady_clock;

// A wait at the barrier beyond this, and beyond twice the time of the caller's own work, is a bad one.
constexpr auto kPatience = std::chrono::microseconds(500);
constexpr int kMaxPenalty = 256;

const pid_t loaded_in = getpid();

std::atomic<int> penalty{0};         // regions to run serially after the next bad wait
std::atomic<int> serial_regions{0};  // of these, how many are left

bool serving_penalty() {
  if (serial_regions.load(std::memory_order_relaxed) <= 0) return false;
  return serial_regions.fetch_sub(1, std::memory_order_relaxed) > 0;
}

void judge(Clock::duration work, Clock::duration wait) {
  if (wait > kPatience && wait > 2 * work) {
    const int next = std::clamp(2 * penalty.load(std::memory_order_relaxed), 1, kMaxPenalty);
    penalty.store(next, std::memory_order_relaxed);
    serial_regions.store(next, std::memory_order_relaxed);
  } else if (penalty.load(std::memory_order_relaxed) != 0) {
    penalty.store(0, std::memory_order_relaxed);
  }
}

}  // namespace

bool run_region(Region& region, int threads) {
  if (getpid() != loaded_in || omp_in_parallel() || serving_penalty()) return false;
  std::atomic<int> next{0};
  const Clock::time_point begin = Clock::now();
  Clock::time_point worked = begin;
#pragma omp parallel num_threads(threads)
  {
    const bool caller = omp_get_thread_num() == 0;
    const std::uint64_t before = float_control();
    if (!caller) set_float_control(region.float_control);
    {
      const InsideRegion inside;
      for (int index; (index = next.fetch_add(1, std::memory_order_relaxed)) < region.chunks;) region.run(index);
    }
    if (caller) {
      worked = Clock::now();
    } else {
      set_float_control(before);
    }
  }
  judge(worked - begin, Clock::now() - worked);
  return true;
}

}  // namespace addax::detail

namespace addax {

void stop_threads() noexcept {}  // the threads are the OpenMP runtime's

}  // namespace addax
