// 3×3 convolutions of stride 1, the direct kernel and Winograd's side by side: the layers of ResNet-20 (batch 128), of
// the Sequential guide's stack and of ResNet-50. Work is counted as the direct kernel's, 2 · outputs · taps · channels,
// taps on the padding included, so that Winograd may pass 100 % of the peak.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/aligned.h"
#include "kernels/kernels.h"
#include "peak.h"

namespace {

using namespace addax;
using kernels::Conv;
using kernels::ConvFunctions;
using kernels::ConvPass;
using kernels::ConvShape;

enum Kernel { direct, winograd };

// args: image size, input channels, output channels, batch (padding "same")
ConvShape shape_of(const benchmark::State& state) {
  ConvShape s{};
  s.batch = state.range(3);
  s.groups = 1;
  for (int d = 0; d < kernels::kSpatial; ++d) {
    s.in[d] = s.out[d] = d == 0 ? 1 : state.range(0);
    s.kernel[d] = d == 0 ? 1 : 3;
    s.stride[d] = s.dilation[d] = 1;
    s.pad_low[d] = d == 0 ? 0 : 1;
  }
  s.in_channels = state.range(1);
  s.out_channels = state.range(2);
  return s;
}

template <ConvPass pass, Kernel kernel>
void run(benchmark::State& state) {
  const ConvShape s = shape_of(state);
  const ConvFunctions<float>& f = kernel == direct ? kernels::kernels().conv.f32 : kernels::kernels().winograd.f32;
  const std::int64_t pixels = s.batch * s.out[1] * s.out[2];
  const auto values = [](std::int64_t n) { return std::vector<float>(static_cast<std::size_t>(n), 0.5f); };
  std::vector<float> x = values(pixels * s.in_channels), y = values(pixels * s.out_channels);
  std::vector<float> w = values(9 * s.in_channels * s.out_channels);
  Conv<float> job{};
  job.shape = s;
  job.x = x.data();
  job.y = y.data();
  job.w = w.data();
  const auto choose = [](auto forward, auto data_gradient, auto kernel_gradient) {
    return pass == ConvPass::forward ? forward : pass == ConvPass::data_gradient ? data_gradient : kernel_gradient;
  };
  job.result = choose(y.data(), x.data(), w.data());
  const auto function = choose(f.forward, f.data_gradient, f.kernel_gradient);
  const auto workspace = choose(f.forward_workspace, f.data_gradient_workspace, f.kernel_gradient_workspace);
  const auto memory = make_aligned<char>(workspace(s), "the benchmark's workspace");
  job.workspace = memory.get();
  for (auto _ : state) {
    function(job);
    benchmark::ClobberMemory();
  }
  bench::report_flops(state, 18.0 * static_cast<double>(pixels * s.in_channels) * static_cast<double>(s.out_channels));
}

void layers(benchmark::internal::Benchmark* b) {
  b->ArgNames({"size", "in", "out", "batch"})->UseRealTime();
  b->Args({32, 16, 16, 1})
      ->Args({16, 32, 32, 2})
      ->Args({32, 16, 16, 128})
      ->Args({16, 32, 32, 128})
      ->Args({8, 64, 64, 128});
  b->Args({123, 32, 32, 8})->Args({13, 32, 64, 128});
  for (const std::int64_t batch : {1, 8}) {
    b->Args({56, 64, 64, batch})->Args({28, 128, 128, batch});
    b->Args({14, 256, 256, batch})->Args({7, 512, 512, batch});
  }
}

BENCHMARK(run<ConvPass::forward, direct>)->Name("3x3 forward, direct")->Apply(layers);
BENCHMARK(run<ConvPass::forward, winograd>)->Name("3x3 forward, winograd")->Apply(layers);
BENCHMARK(run<ConvPass::data_gradient, direct>)->Name("3x3 data gradient, direct")->Apply(layers);
BENCHMARK(run<ConvPass::data_gradient, winograd>)->Name("3x3 data gradient, winograd")->Apply(layers);
BENCHMARK(run<ConvPass::kernel_gradient, direct>)->Name("3x3 kernel gradient, direct")->Apply(layers);
BENCHMARK(run<ConvPass::kernel_gradient, winograd>)->Name("3x3 kernel gradient, winograd")->Apply(layers);

}  // namespace
