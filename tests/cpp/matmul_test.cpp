#include "kernels/matmul.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/parallel.h"
#include "kernels/kernels.h"
#include "numbers.h"

using namespace addax::kernels;

namespace {

constexpr std::int64_t kSizes[] = {0,  1,  2,  3,  7,  8,  9,  13,  14,  15,  16, 17,
                                   29, 31, 32, 33, 47, 64, 65, 100, 130, 260, 300};

template <class T>
struct Case {
  std::int64_t m, n, k, batch;
  bool transpose_a, transpose_b, shared_b, bias;
  Activation activation;
  std::vector<T> a, b, biases;

  Case(test::Numbers& numbers, std::int64_t m, std::int64_t n, std::int64_t k)
      : m(m), n(n), k(k), batch(numbers.one_in(3) ? numbers.between(2, 4) : 1) {
    transpose_a = numbers.one_in(2);
    transpose_b = numbers.one_in(2);
    shared_b = numbers.one_in(2);
    bias = numbers.one_in(2);
    activation = static_cast<Activation>(numbers.between(0, 2));
    a = numbers.vector<T>(batch * m * k);
    b = numbers.vector<T>((shared_b ? 1 : batch) * k * n);
    biases = numbers.vector<T>(n);
  }

  void run(T* c) const {
    Matmul<T> job{};
    job.m = m;
    job.n = n;
    job.k = k;
    job.a = a.data();
    job.b = b.data();
    job.c = c;
    job.transpose_a = transpose_a;
    job.transpose_b = transpose_b;
    job.bias = bias ? biases.data() : nullptr;
    job.activation = activation;
    job.batch_rank = 1;
    job.batch[0] = batch;
    job.a_strides[0] = m * k;
    job.b_strides[0] = shared_b ? 0 : k * n;
    const auto& functions = kernels().matmul.of<T>();
    const auto memory = test::workspace(functions.workspace(job));
    job.workspace = memory.get();
    functions.run(job);
  }

  std::vector<double> wanted() const {
    std::vector<double> c;
    for (std::int64_t item = 0; item < batch; ++item) {
      const T* const x = a.data() + item * m * k;
      const T* const y = b.data() + (shared_b ? 0 : item * k * n);
      for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
          double sum = bias ? static_cast<double>(biases[static_cast<std::size_t>(j)]) : 0.0;
          for (std::int64_t p = 0; p < k; ++p) {
            sum += static_cast<double>(transpose_a ? x[p * m + i] : x[i * k + p]) *
                   static_cast<double>(transpose_b ? y[j * k + p] : y[p * n + j]);
          }
          if (activation != Activation::none) sum = std::max(sum, 0.0);
          if (activation == Activation::relu6) sum = std::min(sum, 6.0);
          c.push_back(sum);
        }
      }
    }
    return c;
  }
};

template <class T>
void check_products(int count, std::uint32_t seed) {
  test::Numbers numbers(seed);
  const auto size = [&] { return kSizes[numbers.between(0, static_cast<std::int64_t>(std::size(kSizes)) - 1)]; };
  for (int i = 0; i < count; ++i) {
    const std::int64_t m = size(), n = size(), k = size();
    const Case<T> c(numbers, m, n, k);
    CAPTURE(m);
    CAPTURE(n);
    CAPTURE(k);
    CAPTURE(c.batch);
    CAPTURE(c.transpose_a);
    CAPTURE(c.transpose_b);
    CAPTURE(c.shared_b);
    test::Guarded<T> got(c.batch * m * n);
    c.run(got.data());
    test::check_close(got, c.wanted(), test::tolerance<T>(k));
  }
}

}  // namespace

TEST_CASE("products of float32 matrices agree with their definition") { check_products<float>(400, 1); }
TEST_CASE("products of float64 matrices agree with their definition") { check_products<double>(150, 2); }

TEST_CASE("a product has the same bits for any number of threads") {
  test::Numbers numbers(3);
  const int before = addax::thread_count();
  for (const auto& [m, n, k] : {std::tuple{150, 300, 520}, {1, 5000, 300}, {400, 17, 90}, {3, 700, 700}}) {
    const Case<float> c(numbers, m, n, k);
    std::vector<std::vector<float>> results;
    for (const int threads : {1, 2, 4}) {
      addax::set_thread_count(threads);
      results.emplace_back(static_cast<std::size_t>(c.batch * m * n));
      c.run(results.back().data());
    }
    CHECK(results[0] == results[1]);
    CHECK(results[0] == results[2]);
  }
  addax::set_thread_count(before);
}

TEST_CASE("a product passes NaN on") {
  const float a[] = {1, NAN}, b[] = {1, 1, 1, 1};
  float c[2];
  Matmul<float> job{};
  job.m = 1;
  job.n = 2;
  job.k = 2;
  job.a = a;
  job.b = b;
  job.c = c;
  job.activation = Activation::relu;
  kernels().matmul.f32.run(job);
  CHECK(std::isnan(c[0]));
  CHECK(std::isnan(c[1]));
}
