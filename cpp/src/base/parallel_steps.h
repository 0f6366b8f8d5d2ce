// Steps of a few parts each, where every part needs the whole step before: half of the units of a recurrent layer on
// either of two processors. There is no barrier. A part is claimed by whoever comes first, so that a thread that was
// not there yet, or is not running, holds nobody up: the others do its parts. They wait for parts that somebody has
// begun, as in parallel_for, and for nothing else.
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

// How far a part has come: 2 · step before it is claimed, + 1 while somebody does it, + 2 when it is done.
struct alignas(64) PartProgress {
  std::atomic<std::int64_t> state{0};
};

// Whether the part got that far: false if another part failed, which may be the one that is waited for.
inline bool wait_for_step(const std::atomic<std::int64_t>& state, std::int64_t done, const std::atomic<bool>& failed) {
  constexpr int kSpins = 2000;  // some 50 µs; whoever has begun may have lost its processor
  for (int spins = 0; state.load(std::memory_order_acquire) < done; ++spins) {
    if (failed.load(std::memory_order_relaxed)) return false;
    if (spins >= kSpins) {
      std::this_thread::yield();
      continue;
    }
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
  return true;
}

// Does the part and says so; if it throws, nobody goes on waiting for it.
template <class Parts>
void do_part(std::int64_t step, int part, const Parts& parts, std::atomic<std::int64_t>& state,
             std::atomic<bool>& failed) {
  try {
    parts(step, part, part + 1);
  } catch (...) {
    failed.store(true, std::memory_order_relaxed);
    throw;
  }
  state.store(2 * step + 2, std::memory_order_release);
}

}  // namespace detail

// Runs parts(step, first, last) over parts [0, kParts) of all steps in order, one at a time or, by a thread that is
// alone, all at once; what a part writes is there for all parts of later steps. If a part throws, no further step
// begins and the exception is rethrown here. Worth it from a microsecond a part: handing over costs some 0.5 µs a step
// where cores share a third-level cache.
template <int kParts, class Parts>
void parallel_steps(std::int64_t steps, const Parts& parts) {
  detail::PartProgress progress[kParts];
  std::atomic<bool> failed{false};
  parallel_for(kParts, 1, [&](std::int64_t first, std::int64_t last) {
    if (last - first == kParts) {  // alone
      for (std::int64_t step = 0; step < steps; ++step) parts(step, 0, kParts);
      return;
    }
    for (std::int64_t step = 0; step < steps; ++step) {
      // Its own part first, which it has done in the step before and has at hand.
      for (int i = 0; i < kParts; ++i) {
        const int p = static_cast<int>((first + i) % kParts);
        std::atomic<std::int64_t>& state = progress[p].state;
        std::int64_t unclaimed = 2 * step;
        if (state.load(std::memory_order_acquire) != unclaimed) continue;
        if (!state.compare_exchange_strong(unclaimed, 2 * step + 1, std::memory_order_acq_rel)) continue;
        detail::do_part(step, p, parts, state, failed);
      }
      for (const detail::PartProgress& p : progress) {
        if (!detail::wait_for_step(p.state, 2 * step + 2, failed)) return;
      }
    }
  });
}

}  // namespace addax
