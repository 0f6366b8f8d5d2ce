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
  bool transpose_a, transpose_b, shared_b, packed, bias, accumulate;
  std::int64_t pad_a = 0, pad_b = 0, pad_c = 0;  // elements between stored rows
  Activation activation;
  std::vector<T> a, b, biases, before;

  Case(test::Numbers& numbers, std::int64_t m, std::int64_t n, std::int64_t k)
      : m(m), n(n), k(k), batch(numbers.one_in(3) ? numbers.between(2, 4) : 1) {
    transpose_a = numbers.one_in(2);
    transpose_b = numbers.one_in(2);
    shared_b = numbers.one_in(2);
    packed = shared_b && numbers.one_in(2);
    bias = numbers.one_in(2);
    accumulate = numbers.one_in(4);
    activation = static_cast<Activation>(numbers.between(0, 2));
    if (numbers.one_in(3)) {
      pad_a = numbers.between(0, 5);
      pad_b = numbers.between(0, 5);
      pad_c = numbers.between(0, 5);
    }
    a = numbers.vector<T>(batch * a_item());
    b = numbers.vector<T>((shared_b ? 1 : batch) * b_item());
    biases = numbers.vector<T>(n);
    before = numbers.vector<T>(batch * m * ldc());
  }

  std::int64_t lda() const { return (transpose_a ? m : k) + pad_a; }
  std::int64_t ldb() const { return (transpose_b ? k : n) + pad_b; }
  std::int64_t ldc() const { return n + pad_c; }
  std::int64_t a_item() const { return (transpose_a ? k : m) * lda(); }
  std::int64_t b_item() const { return (transpose_b ? n : k) * ldb(); }

  void run(T* c) const {
    std::copy(before.begin(), before.end(), c);
    Matmul<T> job{};
    job.m = m;
    job.n = n;
    job.k = k;
    job.a = a.data();
    job.b = b.data();
    job.c = c;
    job.lda = lda();
    job.ldb = ldb();
    job.ldc = ldc();
    job.transpose_a = transpose_a;
    job.transpose_b = transpose_b;
    job.accumulate = accumulate;
    job.bias = bias ? biases.data() : nullptr;
    job.activation = activation;
    job.batch_rank = 1;
    job.batch[0] = batch;
    job.a_strides[0] = a_item();
    job.b_strides[0] = shared_b ? 0 : b_item();
    const auto& functions = kernels().matmul.of<T>();
    std::vector<T> panels;
    if (packed) {
      panels.assign(static_cast<std::size_t>(functions.packed_size(k, n)), T(99));
      functions.pack(b.data(), ldb(), transpose_b, k, n, panels.data());
      job.b = panels.data();
      job.packed_b = true;
    }
    const auto memory = test::workspace(functions.workspace(job));
    job.workspace = memory.get();
    functions.run(job);
  }

  double value(std::int64_t item, std::int64_t i, std::int64_t j) const {
    const T* const x = a.data() + item * a_item();
    const T* const y = b.data() + (shared_b ? 0 : item * b_item());
    double sum = bias ? static_cast<double>(biases[static_cast<std::size_t>(j)]) : 0.0;
    if (accumulate) sum += static_cast<double>(before[static_cast<std::size_t>((item * m + i) * ldc() + j)]);
    for (std::int64_t p = 0; p < k; ++p) {
      sum += static_cast<double>(transpose_a ? x[p * lda() + i] : x[i * lda() + p]) *
             static_cast<double>(transpose_b ? y[j * ldb() + p] : y[p * ldb() + j]);
    }
    if (activation != Activation::none) sum = std::max(sum, 0.0);
    if (activation == Activation::relu6) sum = std::min(sum, 6.0);
    return sum;
  }

  std::vector<double> wanted() const {
    std::vector<double> c(before.begin(), before.end());  // the gaps between rows stay as they are
    for (std::int64_t item = 0; item < batch; ++item) {
      for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < n; ++j)
          c[static_cast<std::size_t>((item * m + i) * ldc() + j)] = value(item, i, j);
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
    CAPTURE(c.packed);
    CAPTURE(c.accumulate);
    CAPTURE(c.pad_a);
    CAPTURE(c.pad_b);
    CAPTURE(c.pad_c);
    test::Guarded<T> got(c.batch * m * c.ldc());
    c.run(got.data());
    test::check_close(got, c.wanted(), test::tolerance<T>(k));
  }
}

}  // namespace

TEST_CASE("products of float32 matrices agree with their definition") { check_products<float>(600, 1); }
TEST_CASE("products of float64 matrices agree with their definition") { check_products<double>(150, 2); }

TEST_CASE("a product has the same bits for any number of threads") {
  test::Numbers numbers(3);
  const int before = addax::thread_count();
  for (const auto& [m, n, k] : {std::tuple{150, 300, 520}, {1, 5000, 300}, {400, 17, 90}, {3, 700, 700}}) {
    const Case<float> c(numbers, m, n, k);
    std::vector<std::vector<float>> results;
    for (const int threads : {1, 2, 4}) {
      addax::set_thread_count(threads);
      results.emplace_back(static_cast<std::size_t>(c.batch * m * c.ldc()));
      c.run(results.back().data());
    }
    CHECK(results[0] == results[1]);
    CHECK(results[0] == results[2]);
  }
  addax::set_thread_count(before);
}

// Gradients of weights over many rows: all tasks take one part of k after the other.
TEST_CASE("a long product with A transposed agrees with its definition, with the same bits for any number of threads") {
  test::Numbers numbers(5);
  const int before = addax::thread_count();
  for (const auto& [m, n, k] : {std::tuple{40, 100, 6000}, {64, 130, 2500}, {130, 64, 2700}, {70, 1024, 1900}}) {
    for (int round = 0; round < 3; ++round) {
      Case<float> c(numbers, m, n, k);
      while (!c.transpose_a || c.batch != 1) c = Case<float>(numbers, m, n, k);
      CAPTURE(k);
      CAPTURE(c.accumulate);
      test::Guarded<float> one(m * c.ldc()), more(one.size());
      addax::set_thread_count(1);
      c.run(one.data());
      test::check_close(one, c.wanted(), test::tolerance<float>(k));
      for (const int threads : {2, 3}) {
        addax::set_thread_count(threads);
        c.run(more.data());
        CHECK(std::equal(one.data(), one.data() + one.size(), more.data()));
      }
    }
  }
  addax::set_thread_count(before);
}

// What steps of a sequence give one by one must be what they give together.
TEST_CASE("a row's product does not depend on the rows that are multiplied with it") {
  test::Numbers numbers(4);
  for (const std::int64_t k : {1, 7, 64, 383, 385, 900}) {
    for (const std::int64_t n : {1, 2, 16, 17, 48, 100, 600}) {
      for (const bool packed : {false, true}) {
        CAPTURE(k);
        CAPTURE(n);
        CAPTURE(packed);
        Case<float> c(numbers, 13, n, k);
        c.transpose_a = c.transpose_b = false;
        c.pad_a = c.pad_b = c.pad_c = 0;
        c.batch = 1;
        c.packed = packed;
        c.a.resize(static_cast<std::size_t>(13 * k));
        std::vector<float> together(static_cast<std::size_t>(13 * n)), alone(together.size());
        c.before.resize(together.size());
        c.run(together.data());
        for (std::int64_t i = 0; i < 13; ++i) {
          Case<float> row = c;
          row.m = 1;
          row.a.assign(c.a.begin() + i * k, c.a.begin() + (i + 1) * k);
          row.before.assign(c.before.begin() + i * n, c.before.begin() + (i + 1) * n);
          row.run(alone.data() + i * n);
        }
        CHECK(together == alone);
      }
    }
  }
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
