// The OpenMP engine, for builds that shall share the application's OpenMP threads. A team's threads claim chunks by a
// counter.
//
// Two dangers of libgomp are handled here. It hangs in a child forked after a parallel region: the child runs serially.
// And a region's barriers wait for every thread of the team, also for one that the system has not scheduled and that
// has claimed nothing; when processes compete for the processors that can take a time slice (milliseconds) for a region
// of microseconds. So what a region takes beyond the caller's own work is measured, and after a bad one the next
// regions run serially, four times as many each time. The pool has neither problem.
#include <omp.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/cpu.h"
#include "base/engine.h"

namespace addax::detail {
namespace {

using Clock = std::chrono::steady_clock;

// Waiting beyond this, and beyond twice the caller's own work, is bad.
constexpr auto kPatience = std::chrono::microseconds(500);
constexpr int kMinPenalty = 16, kMaxPenalty = 1024;

const pid_t loaded_in = getpid();

std::atomic<int> penalty{0};         // regions to run serially after the next bad wait
std::atomic<int> serial_regions{0};  // of these, how many are left

bool serving_penalty() {
  if (serial_regions.load(std::memory_order_relaxed) <= 0) return false;
  return serial_regions.fetch_sub(1, std::memory_order_relaxed) > 0;
}

void judge(Clock::duration work, Clock::duration wait) {
  const int before = penalty.load(std::memory_order_relaxed);
  if (wait > kPatience && wait > 2 * work) {
    const int next = std::clamp(4 * before, kMinPenalty, kMaxPenalty);
    penalty.store(next, std::memory_order_relaxed);
    serial_regions.store(next, std::memory_order_relaxed);
  } else if (before != 0) {
    penalty.store(before - (before + 7) / 8, std::memory_order_relaxed);
  }
}

// Processor time of this thread: unlike the clock it stands still while the thread is off its processor.
Clock::duration processor_time() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::duration_cast<Clock::duration>(std::chrono::seconds(t.tv_sec) +
                                                     std::chrono::nanoseconds(t.tv_nsec));
}

}  // namespace

bool run_region(Region& region, int threads) {
  if (getpid() != loaded_in || omp_in_parallel() || serving_penalty()) return false;
  std::atomic<int> next{0};
  const Clock::time_point begin = Clock::now();
  Clock::duration work{};
#pragma omp parallel num_threads(threads)
  {
    const bool caller = omp_get_thread_num() == 0;
    const std::uint64_t before = float_control();
    const Clock::duration started = caller ? processor_time() : Clock::duration{};
    if (!caller) set_float_control(region.float_control);
    {
      const InsideRegion inside;
      for (int index; (index = next.fetch_add(1, std::memory_order_relaxed)) < region.chunks;) region.run(index);
    }
    if (caller) {
      work = processor_time() - started;
    } else {
      set_float_control(before);
    }
  }
  judge(work, Clock::now() - begin - work);
  return true;
}

}  // namespace addax::detail

namespace addax {

void stop_threads() noexcept {}  // the threads are the OpenMP runtime's

}  // namespace addax
