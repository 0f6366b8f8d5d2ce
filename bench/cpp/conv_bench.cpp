// Convolutions of float32 images, forward and both gradients: first layers, blocks of ResNets and MobileNets. Work is
// counted as 2 · outputs · taps · channels, taps on the padding included.
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

// args: image size, kernel size, stride, input channels, output channels (padding "same")
ConvShape shape_of(const benchmark::State& state) {
  ConvShape s{};
  s.batch = 8;
  s.groups = 1;
  for (int d = 0; d < kernels::kSpatial; ++d) {
    s.in[d] = d == 0 ? 1 : state.range(0);
    s.kernel[d] = d == 0 ? 1 : state.range(1);
    s.stride[d] = d == 0 ? 1 : state.range(2);
    s.dilation[d] = 1;
    s.out[d] = (s.in[d] + s.stride[d] - 1) / s.stride[d];
    s.pad_low[d] = std::max<std::int64_t>(0, (s.out[d] - 1) * s.stride[d] + s.kernel[d] - s.in[d]) / 2;
  }
  s.in_channels = state.range(3);
  s.out_channels = state.range(4);
  return s;
}

void run(benchmark::State& state, const ConvFunctions<float>& f, Pass pass, std::int64_t kernel_channels) {
  const ConvShape s = shape_of(state);
  const std::int64_t taps = s.kernel[1] * s.kernel[2], pixels = s.batch * s.out[1] * s.out[2];
  const auto image = [](std::int64_t n, float value) { return std::vector<float>(static_cast<std::size_t>(n), value); };
  std::vector<float> x = image(s.batch * s.in[1] * s.in[2] * s.in_channels, 0.5f);
  std::vector<float> y = image(pixels * s.out_channels, 0.5f);
  std::vector<float> w = image(taps * kernel_channels * s.out_channels, 0.25f);
  Conv<float> job{};
  job.shape = s;
  job.x = x.data();
  job.y = y.data();
  job.w = w.data();
  job.result = pass == forward ? y.data() : pass == data_gradient ? x.data() : w.data();
  const auto workspace = pass == forward         ? f.forward_workspace
                         : pass == data_gradient ? f.data_gradient_workspace
                                                 : f.kernel_gradient_workspace;
  const auto kernel = pass == forward ? f.forward : pass == data_gradient ? f.data_gradient : f.kernel_gradient;
  const auto memory = make_aligned<char>(workspace(s), "the benchmark's workspace");
  job.workspace = memory.get();
  for (auto _ : state) {
    kernel(job);
    benchmark::ClobberMemory();
  }
  bench::report_flops(state,
                      2.0 * static_cast<double>(pixels * s.out_channels) * static_cast<double>(taps * kernel_channels));
}

template <Pass pass>
void conv(benchmark::State& state) {
  run(state, kernels::kernels().conv.f32, pass, state.range(3));
}

void layers(benchmark::internal::Benchmark* b) {
  b->ArgNames({"size", "kernel", "stride", "in", "out"})->UseRealTime();
  // First layers.
  b->Args({224, 7, 2, 3, 64})->Args({250, 5, 2, 3, 32})->Args({96, 3, 2, 3, 32})->Args({32, 3, 1, 3, 16});
  b->Args({28, 3, 1, 1, 32})->Args({28, 3, 1, 1, 16});
  // 3 × 3.
  b->Args({32, 3, 1, 16, 16})->Args({32, 3, 2, 16, 32})->Args({16, 3, 1, 32, 32})->Args({16, 3, 2, 32, 64});
  b->Args({8, 3, 1, 64, 64})->Args({13, 3, 1, 32, 64})->Args({123, 3, 1, 32, 32})->Args({56, 3, 1, 64, 64});
  b->Args({28, 3, 1, 128, 128})->Args({14, 3, 1, 256, 256})->Args({7, 3, 1, 512, 512})->Args({56, 3, 2, 128, 128});
  b->Args({28, 3, 1, 24, 24})->Args({28, 3, 2, 16, 8});
  // To one channel.
  b->Args({28, 3, 1, 32, 1});
  // 1 × 1.
  b->Args({56, 1, 1, 64, 256})->Args({56, 1, 1, 256, 64})->Args({14, 1, 1, 1024, 256})->Args({7, 1, 1, 512, 2048});
  b->Args({32, 1, 2, 16, 32})->Args({56, 1, 2, 256, 512})->Args({48, 1, 1, 16, 96})->Args({24, 1, 1, 144, 24});
  b->Args({6, 1, 1, 384, 64})->Args({56, 1, 1, 24, 144});
}

BENCHMARK(conv<forward>)->Apply(layers);
BENCHMARK(conv<data_gradient>)->Apply(layers);
BENCHMARK(conv<kernel_gradient>)->Apply(layers);

}  // namespace
