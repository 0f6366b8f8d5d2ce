// Recurrent layers with weights that stay as they are take the product of their inputs in, with the same results.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <string>

#include "addax/ops.h"
#include "addax/replay.h"
#include "addax/threads.h"
#include "numbers.h"
#include "ops/operation.h"
#include "program/prologue.h"
#include "programs.h"

using namespace addax;
using namespace addax::ops;
using test::record;

namespace {

struct Layer {
  std::string name;
  std::int64_t gates;
  Attributes attributes;
};
const Layer kLayers[] = {{"lstm", 4, {}},
                         {"gru", 3, {{"reset_after", true}}},
                         {"gru", 3, {{"reset_after", false}}},
                         {"simple_rnn", 1, {{"activation", std::string("tanh")}}},
                         {"simple_rnn", 1, {{"activation", std::string("relu")}}}};

struct Sizes {
  std::int64_t steps, features, units;
};

// The layer over inputs of any batch, all that it gives a user, and what else the program shall do.
ProgramPtr program_of(const Layer& layer, const Sizes& s, const std::vector<VariablePtr>& w, bool masked = false,
                      const std::function<void(const Values&)>& also = {}) {
  return record([&](Recording& r) -> Values {
    const Dim batch = Dim::unknown("batch");
    const Value x = r.input("x", {DType::float32, {batch, Dim(s.steps), Dim(s.features)}});
    const Value state = r.input("state", {DType::float32, {batch, Dim(s.units)}});
    Values inputs{matmul(x, Variable::read(w[0])) + Variable::read(w[2]), state};
    if (layer.name == "lstm") inputs.push_back(state * state);
    inputs.push_back(Variable::read(w[1]));
    if (layer.attributes.has("reset_after") && layer.attributes.flag("reset_after"))
      inputs.push_back(Variable::read(w[3]));
    if (masked) inputs.push_back(r.input("mask", {DType::boolean, {batch, Dim(s.steps)}}));
    Values outputs = apply(operation_named(layer.name), inputs, layer.attributes);
    if (also) also(outputs);
    outputs.resize(layer.name == "lstm" ? 4 : 3);
    return outputs;
  });
}

std::vector<VariablePtr> weights_of(const Layer& layer, const Sizes& s) {
  const std::int64_t width = s.units * layer.gates;
  return test::random_variables({{s.features, width}, {s.units, width}, {width}, {width}});
}

bool packs(const Layer& layer, const Program& program) {
  return program.prologue != nullptr && test::count_steps(program.prologue->program(), layer.name + "_pack") == 1 &&
         test::count_steps(program, layer.name + "_packed") == 1 && test::count_steps(program, "matmul_epilogue") == 0;
}

std::vector<Tensor> inputs_of(const Sizes& s, std::int64_t batch, bool masked) {
  std::vector<Tensor> inputs{test::random_tensor({batch, s.steps, s.features}, 7),
                             test::random_tensor({batch, s.units}, 8)};
  if (masked) {
    test::Numbers numbers(9);
    Tensor mask(DType::boolean, {batch, s.steps});
    for (std::int64_t i = 0; i < batch * s.steps; ++i) mask.data_as<bool>()[i] = !numbers.one_in(3);
    inputs.push_back(mask);
  }
  return inputs;
}

}  // namespace

TEST_CASE("a recurrent layer with packed weights gives what the product and the layer give, for any number of rows") {
  const Sizes sizes[] = {{3, 1, 1}, {4, 5, 17}, {2, 33, 40}, {0, 3, 4}, {40, 12, 96}};
  for (const Layer& layer : kLayers) {
    CAPTURE(layer.name);
    for (const Sizes& s : sizes) {
      CAPTURE(s.units);
      for (const bool masked : {false, true}) {
        const std::vector<VariablePtr> w = weights_of(layer, s);
        const ProgramPtr recorded = program_of(layer, s, w, masked), program = optimize(recorded);
        REQUIRE(packs(layer, *program));
        Executable fast(program), plain(recorded);
        for (const std::int64_t batch : {0, 1, 2, 4, 5, 19, 33}) {
          CAPTURE(batch);
          const std::vector<Tensor> x = inputs_of(s, batch, masked);
          const std::vector<Tensor> got = fast.run(x), wanted = plain.run(x);
          REQUIRE(got.size() == wanted.size());
          for (std::size_t o = 0; o < got.size(); ++o) {
            REQUIRE(got[o].shape() == wanted[o].shape());
            for (std::int64_t i = 0; i < got[o].elements(); ++i) {
              const float a = got[o].data_as<float>()[i], b = wanted[o].data_as<float>()[i];
              // The states of relu grow with every step.
              REQUIRE(std::abs(a - b) <= 1e-4f * (1 + std::abs(b)));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("packed recurrent weights have the same bits for any number of threads") {
  const int threads = thread_count();
  const Sizes s{60, 20, 100};
  for (const Layer& layer : kLayers) {
    CAPTURE(layer.name);
    Executable executable(optimize(program_of(layer, s, weights_of(layer, s))));
    for (const std::int64_t batch : {1, 3, 40}) {
      const std::vector<Tensor> x = inputs_of(s, batch, false);
      set_thread_count(1);
      const std::vector<Tensor> wanted = executable.run(x);
      set_thread_count(3);
      const std::vector<Tensor> seen = executable.run(x);
      for (std::size_t o = 0; o < seen.size(); ++o)
        CHECK(std::memcmp(seen[o].data(), wanted[o].data(), static_cast<std::size_t>(seen[o].elements()) * 4) == 0);
    }
  }
  set_thread_count(threads);
}

TEST_CASE("packed recurrent weights follow the variables") {
  const Layer& layer = kLayers[0];
  const Sizes s{3, 4, 5};
  const std::vector<VariablePtr> w = weights_of(layer, s);
  const ProgramPtr recorded = program_of(layer, s, w), program = optimize(recorded);
  Executable fast(program), plain(recorded);
  const std::vector<Tensor> x = inputs_of(s, 2, false);
  fast.run(x);
  for (std::size_t i = 0; i < 3; ++i) {
    Variable::assign(w[i], Value(test::random_tensor(w[i]->shape(), 20 + static_cast<std::uint32_t>(i))));
    const Tensor got = fast.run(x)[0], wanted = plain.run(x)[0];
    for (std::int64_t j = 0; j < 10; ++j)
      REQUIRE(std::abs(got.data_as<float>()[j] - wanted.data_as<float>()[j]) < 1e-5f);
  }
}

TEST_CASE("a recurrent layer that trains, or whose gates are read, keeps its product") {
  const Sizes s{3, 4, 5};
  for (const Layer& layer : kLayers) {
    CAPTURE(layer.name);
    for (const std::size_t assigned : {0u, 1u, 2u}) {
      const std::vector<VariablePtr> w = weights_of(layer, s);
      CHECK_FALSE(packs(layer, *optimize(program_of(layer, s, w, false, [&](const Values&) {
                          Variable::assign(w[assigned], Variable::read(w[assigned]) * Variable::read(w[assigned]));
                        }))));
    }
    const std::vector<VariablePtr> w = weights_of(layer, s);
    const VariablePtr total = test::variable({}, {0}, "total");
    CHECK_FALSE(packs(layer, *optimize(program_of(layer, s, w, false, [&](const Values& outputs) {
                        Variable::assign(total, sum(outputs[layer.name == "lstm" ? 4 : 3], {0, 1, 2}));
                      }))));
  }
}

TEST_CASE("weights that are not packed for the sizes at hand are refused") {
  const Value x(test::random_tensor({2, 3, 4}, 1)), state(test::random_tensor({2, 5}, 2)),
      wrong(test::random_tensor({7}, 3));
  CHECK_THROWS_WITH_AS(addax::apply(operation_named("lstm_packed"), Values{x, state, state, wrong}),
                       doctest::Contains("not packed for 4 features and 5 units"), Error);
  const Value inputs(test::random_tensor({4, 20}, 1)), weights(test::random_tensor({5, 20}, 2)),
      bias(test::random_tensor({19}, 3));
  CHECK_THROWS_WITH_AS(addax::apply(operation_named("lstm_pack"), Values{inputs, weights, bias}),
                       doctest::Contains("sizes of the bias and the weights"), Error);
}
