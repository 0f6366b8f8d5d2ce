#include "kernels/winograd.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "base/parallel.h"
#include "kernels/kernels.h"
#include "numbers.h"

using namespace addax::kernels;

namespace {

std::int64_t pixels(const std::int64_t (&size)[kSpatial]) { return size[0] * size[1] * size[2]; }
std::size_t u(std::int64_t i) { return static_cast<std::size_t>(i); }

ConvShape shape_of(std::int64_t batch, std::int64_t rows, std::int64_t columns, std::int64_t in, std::int64_t out,
                   std::int64_t pad_low = 1, std::int64_t pad_high = 1) {
  ConvShape s{};
  s.batch = batch;
  s.in_channels = in;
  s.out_channels = out;
  s.groups = 1;
  for (int d = 0; d < kSpatial; ++d) {
    s.kernel[d] = d == 0 ? 1 : 3;
    s.stride[d] = s.dilation[d] = 1;
    s.in[d] = d == 0 ? 1 : d == 1 ? rows : columns;
    s.pad_low[d] = d == 0 ? 0 : pad_low;
    s.out[d] = d == 0 ? 1 : std::max<std::int64_t>(0, s.in[d] + pad_low + pad_high - 2);
  }
  return s;
}

std::string describe(const ConvShape& s) {
  std::ostringstream out;
  out << "batch " << s.batch << " image " << s.in[0] << 'x' << s.in[1] << 'x' << s.in[2] << " result " << s.out[1]
      << 'x' << s.out[2] << " pad " << s.pad_low[1] << " channels " << s.in_channels << "->" << s.out_channels;
  return out.str();
}

// One problem, computed by any kernels in any type.
struct Problem {
  ConvShape shape;
  std::vector<float> x, w, dy, bias;
  Activation activation = Activation::none;

  Problem(test::Numbers& r, const ConvShape& s) : shape(s) {
    x = r.vector<float>(size(ConvPass::data_gradient));
    w = r.vector<float>(size(ConvPass::kernel_gradient));
    dy = r.vector<float>(size(ConvPass::forward));
    bias = r.vector<float>(s.out_channels);
  }

  std::int64_t size(ConvPass pass) const {
    if (pass == ConvPass::forward) return shape.batch * pixels(shape.out) * shape.out_channels;
    if (pass == ConvPass::data_gradient) return shape.batch * pixels(shape.in) * shape.in_channels;
    return 9 * shape.in_channels * shape.out_channels;
  }

  std::int64_t terms(ConvPass pass) const {
    if (pass == ConvPass::kernel_gradient) return shape.batch * pixels(shape.out);
    return 9 * (pass == ConvPass::forward ? shape.in_channels : shape.out_channels);
  }

  template <class T>
  void run(const ConvFunctions<T>& f, ConvPass pass, T* result) const {
    const auto copy = [](const std::vector<float>& v) { return std::vector<T>(v.begin(), v.end()); };
    const std::vector<T> image = copy(x), weights = copy(w), upstream = copy(dy), biases = copy(bias);
    Conv<T> job{};
    job.shape = shape;
    job.x = image.data();
    job.w = weights.data();
    job.y = upstream.data();
    job.result = result;
    const auto call = [&](auto function, auto workspace) {
      const auto memory = test::workspace(workspace(shape));
      job.workspace = memory.get();
      function(job);
    };
    if (pass == ConvPass::forward) {
      job.bias = biases.data();
      job.activation = activation;
      call(f.forward, f.forward_workspace);
    } else if (pass == ConvPass::data_gradient) {
      call(f.data_gradient, f.data_gradient_workspace);
    } else {
      call(f.kernel_gradient, f.kernel_gradient_workspace);
    }
  }

  std::vector<double> exact(ConvPass pass) const {
    std::vector<double> result(u(size(pass)));
    run(kernels().conv.f64, pass, result.data());
    return result;
  }
};

constexpr ConvPass kPasses[] = {ConvPass::forward, ConvPass::data_gradient, ConvPass::kernel_gradient};

void check_exact(const Problem& problem) {
  for (const ConvPass pass : kPasses) {
    test::Guarded<float> got(problem.size(pass));
    problem.run(kernels().winograd.f32, pass, got.data());
    test::check_close(got, problem.exact(pass), 2 * test::tolerance<float>(problem.terms(pass)));
  }
}

}  // namespace

TEST_CASE("Winograd convolutions agree with float64") {
  constexpr std::int64_t kChannels[] = {1, 3, 8, 15, 16, 17, 31, 32, 33, 48, 64, 70};
  test::Numbers numbers(11);
  for (int i = 0; i < 120; ++i) {
    const auto channels = [&] { return kChannels[numbers.between(0, 11)]; };
    ConvShape s =
        shape_of(numbers.one_in(20) ? 0 : numbers.between(1, 5), numbers.between(1, 19), numbers.between(1, 19),
                 channels(), channels(), numbers.between(0, 3), numbers.between(0, 3));
    if (numbers.one_in(8)) s.in[0] = s.out[0] = 3;  // a volume, plane by plane
    REQUIRE(winograd_fits(s));
    Problem problem(numbers, s);
    problem.activation = static_cast<Activation>(numbers.between(0, 2));
    INFO(describe(s));
    check_exact(problem);
  }
}

TEST_CASE("Winograd's large convolutions agree with float64") {
  test::Numbers numbers(12);
  for (const ConvShape& s : {shape_of(2, 9, 30, 130, 260), shape_of(3, 7, 7, 512, 40), shape_of(1, 20, 20, 40, 300)}) {
    const Problem problem(numbers, s);
    INFO(describe(s));
    check_exact(problem);
  }
}

TEST_CASE("Winograd's error stays within four times the direct kernel's") {
  test::Numbers numbers(13);
  for (const ConvShape& s : {shape_of(4, 32, 32, 16, 16), shape_of(8, 8, 8, 64, 64), shape_of(2, 14, 14, 256, 256)}) {
    const Problem problem(numbers, s);
    INFO(describe(s));
    for (const ConvPass pass : kPasses) {
      const std::vector<double> wanted = problem.exact(pass);
      const auto error = [&](const ConvFunctions<float>& functions) {
        std::vector<float> got(wanted.size());
        problem.run(functions, pass, got.data());
        double squares = 0;
        for (std::size_t i = 0; i < got.size(); ++i) squares += std::pow(static_cast<double>(got[i]) - wanted[i], 2.0);
        return std::sqrt(squares);
      };
      CAPTURE(static_cast<int>(pass));
      CHECK(error(kernels().winograd.f32) <= 4 * error(kernels().conv.f32));
    }
  }
}

TEST_CASE("Winograd convolutions have the same bits for any number of threads and any batch") {
  const int before = addax::thread_count();
  test::Numbers numbers(14);
  const Problem problem(numbers, shape_of(6, 21, 22, 24, 48));
  std::vector<std::vector<float>> results[3];
  for (const int threads : {1, 2, 4}) {
    addax::set_thread_count(threads);
    for (const ConvPass pass : kPasses) {
      auto& list = results[static_cast<int>(pass)];
      list.emplace_back(u(problem.size(pass)));
      problem.run(kernels().winograd.f32, pass, list.back().data());
    }
  }
  addax::set_thread_count(before);
  for (const auto& list : results) {
    CHECK(list[0] == list[1]);
    CHECK(list[0] == list[2]);
  }
  Problem one = problem;
  one.shape.batch = 1;
  std::vector<float> first(u(one.size(ConvPass::forward)));
  one.run(kernels().winograd.f32, ConvPass::forward, first.data());
  CHECK(std::equal(first.begin(), first.end(), results[0][0].begin()));
}

TEST_CASE("Winograd passes NaN on to the pixels that see it, and to no others") {
  test::Numbers numbers(15);
  Problem problem(numbers, shape_of(1, 11, 11, 16, 16));
  for (const std::int64_t row : {0, 4, 5, 10}) {
    for (const std::int64_t column : {0, 3, 6, 10}) {
      const std::vector<float> clean = problem.x;
      problem.x[u((row * 11 + column) * 16 + 7)] = std::numeric_limits<float>::quiet_NaN();
      std::vector<float> y(u(problem.size(ConvPass::forward)));
      problem.run(kernels().winograd.f32, ConvPass::forward, y.data());
      for (std::int64_t i = 0; i < 11 * 11 * 16; ++i) {
        const bool sees = std::abs(i / 16 / 11 - row) <= 1 && std::abs(i / 16 % 11 - column) <= 1;
        CHECK(std::isnan(y[u(i)]) == sees);
      }
      problem.x = clean;
    }
  }
}

TEST_CASE("Winograd takes 3×3 kernels of stride 1 without dilation or groups") {
  const ConvShape fits = shape_of(1, 32, 32, 64, 64);
  CHECK(winograd_fits(fits));
  ConvShape grouped = fits;
  grouped.groups = 2;
  CHECK_FALSE(winograd_fits(grouped));
  for (std::int64_t(ConvShape::*field)[kSpatial] : {&ConvShape::kernel, &ConvShape::stride, &ConvShape::dilation}) {
    for (int d = 1; d < kSpatial; ++d) {
      ConvShape s = fits;
      (s.*field)[d] = 2;
      CHECK_FALSE(winograd_fits(s));
      CHECK_FALSE(winograd_wins(s, ConvPass::forward));
    }
  }
}
