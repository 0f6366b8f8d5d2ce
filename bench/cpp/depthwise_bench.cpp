// Depthwise convolutions of float32 images, forward and both gradients: the layers of MobileNetV2 on 224×224 (batch 1)
// and on 96×96 (batch 16), and a 5×5 one. Work is counted as 2 · outputs · taps, taps on the padding included; bytes as
// both images once, which is what bounds the layers that do not fit the cache.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "base/aligned.h"
#include "kernels/kernels.h"
#include "peak.h"

namespace {

using namespace addax;
using kernels::Conv;
using kernels::ConvFunctions;
using kernels::ConvShape;

enum Pass { forward, data_gradient, kernel_gradient };

// args: image size, kernel size, stride, channels, batch (padding "same")
ConvShape shape_of(const benchmark::State& state) {
  ConvShape s{};
  s.batch = state.range(4);
  s.groups = 1;
  for (int d = 0; d < kernels::kSpatial; ++d) {
    s.in[d] = d == 0 ? 1 : state.range(0);
    s.kernel[d] = d == 0 ? 1 : state.range(1);
    s.stride[d] = d == 0 ? 1 : state.range(2);
    s.dilation[d] = 1;
    s.out[d] = (s.in[d] + s.stride[d] - 1) / s.stride[d];
    s.pad_low[d] = std::max<std::int64_t>(0, (s.out[d] - 1) * s.stride[d] + s.kernel[d] - s.in[d]) / 2;
  }
  s.in_channels = s.out_channels = state.range(3);
  return s;
}

template <Pass pass>
void depthwise(benchmark::State& state) {
  const ConvShape s = shape_of(state);
  const ConvFunctions<float>& f = kernels::kernels().depthwise.f32;
  const std::int64_t taps = s.kernel[1] * s.kernel[2];
  const auto values = [](std::int64_t n) { return std::vector<float>(static_cast<std::size_t>(n), 0.5f); };
  std::vector<float> x = values(s.batch * s.in[1] * s.in[2] * s.in_channels);
  std::vector<float> y = values(s.batch * s.out[1] * s.out[2] * s.in_channels);
  std::vector<float> w = values(taps * s.in_channels);
  Conv<float> job{};
  job.shape = s;
  job.x = x.data();
  job.y = y.data();
  job.w = w.data();
  const auto choose = [](auto a, auto b, auto c) { return pass == forward ? a : pass == data_gradient ? b : c; };
  job.result = choose(y.data(), x.data(), w.data());
  const auto function = choose(f.forward, f.data_gradient, f.kernel_gradient);
  const auto memory =
      make_aligned<char>(choose(f.forward_workspace, f.data_gradient_workspace, f.kernel_gradient_workspace)(s),
                         "the benchmark's workspace");
  job.workspace = memory.get();
  for (auto _ : state) {
    function(job);
    benchmark::ClobberMemory();
  }
  bench::report_flops(state, 2.0 * static_cast<double>(y.size()) * static_cast<double>(taps));
  state.counters["GB/s"] = benchmark::Counter(4e-9 * static_cast<double>(x.size() + y.size()),
                                              benchmark::Counter::kIsIterationInvariantRate);
}

void layers(benchmark::internal::Benchmark* b) {
  b->ArgNames({"size", "kernel", "stride", "channels", "batch"})->UseRealTime();
  b->Args({112, 3, 1, 32, 1})->Args({112, 3, 2, 96, 1})->Args({56, 3, 1, 144, 1})->Args({56, 3, 2, 144, 1});
  b->Args({28, 3, 1, 192, 1})->Args({14, 3, 1, 384, 1})->Args({14, 3, 1, 576, 1})->Args({7, 3, 1, 960, 1});
  b->Args({28, 5, 1, 192, 1});
  b->Args({48, 3, 1, 32, 16})->Args({48, 3, 2, 96, 16})->Args({24, 3, 1, 144, 16})->Args({12, 3, 1, 192, 16});
  b->Args({6, 3, 1, 384, 16})->Args({3, 3, 1, 960, 16});
}

BENCHMARK(depthwise<forward>)->Name("depthwise forward")->Apply(layers);
BENCHMARK(depthwise<data_gradient>)->Name("depthwise data gradient")->Apply(layers);
BENCHMARK(depthwise<kernel_gradient>)->Name("depthwise kernel gradient")->Apply(layers);

}  // namespace
