#include "kernels/matmul_bf16.h"

#include <doctest/doctest.h>

#include "base/parallel.h"
#include "kernels/kernels.h"
#include "numbers.h"

using namespace addax::kernels;

namespace {

std::vector<BrainHalf> halves(test::Numbers& numbers, std::int64_t n) {
  std::vector<BrainHalf> x;
  for (const float v : numbers.vector<float>(n)) x.push_back(to_brain_half(v));
  return x;
}

struct Case {
  std::int64_t m, n, k, batch;
  bool transpose_a, transpose_b;
  std::int64_t pad;
  std::vector<BrainHalf> a, b;

  Case(test::Numbers& numbers, std::int64_t m, std::int64_t n, std::int64_t k)
      : m(m), n(n), k(k), batch(numbers.one_in(3) ? numbers.between(2, 3) : 1) {
    transpose_a = numbers.one_in(2);
    transpose_b = numbers.one_in(2);
    pad = numbers.one_in(3) ? numbers.between(1, 5) : 0;
    a = halves(numbers, batch * a_item());
    b = halves(numbers, batch * b_item());
  }

  std::int64_t lda() const { return (transpose_a ? m : k) + pad; }
  std::int64_t ldb() const { return (transpose_b ? k : n) + pad; }
  std::int64_t a_item() const { return (transpose_a ? k : m) * lda(); }
  std::int64_t b_item() const { return (transpose_b ? n : k) * ldb(); }

  std::vector<BrainHalf> run() const {
    std::vector<BrainHalf> c(static_cast<std::size_t>(batch * m * n + 16), BrainHalf{0x4242});
    Matmul<BrainHalf> job{};
    job.m = m;
    job.n = n;
    job.k = k;
    job.a = a.data();
    job.b = b.data();
    job.c = c.data();
    job.lda = lda();
    job.ldb = ldb();
    job.transpose_a = transpose_a;
    job.transpose_b = transpose_b;
    job.batch_rank = 1;
    job.batch[0] = batch;
    job.a_strides[0] = a_item();
    job.b_strides[0] = b_item();
    const Bf16MatmulKernels& functions = kernels().matmul_bf16;
    const auto memory = test::workspace(functions.workspace(job));
    job.workspace = memory.get();
    functions.run(job, {});
    for (std::size_t i = c.size() - 16; i < c.size(); ++i) REQUIRE(c[i].bits == 0x4242);
    return c;
  }

  // The sum, and that of the absolute values, which its rounding errors are measured by.
  std::pair<double, double> wanted(std::int64_t item, std::int64_t i, std::int64_t j) const {
    const BrainHalf* const x = a.data() + item * a_item();
    const BrainHalf* const y = b.data() + item * b_item();
    double sum = 0, size = 0;
    for (std::int64_t p = 0; p < k; ++p) {
      const double term = static_cast<double>(to_float(transpose_a ? x[p * lda() + i] : x[i * lda() + p])) *
                          static_cast<double>(to_float(transpose_b ? y[j * ldb() + p] : y[p * ldb() + j]));
      sum += term;
      size += std::abs(term);
    }
    return {sum, size};
  }
};

}  // namespace

TEST_CASE("products of bfloat16 matrices are rounded once") {
  constexpr std::int64_t kSizes[] = {0, 1, 2, 3, 8, 9, 10, 16, 17, 31, 47, 48, 49, 64, 97, 150, 300};
  test::Numbers numbers(11);
  const auto size = [&] { return kSizes[numbers.between(0, static_cast<std::int64_t>(std::size(kSizes)) - 1)]; };
  for (int round = 0; round < 150; ++round) {
    const std::int64_t m = size(), n = size(), k = round == 0 ? 1700 : size();
    const Case c(numbers, m, n, k);
    CAPTURE(m);
    CAPTURE(n);
    CAPTURE(k);
    CAPTURE(c.transpose_a);
    CAPTURE(c.transpose_b);
    CAPTURE(c.pad);
    const std::vector<BrainHalf> got = c.run();
    for (std::int64_t at = 0; at < c.batch * m * n; ++at) {
      const auto [sum, total] = c.wanted(at / (m * n), at / n % m, at % n);
      // Half a unit of bfloat16, and what float32 loses in k additions.
      const double bound = std::abs(sum) * 0x1.01p-8 + total * static_cast<double>(k + 2) * 0x1p-24;
      REQUIRE(std::abs(static_cast<double>(to_float(got[static_cast<std::size_t>(at)])) - sum) <= bound);
    }
  }
}

TEST_CASE("a product of bfloat16 has the same bits for any number of threads and passes NaN on") {
  test::Numbers numbers(12);
  const int before = addax::thread_count();
  Case c(numbers, 310, 201, 333);
  c.a[5] = to_brain_half(NAN);
  addax::set_thread_count(1);
  const std::vector<BrainHalf> one = c.run();
  addax::set_thread_count(3);
  const std::vector<BrainHalf> three = c.run();
  addax::set_thread_count(before);
  bool same = true, nan = false;
  for (std::size_t i = 0; i < one.size(); ++i) {
    same = same && one[i].bits == three[i].bits;
    nan = nan || std::isnan(to_float(one[i]));
  }
  CHECK(same);
  CHECK(nan);
}
