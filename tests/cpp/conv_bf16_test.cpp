#include <doctest/doctest.h>

#include <vector>

#include "base/parallel.h"
#include "kernels/conv.h"
#include "kernels/kernels.h"
#include "numbers.h"

using namespace addax::kernels;

namespace {

std::int64_t volume(const std::int64_t (&size)[kSpatial]) { return size[0] * size[1] * size[2]; }

// One to three dimensions, strides, dilation, groups; channels that pair up and channels that do not.
ConvShape random_shape(test::Numbers& r) {
  constexpr std::int64_t kChannels[] = {1, 2, 3, 4, 8, 15, 16, 18, 48, 50, 97, 128};
  ConvShape s{};
  s.batch = r.one_in(20) ? 0 : r.between(1, 3);
  const int rank = static_cast<int>(r.between(1, 3));
  for (int d = 0; d < kSpatial; ++d) {
    s.in[d] = s.out[d] = s.kernel[d] = s.stride[d] = s.dilation[d] = 1;
    if (d < kSpatial - rank) continue;
    do {
      s.in[d] = r.between(1, rank == 1 ? 40 : 12);
      s.kernel[d] = r.between(1, rank == 3 ? 2 : 4);
      s.stride[d] = r.between(1, 3);
      s.dilation[d] = r.one_in(3) ? 2 : 1;
      s.pad_low[d] = r.between(0, 2);
      const std::int64_t room = s.in[d] + 2 * s.pad_low[d] - (s.kernel[d] - 1) * s.dilation[d] - 1;
      s.out[d] = room < 0 ? -1 : room / s.stride[d] + 1;
    } while (s.out[d] < 0);
  }
  s.groups = r.one_in(4) ? 2 : 1;
  const std::int64_t kinds = rank == 3 ? 6 : 11;
  s.in_channels = kChannels[r.between(0, kinds)] * s.groups;
  s.out_channels = kChannels[r.between(0, kinds)] * s.groups;
  return s;
}

enum class Pass { forward, data_gradient, kernel_gradient };
constexpr Pass kPasses[] = {Pass::forward, Pass::data_gradient, Pass::kernel_gradient};

struct Case {
  ConvShape shape;
  std::vector<float> x, w, y, bias;  // values that bfloat16 has; the bias any

  static std::vector<float> halves(test::Numbers& numbers, std::int64_t n) {
    std::vector<float> values = numbers.vector<float>(n);
    for (float& v : values) v = to_float(to_brain_half(v));
    return values;
  }

  Case(test::Numbers& numbers, const ConvShape& s) : shape(s) {
    x = halves(numbers, s.batch * volume(s.in) * s.in_channels);
    w = halves(numbers, volume(s.kernel) * (s.in_channels / s.groups) * s.out_channels);
    y = halves(numbers, s.batch * volume(s.out) * s.out_channels);
    bias = numbers.vector<float>(std::max(s.in_channels, s.out_channels));
  }

  template <class T>
  std::vector<float> run(Pass pass, bool epilogue, bool packed) const {
    const ConvFunctions<T>& f = kernels().conv.of<T>();
    const std::vector<T> tx = as<T>(x), tw = as<T>(w), ty = as<T>(y);
    std::vector<T> result = pass == Pass::forward ? ty : pass == Pass::data_gradient ? tx : tw;
    Conv<T> job{};
    job.shape = shape;
    job.x = tx.data();
    job.w = tw.data();
    job.y = ty.data();
    job.result = result.data();
    if (epilogue && pass != Pass::kernel_gradient) {
      job.bias = bias.data();
      job.activation = Activation::relu;
    }
    std::vector<T> panels;
    if (packed && pass != Pass::kernel_gradient) {
      const bool transposed = pass == Pass::data_gradient;
      panels.resize(static_cast<std::size_t>(f.packed_size(shape, transposed)));
      if (!panels.empty()) {
        f.pack(shape, transposed, job.w, panels.data());
        job.packed = panels.data();
      }
    }
    const auto workspace = pass == Pass::forward         ? f.forward_workspace
                           : pass == Pass::data_gradient ? f.data_gradient_workspace
                                                         : f.kernel_gradient_workspace;
    const auto memory = test::workspace(workspace(shape));
    job.workspace = memory.get();
    (pass == Pass::forward ? f.forward : pass == Pass::data_gradient ? f.data_gradient : f.kernel_gradient)(job);
    std::vector<float> out;
    for (const T& value : result) out.push_back(wide(value));
    return out;
  }

 private:
  static float wide(float v) { return v; }
  static float wide(BrainHalf v) { return to_float(v); }
  template <class T>
  static std::vector<T> as(const std::vector<float>& values) {
    std::vector<T> out;
    for (const float v : values) {
      if constexpr (sizeof(T) == 2) {
        out.push_back(to_brain_half(v));
      } else {
        out.push_back(v);
      }
    }
    return out;
  }
};

}  // namespace

TEST_CASE("convolutions of bfloat16 are those of float32, rounded once") {
  test::Numbers numbers(21);
  for (int round = 0; round < 150; ++round) {
    const Case c(numbers, random_shape(numbers));
    const ConvShape& s = c.shape;
    CAPTURE(round);
    CAPTURE(s.in_channels);
    CAPTURE(s.out_channels);
    CAPTURE(s.groups);
    for (const Pass pass : kPasses) {
      CAPTURE(static_cast<int>(pass));
      const bool epilogue = numbers.one_in(2), packed = numbers.one_in(2);
      const std::vector<float> wanted = c.run<float>(pass, epilogue, false);
      const std::vector<float> got = c.run<BrainHalf>(pass, epilogue, packed);
      // Half a unit of bfloat16, and what sums in another order lose.
      const std::int64_t terms =
          pass == Pass::kernel_gradient ? s.batch * volume(s.out) : volume(s.kernel) * (s.in_channels + s.out_channels);
      const float slack = static_cast<float>(terms + 2) * 0x1p-22f;
      for (std::size_t i = 0; i < wanted.size(); ++i)
        REQUIRE(std::abs(got[i] - wanted[i]) <= std::abs(wanted[i]) * 0x1.01p-8f + slack);
    }
  }
}

TEST_CASE("a convolution of bfloat16 has the same bits for any number of threads and passes NaN on") {
  test::Numbers numbers(22);
  ConvShape s{4, {1, 19, 23}, {1, 19, 23}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}, 32, 70, 1};
  const int before = addax::thread_count();
  for (const std::int64_t groups : {1, 2}) {
    CAPTURE(groups);
    s.groups = groups;
    const Case c(numbers, s);
    for (const Pass pass : kPasses) {
      CAPTURE(static_cast<int>(pass));
      addax::set_thread_count(1);
      const std::vector<float> one = c.run<BrainHalf>(pass, true, false);
      for (const int threads : {2, 3}) {
        addax::set_thread_count(threads);
        CHECK(one == c.run<BrainHalf>(pass, true, false));
        CHECK(one == c.run<BrainHalf>(pass, true, true));
      }
    }
  }
  addax::set_thread_count(before);
  s.groups = 1;
  Case c(numbers, s);
  c.x[0] = NAN;
  const std::vector<float> y = c.run<BrainHalf>(Pass::forward, true, false);
  CHECK(std::isnan(y[0]));
  CHECK_FALSE(std::isnan(y.back()));
}
