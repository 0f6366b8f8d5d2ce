// Updates of many variables as one step, and of an embedding table without its gradient: the same bits as the program
// before the passes.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>

#include "addax/ops.h"
#include "addax/replay.h"
#include "ops/operation.h"
#include "programs.h"

using namespace addax;
using namespace addax::ops;

namespace {

using Update = std::function<void(const Value& gradient, const std::vector<VariablePtr>& states, const Value& rate)>;

// States: the table, momentum, velocity.
void adam(const Value& g, const std::vector<VariablePtr>& states, const Value& rate) {
  const Value w = Variable::read(states[0]), m = Variable::read(states[1]), v = Variable::read(states[2]);
  const Value m1 = m + (g - m) * 0.1, v1 = v + (g * g - v) * 0.01;
  Variable::assign(states[1], m1);
  Variable::assign(states[2], v1);
  Variable::assign(states[0], w - m1 * rate / (sqrt(v1) + 1e-7));
}
void plain(const Value& g, const std::vector<VariablePtr>& states, const Value& rate) {
  Variable::assign(states[0], Variable::read(states[0]) - g * rate);
}
void momentum(const Value& g, const std::vector<VariablePtr>& states, const Value& rate) {
  const Value m1 = Variable::read(states[1]) * 0.9 - g * rate;
  Variable::assign(states[1], m1);
  Variable::assign(states[0], Variable::read(states[0]) + m1);
}
void decayed(const Value& g, const std::vector<VariablePtr>& states, const Value& rate) {
  const Value w = Variable::read(states[0]);
  const Value smaller = w - w * rate;
  Variable::assign(states[0], smaller - g * rate);
}
void accumulated(const Value& g, const std::vector<VariablePtr>& states, const Value& rate) {
  const Value a = Variable::read(states[1]) + g * g;
  Variable::assign(states[1], a);
  Variable::assign(states[0], Variable::read(states[0]) - rate * g / (sqrt(a) + 1e-7));
}

// A table, its states and what a step needs.
struct Model {
  std::vector<VariablePtr> states;
  VariablePtr rate;
  ProgramPtr program;

  Model(std::int64_t rows, std::int64_t width, bool broadcast, const Update& update) {
    std::vector<float> numbers(static_cast<std::size_t>(rows * width));
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = std::sin(static_cast<float>(i));
    numbers[0] = -0.0F;
    numbers[numbers.size() / 2] = std::numeric_limits<float>::denorm_min();
    const auto make = [&](const std::vector<float>& v, const char* name) {
      states.push_back(std::make_shared<Variable>(Tensor::of<float>({rows, width}, v), name, true));
    };
    make(numbers, "table");
    make(std::vector<float>(numbers.size()), "first");
    make(std::vector<float>(numbers.size()), "second");
    rate = std::make_shared<Variable>(Tensor::of<float>({}, {0.01F}), "rate", false);

    program = test::record([&](Recording& r) -> Values {
      const Dim batch = Dim::unknown("batch");
      const Value indices = r.input("indices", {DType::int32, {batch, 3}});
      const Value x = r.input("x", {DType::float32, {batch, broadcast ? 1 : 3, width}});
      const Value picked = gather(Variable::read(states[0]), indices, 0);
      const Value pooled = broadcast ? mean(picked, {1}) : sum(picked, {0, 1});  // before the update, as in training
      const Value spread = broadcast ? broadcast_to(x, {batch, 3, width}) : x;
      update(scatter_add(indices, spread, 0, rows), states, Variable::read(rate));
      return {pooled};
    });
  }
};

bool has_step(const Program& program, const char* name) {
  for (const Step& step : program.steps)
    if (std::strcmp(step.operation->name, name) == 0) return true;
  return false;
}

void check_same(const Model& a, const Model& b) {
  for (std::size_t s = 0; s < a.states.size(); ++s) {
    const Tensor x = a.states[s]->tensor(), y = b.states[s]->tensor();
    INFO("state " << s);
    CHECK(std::memcmp(x.data(), y.data(), static_cast<std::size_t>(x.elements()) * sizeof(float)) == 0);
  }
}

}  // namespace

TEST_CASE("an embedding's update by rows gives the bits of the dense one, whatever is assigned in between") {
  const struct {
    const char* name;
    Update update;
  } optimizers[] = {
      {"adam", adam}, {"plain", plain}, {"momentum", momentum}, {"decayed", decayed}, {"accumulated", accumulated}};
  for (const auto& [name, update] : optimizers) {
    for (const std::int64_t width : {1, 5, 64, 3000}) {
      for (const bool broadcast : {false, true}) {
        INFO(name << ", width " << width << (broadcast ? ", broadcast updates" : ""));
        const std::int64_t rows = 37;
        Model dense(rows, width, broadcast, update), sparse(rows, width, broadcast, update);
        const ProgramPtr optimized = optimize(sparse.program);
        CHECK(has_step(*optimized, "sparse_update"));
        CHECK_FALSE(has_step(*optimized, "scatter_add"));
        Executable slow(dense.program), quick(optimized);
        std::mt19937 random(3);
        for (int step = 0; step < 7; ++step) {
          const std::int64_t batch = step == 3 ? 0 : step == 5 ? 2 : 4;
          std::vector<std::int32_t> ids(static_cast<std::size_t>(batch * 3));
          for (auto& id : ids) id = static_cast<std::int32_t>(random() % 12) * 3;
          std::vector<float> x(static_cast<std::size_t>(batch * (broadcast ? 1 : 3) * width));
          for (float& v : x) v = static_cast<float>(random() % 1000) / 500 - 1;
          const std::vector<Tensor> inputs = {Tensor::of<std::int32_t>({batch, 3}, ids),
                                              Tensor::of<float>({batch, broadcast ? 1 : 3, width}, x)};
          slow.run(inputs);
          quick.run(inputs);
          check_same(dense, sparse);
          if (step != 4) continue;  // slots of rows that no index has named come from outside
          std::vector<float> fresh(static_cast<std::size_t>(rows * width), 0.25F);
          for (Model* model : {&dense, &sparse})
            Variable::assign(model->states[1], Value(Tensor::of<float>({rows, width}, fresh)));
        }
        for (Model* model : {&dense, &sparse})
          Variable::assign(model->rate, Value(Tensor::of<float>({}, {std::numeric_limits<float>::infinity()})));
        const std::vector<Tensor> inputs = {Tensor::of<std::int32_t>({1, 3}, {1, 2, 3}),
                                            Tensor::zeros(DType::float32, {1, broadcast ? 1 : 3, width})};
        slow.run(inputs);
        quick.run(inputs);
        for (std::int64_t i = 0; i < rows * width; ++i) {  // NaN everywhere: 0 · ∞
          const float a = dense.states[0]->tensor().data_as<float>()[i];
          const float b = sparse.states[0]->tensor().data_as<float>()[i];
          CHECK((a == b || (a != a && b != b)));
        }
      }
    }
  }
}

TEST_CASE("a table whose gradient others read too keeps its dense gradient") {
  Model model(10, 4, false, [](const Value& g, const std::vector<VariablePtr>& states, const Value& rate) {
    const Value scale = rate / sqrt(sum(g * g, {0, 1}));
    Variable::assign(states[0], Variable::read(states[0]) - g * scale);
  });
  const ProgramPtr optimized = optimize(model.program);
  CHECK(has_step(*optimized, "scatter_add"));
  CHECK_FALSE(has_step(*optimized, "sparse_update"));
}

TEST_CASE("equal updates of several variables become one step with the same bits") {
  const auto build = [](std::vector<std::vector<VariablePtr>>& all, VariablePtr& rate) {
    rate = std::make_shared<Variable>(Tensor::of<float>({}, {0.01F}), "rate", false);
    return test::record([&](Recording& r) -> Values {
      for (const Shape& shape :
           {Shape{3, 4}, Shape{5}, Shape{}, Shape{0}, Shape{70, 41}, Shape{3, 4}, Shape{300, 300}}) {
        std::vector<VariablePtr> states;
        for (int s = 0; s < 3; ++s) {
          std::vector<float> v(static_cast<std::size_t>(shape.elements()));
          for (std::size_t i = 0; i < v.size(); ++i) v[i] = std::cos(static_cast<float>(i) + static_cast<float>(s)) + 1;
          states.push_back(std::make_shared<Variable>(Tensor::of<float>(shape, v), "v", true));
        }
        all.push_back(states);
        const Value g = r.input("g", {DType::float32, to_dims(shape)});
        adam(g * 2.0, states, Variable::read(rate));
      }
      return {};
    });
  };
  std::vector<std::vector<VariablePtr>> raw, merged;
  VariablePtr raw_rate, merged_rate;
  Executable slow(build(raw, raw_rate));
  const ProgramPtr optimized = optimize(build(merged, merged_rate));
  CHECK(optimized->steps.size() == 2);  // the largest stands alone
  CHECK(has_step(*optimized, "fused_segments"));
  Executable quick(optimized);
  for (int step = 0; step < 3; ++step) {
    std::vector<Tensor> inputs;
    for (const auto& states : raw) {
      std::vector<float> g(static_cast<std::size_t>(states[0]->shape().elements()), 0.5F);
      inputs.push_back(Tensor::of<float>(states[0]->shape(), g));
    }
    slow.run(inputs);
    quick.run(inputs);
    for (std::size_t i = 0; i < raw.size(); ++i)
      for (std::size_t s = 0; s < 3; ++s) {
        const Tensor x = raw[i][s]->tensor(), y = merged[i][s]->tensor();
        CHECK(std::memcmp(x.data(), y.data(), static_cast<std::size_t>(x.elements()) * sizeof(float)) == 0);
      }
  }
}

TEST_CASE("variables that take each other's new values are updated by one step without mixing them up") {
  const auto make = [](float v, const char* name) {
    return std::make_shared<Variable>(Tensor::of<float>({2}, {v, v + 1}), name, true);
  };
  const VariablePtr a = make(1, "a"), b = make(10, "b");
  const ProgramPtr program = optimize(test::record([&](Recording&) -> Values {
    const Value va = Variable::read(a), vb = Variable::read(b);
    Variable::assign(a, (vb + 1.0) * 2.0);
    Variable::assign(b, (va + 1.0) * 2.0);
    return {};
  }));
  CHECK(has_step(*program, "fused_segments"));
  Executable(program).run({});
  CHECK(a->tensor().data_as<float>()[0] == 22);
  CHECK(b->tensor().data_as<float>()[0] == 4);
  CHECK(b->tensor().data_as<float>()[1] == 6);
}
