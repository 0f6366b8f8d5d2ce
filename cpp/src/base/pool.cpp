// The pool engine. Helpers sleep until a region is posted, claim its chunks by a counter, spin a little in case another
// region follows, and sleep again. The caller works too and waits only for chunks that a helper has claimed: a helper
// that the system has not scheduled costs nothing. No allocation per region, no lock on its path.
#include <pthread.h>
#include <sched.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigset_t is POSIX

#include <algorithm>
#include <chrono>
#include <mutex>
#include <new>

#include "base/engine.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/cpu.h"

namespace addax::detail {
namespace {

using Clock = std::chrono::steady_clock;

// About what a sleep and a wake-up cost (measured 20–60 µs on a virtual machine): spinning longer loses more than it
// saves.
constexpr auto kSpin = std::chrono::microseconds(50);
// Moving helpers out of the caller's way costs two system calls each; a caller that hops about must not pay that every
// time.
constexpr auto kPinInterval = std::chrono::milliseconds(1);
// Kernels keep tiles on the stack; the C library's default may be as little as 128 KiB.
constexpr std::size_t kStackBytes = std::size_t{8} << 20;
// Regions that can be open at once, one per calling thread; further callers run serially.
constexpr int kSlots = 8;
constexpr int kFewChunks = 4;  // of a region; see claim

inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Spins until `done()` or for kSpin. One that waits for work to come gives the processor away now and then: where
// processes compete for it, the one that has work gets it. One that waits for the end of work does not: it would get
// the processor back after milliseconds, and what it waits for ends in microseconds.
enum class Yield { no, yes };
template <class Done>
bool spin_until(Yield yield, Done done) {
  for (int i = 0; i < 64; ++i) {
    if (done()) return true;
    relax();
  }
  const auto end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      relax();
    }
    if (yield == Yield::yes) sched_yield();
  } while (Clock::now() < end);
  return done();
}

// A place for one open region. `ticket` holds generation (32 bits) | end (16) | next (16) of the chunks that nobody has
// claimed: a claim is a compare-and-swap of it, so a helper that read it in an earlier generation cannot touch the
// region of a later one.
struct alignas(64) Slot {
  std::atomic<bool> taken{false};
  std::atomic<std::uint64_t> ticket{0};
  Region* region = nullptr;  // read only after a claim, while the caller waits for that chunk
  alignas(64) std::atomic<std::uint32_t> finished{0};
};

// Claims a chunk of the slot's open region: its index, or -1. Of a few chunks the caller takes the first and helpers
// the last: what a small layer reads was, for the most part, written by the same thread in the layer before, and lies
// in its own cache. Of many all take the next one, so that threads read the same weights at about the same time.
enum class Side { caller, helper };
int claim(Slot& slot, Side side) {
  std::uint64_t ticket = slot.ticket.load(std::memory_order_acquire);
  for (;;) {
    const auto next = static_cast<int>(ticket & 0xffff), end = static_cast<int>(ticket >> 16 & 0xffff);
    if (next >= end) return -1;
    const bool last = side == Side::helper && end <= kFewChunks;
    const std::uint64_t rest = last ? ticket - (1 << 16) : ticket + 1;
    if (slot.ticket.compare_exchange_weak(ticket, rest, std::memory_order_acq_rel)) return last ? end - 1 : next;
  }
}

class Pool {
 public:
  bool run(Region& region, int threads);
  void stop() noexcept;
  void lock_for_fork() { lock_.lock(); }
  void unlock_after_fork() { lock_.unlock(); }
  void reset_in_child();

 private:
  static void* helper_main(void* index);
  void help(int index);
  bool work_on_all();
  void start(int threads);
  void keep_off(int caller_cpu);
  void wake(int count);

  Slot slots_[kSlots];
  alignas(64) std::atomic<std::uint32_t> posted_{0};  // grows with each region; helpers sleep on it
  std::atomic<int> sleepers_{0};
  std::atomic<int> helpers_{0};  // running threads
  std::atomic<int> active_{0};   // of these, how many may work: thread_count() − 1, seen at the latest region
  std::atomic<bool> stopping_{false};
  std::atomic<bool> unavailable_{false};  // stopped for good, or the system gives no more threads

  std::mutex lock_;  // starting, stopping, pinning
  pthread_t threads_[kMaxThreads];
  std::atomic<int> home_cpu_{-1};  // where the caller was when the helpers were last pinned
  std::atomic<Clock::rep> pinned_at_{0};
  bool fork_handlers_ = false;
};

// Never destroyed: helpers and late callers may outlive static destructors. Only its threads are ended.
Pool& pool() {
  alignas(Pool) static char storage[sizeof(Pool)];
  static Pool* const instance = new (storage) Pool;
  return *instance;
}

struct StopAtExit {
  ~StopAtExit() { pool().stop(); }
};

void* Pool::helper_main(void* index) {
  pool().help(static_cast<int>(reinterpret_cast<std::intptr_t>(index)));
  return nullptr;
}

void Pool::help(int index) {
  const InsideRegion inside;
  while (!stopping_.load(std::memory_order_acquire)) {
    const std::uint32_t seen = posted_.load(std::memory_order_acquire);
    if (index < active_.load(std::memory_order_relaxed) && work_on_all()) continue;
    if (spin_until(Yield::yes, [&] { return posted_.load(std::memory_order_relaxed) != seen; })) continue;
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    posted_.wait(seen, std::memory_order_seq_cst);
    sleepers_.fetch_sub(1, std::memory_order_seq_cst);
  }
}

bool Pool::work_on_all() {
  bool worked = false;
  for (Slot& slot : slots_) {
    int index = claim(slot, Side::helper);
    if (index < 0) continue;
    worked = true;
    Region& region = *slot.region;
    if (float_control() != region.float_control) set_float_control(region.float_control);
    std::uint32_t finished = 0;
    for (; index >= 0; index = claim(slot, Side::helper), ++finished) region.run(index);
    // The caller may return from here on: `region` is gone. (While our chunks were unfinished no new generation could
    // open, so all of them are of one region.)
    slot.finished.fetch_add(finished, std::memory_order_acq_rel);
    slot.finished.notify_one();
  }
  return worked;
}

void Pool::wake(int count) {
  posted_.fetch_add(1, std::memory_order_seq_cst);
  const int sleeping = sleepers_.load(std::memory_order_seq_cst);
  const int helpers = helpers_.load(std::memory_order_relaxed), awake = helpers - sleeping;
  if (sleeping == 0 || awake >= count) return;
  // notify_one could pick a helper that may not work at present.
  if (count - awake == 1 && active_.load(std::memory_order_relaxed) >= helpers) {
    posted_.notify_one();
  } else {
    posted_.notify_all();
  }
}

bool Pool::run(Region& region, int threads) {
  if (helpers_.load(std::memory_order_acquire) < threads - 1 && !unavailable_.load(std::memory_order_relaxed))
    start(threads);
  if (helpers_.load(std::memory_order_relaxed) == 0) return false;
  Slot* slot = nullptr;
  for (Slot& candidate : slots_) {
    if (candidate.taken.load(std::memory_order_relaxed) || candidate.taken.exchange(true, std::memory_order_acquire))
      continue;
    slot = &candidate;
    break;
  }
  if (slot == nullptr) return false;
#if defined(__linux__)
  if (const int cpu = sched_getcpu(); cpu != home_cpu_.load(std::memory_order_relaxed)) keep_off(cpu);
#endif
  active_.store(thread_count() - 1, std::memory_order_relaxed);
  slot->region = &region;
  slot->finished.store(0, std::memory_order_relaxed);
  const std::uint64_t generation = (slot->ticket.load(std::memory_order_relaxed) >> 32) + 1;
  slot->ticket.store(generation << 32 | static_cast<std::uint64_t>(region.chunks) << 16, std::memory_order_release);
  wake(std::min(threads, region.chunks) - 1);

  std::uint32_t mine = 0;
  {
    const InsideRegion inside;
    for (int index; (index = claim(*slot, Side::caller)) >= 0; ++mine) region.run(index);
  }
  const auto others = static_cast<std::uint32_t>(region.chunks) - mine;
  const auto all_done = [&] { return slot->finished.load(std::memory_order_acquire) == others; };
  if (!all_done() && !spin_until(Yield::no, all_done)) {
    for (std::uint32_t seen; (seen = slot->finished.load(std::memory_order_acquire)) != others;)
      slot->finished.wait(seen);
  }
  slot->taken.store(false, std::memory_order_release);
  return true;
}

// Adds helpers until `threads` can work. A system that gives none leaves us with what we have.
void Pool::start(int threads) {
  const std::lock_guard hold(lock_);
  if (unavailable_.load(std::memory_order_relaxed)) return;
  if (!fork_handlers_) {
    pthread_atfork([] { pool().lock_for_fork(); }, [] { pool().unlock_after_fork(); }, [] { pool().reset_in_child(); });
    static const StopAtExit stop_at_exit;
    fork_handlers_ = true;
  }
  sigset_t all, before;  // signals are for the application's threads
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  int count = helpers_.load(std::memory_order_relaxed);
  for (; count < threads - 1; ++count) {
    void* index = reinterpret_cast<void*>(static_cast<std::intptr_t>(count));  // NOLINT(performance-no-int-to-ptr)
    if (pthread_create(&threads_[count], &attributes, helper_main, index) != 0) {
      unavailable_.store(true, std::memory_order_relaxed);
      break;
    }
#if defined(__linux__)
    pthread_setname_np(threads_[count], "addax-helper");
#endif
  }
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  helpers_.store(count, std::memory_order_release);
  home_cpu_.store(-1, std::memory_order_relaxed);
  pinned_at_.store(0, std::memory_order_relaxed);
}

// Pins the helpers to processors other than the caller's, as far as its affinity allows: a woken helper that floats is
// often put on the caller's own processor, where it waits for a time slice. When the helpers need all the others each
// gets its own; else they share them, so that several processes do not pile up on the same few.
void Pool::keep_off([[maybe_unused]] int caller_cpu) {
#if defined(__linux__)
  const Clock::rep now = Clock::now().time_since_epoch().count();
  if (now - pinned_at_.load(std::memory_order_relaxed) < Clock::duration(kPinInterval).count()) return;
  const std::unique_lock hold(lock_, std::try_to_lock);
  if (!hold) return;
  pinned_at_.store(now, std::memory_order_relaxed);
  home_cpu_.store(caller_cpu, std::memory_order_relaxed);
  cpu_set_t others;
  CPU_ZERO(&others);
  if (sched_getaffinity(0, sizeof others, &others) != 0) return;
  if (caller_cpu >= 0 && caller_cpu < CPU_SETSIZE) CPU_CLR(caller_cpu, &others);
  const int available = CPU_COUNT(&others), helpers = helpers_.load(std::memory_order_relaxed);
  if (available == 0) return;
  int cpu = caller_cpu;
  for (int i = 0; i < helpers; ++i) {
    cpu_set_t mask = others;
    if (helpers >= available) {
      do cpu = (cpu + 1) % CPU_SETSIZE;
      while (!CPU_ISSET(cpu, &others));
      CPU_ZERO(&mask);
      CPU_SET(cpu, &mask);
    }
    pthread_setaffinity_np(threads_[i], sizeof mask, &mask);
  }
#endif
}

void Pool::stop() noexcept {
  const std::lock_guard hold(lock_);
  unavailable_.store(true, std::memory_order_relaxed);
  stopping_.store(true, std::memory_order_release);
  posted_.fetch_add(1, std::memory_order_seq_cst);
  posted_.notify_all();
  for (int i = helpers_.load(std::memory_order_relaxed); i-- > 0;) pthread_join(threads_[i], nullptr);
  helpers_.store(0, std::memory_order_release);
}

// After fork only the forking thread lives here. The helpers are gone and the regions of other threads will never end:
// forget both. The next region starts helpers anew.
void Pool::reset_in_child() {
  for (Slot& slot : slots_) {
    slot.taken.store(false, std::memory_order_relaxed);
    slot.ticket.store(0, std::memory_order_relaxed);
  }
  helpers_.store(0, std::memory_order_relaxed);
  sleepers_.store(0, std::memory_order_relaxed);
  lock_.unlock();
}

}  // namespace

bool run_region(Region& region, int threads) { return pool().run(region, threads); }

}  // namespace addax::detail

namespace addax {

void stop_threads() noexcept { detail::pool().stop(); }

}  // namespace addax
