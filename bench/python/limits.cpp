// What this machine can do at most: float32 multiply-adds in registers, and reading memory, by one thread and by
// several. Built by `floor.py` for the machine that it runs on; prints JSON.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

namespace {

typedef float Vector __attribute__((vector_size(64)));

// Of this thread: what else the machine does is not its limit.
double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

volatile float sink;

// Enough independent chains to hide the latency, few enough to stay in the registers of every instruction set.
#if defined(__AVX512F__)
constexpr int kChains = 12;
#else
constexpr int kChains = 5;
#endif

double multiply_adds(double seconds) {
  Vector sums[kChains] = {};
  const float factor = 0.999f + sink;
  Vector scale = factor - Vector{}, shift = 0.5f * factor - Vector{};
  const double start = cpu_seconds();
  long rounds = 0;
  do {
    for (int i = 0; i < 20000; ++i)
      for (int c = 0; c < kChains; ++c) sums[c] = sums[c] * scale + shift;
    rounds += 20000;
  } while (cpu_seconds() - start < seconds);
  const double taken = cpu_seconds() - start;
  float total = 0;
  for (const Vector& sum : sums) total += sum[0];
  sink = total * 0;
  return 2.0 * rounds * kChains * 16 / taken;
}

double read_bytes(std::size_t bytes, double seconds) {
  std::vector<Vector> data(bytes / sizeof(Vector), Vector{} + 1.0f);
  Vector sums[8] = {};
  long passes = 0;
  const double start = cpu_seconds();
  do {
    for (std::size_t i = 0; i + 8 <= data.size(); i += 8)
      for (int c = 0; c < 8; ++c) sums[c] += data[i + c];
    ++passes;
  } while (cpu_seconds() - start < seconds);
  const double taken = cpu_seconds() - start;
  float total = 0;
  for (const Vector& sum : sums) total += sum[0];
  sink = total * 0;
  return static_cast<double>(passes) * static_cast<double>(bytes) / taken;
}

template <class Measure>
double together(int threads, const Measure& measure) {
  std::vector<double> rates(threads);
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) workers.emplace_back([&, t] { rates[t] = measure(); });
  double total = 0;
  for (int t = 0; t < threads; ++t) {
    workers[t].join();
    total += rates[t];
  }
  return total;
}

template <class Measure>
double best(int threads, const Measure& measure) {
  double most = 0;
  for (int i = 0; i < 5; ++i) {
    const double rate = together(threads, measure);
    if (rate > most) most = rate;
  }
  return most;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : 1;
  std::printf("{\"flops\": %.4g, \"read\": {", best(threads, [] { return multiply_adds(0.1); }));
  // Sizes of one thread: within L2, within a share of L3, beyond both.
  const std::size_t sizes[] = {std::size_t{1} << 19, std::size_t{1} << 23, std::size_t{1} << 28};
  const char* comma = "";
  for (const std::size_t size : sizes) {
    std::printf("%s\"%zu\": %.4g", comma, size, best(threads, [=] { return read_bytes(size, 0.05); }));
    comma = ", ";
  }
  std::printf("}}\n");
}
