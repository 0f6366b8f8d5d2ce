#include "base/parallel.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "addax/error.h"
#include "base/cpu.h"
#include "base/parallel_steps.h"

using addax::parallel_for;

namespace {

// Restores the number of threads at the end of a test.
struct Threads {
  explicit Threads(int n) : before(addax::thread_count()) { addax::set_thread_count(n); }
  ~Threads() { addax::set_thread_count(before); }
  int before;
};

// The chunks of a region, by first element.
std::vector<std::int64_t> chunks_of(std::int64_t n, std::int64_t grain) {
  std::vector<std::int64_t> last(static_cast<std::size_t>(n), 0);
  parallel_for(n, grain, [&](std::int64_t first, std::int64_t end) { last[static_cast<std::size_t>(first)] = end; });
  return last;
}

// Sums of 1/(i+1) in single precision per chunk, then over chunks: any change of chunking changes the bits.
float harmonic(std::int64_t n, std::int64_t grain) {
  std::vector<float> partial(static_cast<std::size_t>(n), 0.0f);
  parallel_for(n, grain, [&](std::int64_t first, std::int64_t last) {
    float sum = 0;
    for (std::int64_t i = first; i < last; ++i) sum += 1.0f / static_cast<float>(i + 1);
    partial[static_cast<std::size_t>(first)] = sum;
  });
  float sum = 0;
  for (const float p : partial) sum += p;
  return sum;
}

// Runs f in a forked child: its exit code, or −1 if it did not come back within 20 s.
template <class F>
int exit_code_of_child([[maybe_unused]] F f) {
#if defined(__SANITIZE_THREAD__)
  return 0;  // ThreadSanitizer does not support threads in a forked child
#else
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(f());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
#endif
}

}  // namespace

TEST_CASE("every index is visited once, for sizes around the chunk and many threads") {
  for (const int threads : {1, 2, 3, 8}) {
    const Threads guard(threads);
    for (const std::int64_t n : {0, 1, 2, 7, 8, 9, 63, 64, 65, 1000, 12345, 100000}) {
      for (const std::int64_t grain : {1, 8, 1000}) {
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(n));
        parallel_for(n, grain, [&](std::int64_t first, std::int64_t last) {
          CHECK(first % grain == 0);
          for (std::int64_t i = first; i < last; ++i) ++visits[static_cast<std::size_t>(i)];
        });
        bool once = true;
        for (const auto& v : visits) once = once && v == 1;
        CHECK(once);
      }
    }
  }
}

TEST_CASE("chunks, and so the bits of partial sums, do not depend on the number of threads") {
  std::vector<std::int64_t> chunks;
  float sum = 0;
  {
    const Threads guard(1);
    chunks = chunks_of(100003, 10);
    sum = harmonic(100003, 10);
  }
  for (const int threads : {2, 3, 5}) {
    const Threads guard(threads);
    CHECK(chunks_of(100003, 10) == chunks);
    CHECK(harmonic(100003, 10) == sum);
  }
}

TEST_CASE("the exception of the lowest failing chunk reaches the caller, and the next region works") {
  for (const int threads : {1, 2, 4}) {
    const Threads guard(threads);
    for (int round = 0; round < 50; ++round) {
      std::int64_t caught = -1;
      try {
        parallel_for(64, 1, [](std::int64_t first, std::int64_t) {
          if (first >= 5) throw first;
        });
      } catch (std::int64_t first) {
        caught = first;
      }
      CHECK(caught == 5);
      caught = -1;
      try {  // of a few chunks helpers begin with the last
        parallel_for(4, 1, [](std::int64_t first, std::int64_t) { throw first; });
      } catch (std::int64_t first) {
        caught = first;
      }
      CHECK(caught == 0);
    }
    CHECK(harmonic(1000, 10) > 7.0f);
  }
}

TEST_CASE("a region inside a region runs serially and completely") {
  const Threads guard(2);
  std::atomic<std::int64_t> total{0};
  parallel_for(8, 1, [&](std::int64_t, std::int64_t) {
    const std::thread::id mine = std::this_thread::get_id();
    parallel_for(100, 10, [&](std::int64_t first, std::int64_t last) {
      CHECK(std::this_thread::get_id() == mine);
      total += last - first;
    });
  });
  CHECK(total == 800);
}

TEST_CASE("threads that call at once all finish with right results") {
  const Threads guard(2);
  const float expected = harmonic(5000, 50);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 12; ++t)
    callers.emplace_back([&] {
      for (int i = 0; i < 200; ++i) wrong += harmonic(5000, 50) != expected;
    });
  for (std::thread& c : callers) c.join();
  CHECK(wrong == 0);
}

TEST_CASE("helpers round and flush as the caller does") {
  const Threads guard(2);
  const auto flushed = [] {
    std::atomic<int> zeros{0};
    parallel_for(64, 1, [&](std::int64_t, std::int64_t) {
      volatile float small = 1e-30f;
      const float product = small * 1e-10f;
      zeros += product == 0.0f;
    });
    return zeros.load();
  };
  CHECK(flushed() == 0);
  {
    const addax::FlushDenormals flush;
    CHECK(flushed() == 64);
  }
  CHECK(flushed() == 0);
}

TEST_CASE("a child forked after parallel work computes, and so does the parent") {
  const Threads guard(2);
  const float expected = harmonic(10000, 10);
  for (int i = 0; i < 3; ++i) CHECK(exit_code_of_child([&] { return harmonic(10000, 10) == expected ? 0 : 1; }) == 0);
  CHECK(harmonic(10000, 10) == expected);
}

TEST_CASE("a child forked while another thread is in a region computes") {
  const Threads guard(2);
  const float expected = harmonic(10000, 10);
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) harmonic(2000, 10);
  });
  int bad = 0;
  for (int i = 0; i < 10; ++i) bad += exit_code_of_child([&] { return harmonic(10000, 10) == expected ? 0 : 1; }) != 0;
  stop = true;
  busy.join();
  CHECK(bad == 0);
}

TEST_CASE("the number of threads has a getter, a setter and bounds") {
  const Threads guard(3);
  CHECK(addax::thread_count() == 3);
  CHECK_THROWS_AS(addax::set_thread_count(0), addax::Error);
  CHECK_THROWS_AS(addax::set_thread_count(100000), addax::Error);
  CHECK(addax::thread_count() == 3);
  CHECK(addax::available_cpus() >= 1);
}

TEST_CASE("after stop_threads regions still run") {
  CHECK(exit_code_of_child([] {
          const float before = harmonic(10000, 10);
          addax::stop_threads();
          return harmonic(10000, 10) == before ? 0 : 1;
        }) == 0);
}

TEST_CASE("a step begins when all parts of the one before are done") {
  const int threads = addax::thread_count();
  for (const int count : {1, 2, 3}) {
    addax::set_thread_count(count);
    for (int repeat = 0; repeat < 200; ++repeat) {
      // Each part of a step adds up what both parts of the step before have left, its own first.
      std::uint32_t values[2][2] = {{1, 2}, {0, 0}}, sums[2] = {0, 0};
      addax::parallel_steps<2>(
          50, [&](std::int64_t step, int p) { sums[p] = values[step % 2][p] * (p == 0 ? 3 : 5); },
          [&](std::int64_t step, int p) {
            const std::uint32_t* before = values[step % 2];
            values[(step + 1) % 2][p] = sums[p] + before[1 - p] * (p == 0 ? 5 : 3) + static_cast<std::uint32_t>(p);
          });
      std::uint32_t a = 1, b = 2;
      for (int step = 0; step < 50; ++step) {
        const std::uint32_t next = a * 3 + b * 5;
        a = next;
        b = next + 1;
      }
      CHECK(values[0][0] == a);
      CHECK(values[0][1] == b);
    }
  }
  addax::set_thread_count(threads);
  const auto none = [](std::int64_t, int) { FAIL("there is no step"); };
  addax::parallel_steps<2>(0, none, none);
}

TEST_CASE("a part that fails ends the steps: nobody waits for it, and the caller learns why") {
  const int threads = addax::thread_count();
  for (const int count : {1, 2, 3}) {
    addax::set_thread_count(count);
    for (int repeat = 0; repeat < 100; ++repeat) {
      const std::int64_t bad_step = repeat % 4;
      const int bad_part = repeat % 2;
      std::atomic<bool> went_on{false};
      const auto fail_at_once = [&](std::int64_t step, int part) {
        if (step == bad_step && part == bad_part) throw std::runtime_error("no memory");
      };
      const auto fail = [&](std::int64_t step, int part) {
        if (step > bad_step) went_on = true;
        fail_at_once(step, part);
      };
      const auto nothing = [](std::int64_t, int) {};
      CHECK_THROWS_WITH_AS(addax::parallel_steps<2>(50, nothing, fail), "no memory", std::runtime_error);
      const auto go_on = [&](std::int64_t step, int) { went_on = went_on || step > bad_step; };
      CHECK_THROWS_WITH_AS(addax::parallel_steps<2>(50, fail_at_once, go_on), "no memory", std::runtime_error);
      CHECK_FALSE(went_on);
    }
  }
  addax::set_thread_count(threads);
}
