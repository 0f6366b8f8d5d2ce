// Steps of a few parts each, where every part needs the whole step before: half of the units of a recurrent layer on
// either of two processors. A part begins with what needs only itself a step ago, while the others' results are on
// their way. There is no barrier. A part is claimed by whoever comes first, so that a thread that was not there yet, or
// is not running, holds nobody up: the others do its parts. They wait for parts that somebody has begun, as in
// parallel_for, and for nothing else.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "base/parallel.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace addax {

namespace detail {

inline void wait_a_little(int spins) {
  constexpr int kSpins = 2000;  // some 50 µs; whoever has begun may have lost its processor
  if (spins >= kSpins) return std::this_thread::yield();
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// How far the parts have come, and the work on them.
template <int kParts, class Begin, class Finish>
class PartsOfSteps {
 public:
  PartsOfSteps(std::int64_t steps, const Begin& begin, const Finish& finish)
      : steps_(steps), begin_(begin), finish_(finish) {}

  // A thread among others: at each step its own part, whose data it has at hand, unless another has taken it.
  void run(int own) {
    for (std::int64_t step = 0; step < steps_; ++step)
      if (!(claim(step, own) ? work(step, own) : complete(step))) return;
    complete(steps_ - 1);
  }

  // A thread alone, back and forth: what it read last it has at hand.
  void run_alone() {
    for (std::int64_t step = 0; step < steps_; ++step) {
      for (int i = 0; i < kParts; ++i) {
        const int part = step % 2 == 0 ? i : kParts - 1 - i;
        begin_(step, part);
        finish_(step, part);
      }
    }
  }

 private:
  // 2 · step before the part is claimed, + 1 while somebody does it, + 2 when it is done.
  struct alignas(64) Progress {
    std::atomic<std::int64_t> state{0};
  };
  std::atomic<std::int64_t>& state(int part) { return progress_[part].state; }

  bool claim(std::int64_t step, int part) {
    std::int64_t unclaimed = 2 * step;
    return state(part).load(std::memory_order_acquire) == unclaimed &&
           state(part).compare_exchange_strong(unclaimed, 2 * step + 1, std::memory_order_acq_rel);
  }

  // Does a part that this thread has claimed and says so. False if another part failed; if this one throws, nobody goes
  // on waiting for it.
  bool work(std::int64_t step, int part) {
    try {
      begin_(step, part);
      if (!complete(step - 1)) return false;
      finish_(step, part);
    } catch (...) {
      failed_.store(true, std::memory_order_relaxed);
      throw;
    }
    state(part).store(2 * step + 2, std::memory_order_release);
    return true;
  }

  // Does what nobody has begun of a step and waits for the rest. False if a part failed, which may be one of those.
  bool complete(std::int64_t step) {
    for (int part = 0; part < kParts; ++part) {
      for (int spins = 0; state(part).load(std::memory_order_acquire) < 2 * step + 2; ++spins) {
        if (failed_.load(std::memory_order_relaxed)) return false;
        if (!claim(step, part)) {
          wait_a_little(spins);
        } else if (!work(step, part)) {
          return false;
        }
      }
    }
    return true;
  }

  const std::int64_t steps_;
  const Begin& begin_;
  const Finish& finish_;
  Progress progress_[kParts];
  std::atomic<bool> failed_{false};
};

}  // namespace detail

// Runs begin(step, part), then finish(step, part), for parts [0, kParts) of all steps. begin may read what the same
// part has left in the steps before, and write what no other part reads (another may be in the step before); finish
// may read what all parts have left. If a part throws, no further step is finished and the exception is rethrown here.
// Worth it from a microsecond a part: a hand-over takes some 0.5 µs where cores share a third-level cache, of which
// begin takes its share.
template <int kParts, class Begin, class Finish>
void parallel_steps(std::int64_t steps, const Begin& begin, const Finish& finish) {
  detail::PartsOfSteps<kParts, Begin, Finish> parts(steps, begin, finish);
  parallel_for(kParts, 1, [&](std::int64_t first, std::int64_t last) {
    if (last - first == kParts) return parts.run_alone();
    for (std::int64_t own = first; own < last; ++own) parts.run(static_cast<int>(own));
  });
}

}  // namespace addax
