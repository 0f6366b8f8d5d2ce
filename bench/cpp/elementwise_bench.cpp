// Element-wise, fused and random kernels. Counters: elements per second and, for the memory-bound ones, bytes moved per
// second.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "kernels/broadcast.h"
#include "kernels/fused.h"
#include "kernels/kernels.h"

namespace {

using namespace addax::kernels;

void count(benchmark::State& state, std::int64_t elements, int bytes_each) {
  state.SetItemsProcessed(state.iterations() * elements);
  state.SetBytesProcessed(state.iterations() * elements * bytes_each);
}

void unary(benchmark::State& state, Opcode opcode) {
  const std::int64_t n = state.range(0);
  std::vector<float> x(static_cast<std::size_t>(n), 0.3f), y(x.size());
  const UnaryRow row = rows_of(Element::float32).unary[static_cast<int>(opcode)];
  for (auto _ : state) run_unary(row, x.data(), Element::float32, y.data(), Element::float32, n, grain_of(opcode));
  count(state, n, 8);
}

void binary(benchmark::State& state, Opcode opcode, std::int64_t columns, bool whole) {
  const std::int64_t n = state.range(0), rows = n / columns;
  const std::int64_t shape[] = {rows, columns};
  const OperandShape operands[] = {{shape, 2}, {whole ? shape : shape + 1, whole ? 2 : 1}};
  std::vector<float> a(static_cast<std::size_t>(rows * columns), 0.3f), b(a.size(), 0.7f), y(a.size());
  const BroadcastLayout layout = make_broadcast_layout(shape, 2, operands, 2);
  const BinaryRow row = rows_of(Element::float32).binary[static_cast<int>(opcode)];
  for (auto _ : state)
    run_binary(row, layout, a.data(), b.data(), Element::float32, y.data(), Element::float32, grain_of(opcode));
  count(state, rows * columns, whole ? 12 : 8);
}

// Adam's update, 12 steps over 4 operands and 3 outputs, all in place.
void adam(benchmark::State& state) {
  const std::int64_t n = state.range(0);
  std::vector<float> w(static_cast<std::size_t>(n), 0.5f), m(w.size()), v(w.size()), g(w.size(), 0.01f);
  FusedPlan plan;
  plan.operands = 4;  // w m v g
  const float numbers[] = {0.9f, 0.1f, 0.999f, 0.001f, 1e-7f, 1e-3f};
  plan.immediates = 6;
  std::copy(numbers, numbers + 6, plan.immediate);
  const FusedStep steps[] = {
      {Opcode::multiply, {1, 4, 0}}, {Opcode::multiply, {3, 5, 0}},  {Opcode::add, {10, 11, 0}},
      {Opcode::multiply, {2, 6, 0}}, {Opcode::square, {3, 0, 0}},    {Opcode::multiply, {14, 7, 0}},
      {Opcode::add, {13, 15, 0}},    {Opcode::sqrt, {16, 0, 0}},     {Opcode::add, {17, 8, 0}},
      {Opcode::divide, {12, 18, 0}}, {Opcode::multiply, {19, 9, 0}}, {Opcode::subtract, {0, 20, 0}}};
  plan.steps = 12;
  std::copy(steps, steps + 12, plan.step);
  plan.outputs = 3;
  plan.output[0] = {21};
  plan.output[1] = {12};
  plan.output[2] = {16};
  if (const char* problem = check_fused(plan)) return state.SkipWithError(problem);
  const OperandShape shapes[] = {{&n, 1}, {&n, 1}, {&n, 1}, {&n, 1}};
  const BroadcastLayout layout = make_broadcast_layout(&n, 1, shapes, 4);
  const void* operands[] = {w.data(), m.data(), v.data(), g.data()};
  void* outputs[] = {w.data(), m.data(), v.data()};
  const FusedCode code(plan);
  for (auto _ : state) run_fused(code, layout, operands, outputs);
  count(state, n, 28);
}
BENCHMARK(adam)->Arg(64)->Arg(4096)->Arg(1 << 20)->UseRealTime();

void random(benchmark::State& state, void (*RandomKernels::*draw)(Stream, float*, std::int64_t)) {
  const std::int64_t n = state.range(0);
  std::vector<float> y(static_cast<std::size_t>(n));
  for (auto _ : state) (kernels().random.*draw)({1, 2}, y.data(), n);
  count(state, n, 4);
}

const int kRegistered = [] {
  for (const Opcode o : {Opcode::identity, Opcode::relu, Opcode::exp, Opcode::log, Opcode::tanh, Opcode::sigmoid,
                         Opcode::erf, Opcode::sin, Opcode::softplus})
    benchmark::RegisterBenchmark(std::string(name_of(o)).c_str(), unary, o)
        ->Arg(64)
        ->Arg(8192)
        ->Arg(1 << 20)
        ->UseRealTime();
  for (const Opcode o : {Opcode::add, Opcode::power}) {
    const std::string name(name_of(o));
    benchmark::RegisterBenchmark(name.c_str(), binary, o, 1024, true)->Arg(8192)->Arg(1 << 20)->UseRealTime();
    benchmark::RegisterBenchmark((name + "_row_of_16").c_str(), binary, o, 16, false)->Arg(1 << 20)->UseRealTime();
    benchmark::RegisterBenchmark((name + "_row_of_1024").c_str(), binary, o, 1024, false)->Arg(1 << 20)->UseRealTime();
  }
  for (const auto& [name, draw] : {std::pair{"uniform", &RandomKernels::uniform_f32},
                                   {"normal", &RandomKernels::normal_f32},
                                   {"truncated_normal", &RandomKernels::truncated_normal_f32}})
    benchmark::RegisterBenchmark(name, random, draw)->Arg(1 << 20)->UseRealTime();
  return 0;
}();

}  // namespace
