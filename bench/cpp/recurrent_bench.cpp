// Recurrent layers over whole sequences: forward as in inference, and both passes of a training step. The products with
// the recurrent weights count, the gates do not.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/aligned.h"
#include "kernels/kernels.h"
#include "peak.h"

namespace {

using namespace addax;
using kernels::Cell;

std::vector<float> numbers(std::int64_t n, float scale) {
  std::vector<float> v(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = scale * (static_cast<float>(i * 7919 % 1000) / 500 - 1);
  return v;
}

// args: cell, batch, steps, units, training
void recurrent(benchmark::State& state) {
  const kernels::RecurrentShape shape{
      static_cast<Cell>(state.range(0)), state.range(1), state.range(2), state.range(3), false, false};
  const bool training = state.range(4) != 0;
  const std::int64_t gates = gate_count(shape.cell), states = shape.batch * shape.units, all = states * shape.steps;
  const auto x = numbers(all * gates, 1), weights = numbers(shape.units * shape.units * gates, 0.1f),
             bias = numbers(shape.units * gates, 1), initial = numbers(states, 1);
  std::vector<float> last(initial), d_h0(initial), d_c0(initial), wide(x), entering(x), kept(x), d_product(x);
  const auto& functions = kernels::kernels().recurrent.f32;
  const auto memory = make_aligned<char>(functions.workspace(shape) + functions.gradient_workspace(shape), "weights");
  kernels::Recurrent<float> forward{.shape = shape,
                                    .x = x.data(),
                                    .h0 = initial.data(),
                                    .c0 = initial.data(),
                                    .weights = weights.data(),
                                    .bias = bias.data(),
                                    .last = last.data(),
                                    .workspace = memory.get()};
  if (training) {
    forward.gates = wide.data();
    forward.entering_h = entering.data();
    forward.kept = kept.data();
  }
  const kernels::RecurrentGradient<float> backward{.shape = shape,
                                                   .gates = wide.data(),
                                                   .entering_h = entering.data(),
                                                   .kept = kept.data(),
                                                   .weights = weights.data(),
                                                   .d_last = initial.data(),
                                                   .d_h = initial.data(),
                                                   .d_c = initial.data(),
                                                   .d_x = wide.data(),
                                                   .d_product = d_product.data(),
                                                   .d_h0 = d_h0.data(),
                                                   .d_c0 = d_c0.data(),
                                                   .workspace = memory.get()};
  for (auto _ : state) {
    functions.run(forward);
    if (training) functions.gradient(backward);
    benchmark::ClobberMemory();
  }
  bench::report_flops(state, (training ? 4.0 : 2.0) * static_cast<double>(all * shape.units * gates));
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"cell", "batch", "steps", "units", "training"})->UseRealTime();
  for (const Cell cell : {Cell::lstm, Cell::gru_after, Cell::gru_before, Cell::simple_tanh}) {
    const auto number = static_cast<std::int64_t>(cell);
    for (const std::int64_t batch : {1, 32}) b->Args({number, batch, 100, 128, 0});
    b->Args({number, 64, 100, 128, 1})->Args({number, 8, 50, 32, 0});
  }
}

BENCHMARK(recurrent)->Apply(sizes);

}  // namespace
