// Fused lists of random steps against the same steps one by one: the same bits, whatever the sizes, broadcasts and
// shared memory.
#include "kernels/fused.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/kernels.h"

using namespace addax::kernels;

namespace {

using Random = std::mt19937;

int below(Random& random, int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }

const Opcode kChoices[] = {Opcode::identity, Opcode::negative, Opcode::abs,      Opcode::square,        Opcode::sqrt,
                           Opcode::relu,     Opcode::tanh,     Opcode::isnan,    Opcode::logical_not,   Opcode::add,
                           Opcode::subtract, Opcode::multiply, Opcode::divide,   Opcode::maximum,       Opcode::mod,
                           Opcode::power,    Opcode::less,     Opcode::equal,    Opcode::greater_equal, Opcode::where,
                           Opcode::where,    Opcode::add,      Opcode::multiply, Opcode::logical_or};

constexpr Element kTypes[] = {Element::float32, Element::boolean, Element::bfloat16, Element::float32};

FusedPlan random_plan(Random& random) {
  FusedPlan plan;
  plan.operands = 1 + below(random, 5);
  plan.immediates = below(random, 3);
  for (int k = 0; k < plan.operands; ++k) plan.operand_type[k] = kTypes[below(random, 4)];
  const float numbers[] = {0.5f, 2.0f, -1.0f, 0.0f, 1.0f};
  for (int k = 0; k < plan.immediates; ++k) plan.immediate[k] = numbers[below(random, 5)];
  plan.steps = 1 + below(random, 14);
  for (int s = 0; s < plan.steps; ++s) {
    plan.step[s].opcode = kChoices[below(random, static_cast<int>(std::size(kChoices)))];
    for (std::uint8_t& argument : plan.step[s].argument) {
      const int values = plan.first_step() + s;
      argument = static_cast<std::uint8_t>(s > 0 && below(random, 2) == 0 ? values - 1 : below(random, values));
    }
  }
  plan.outputs = 1 + below(random, std::min(3, plan.steps));
  for (int j = 0; j < plan.outputs; ++j)
    plan.output[j] = {plan.first_step() + plan.steps - 1 - j, kTypes[below(random, 4)]};
  return plan;
}

// One step on whole arrays; truth values are floats.
void naive_step(const FusedStep& step, const std::vector<std::vector<float>>& values, std::vector<float>& y) {
  const Rows& rows = rows_of(Element::float32);
  const int code = static_cast<int>(step.opcode);
  const auto n = static_cast<std::int64_t>(y.size());
  const float *a = values[step.argument[0]].data(), *b = values[step.argument[1]].data(),
              *c = values[step.argument[2]].data();
  std::vector<std::uint8_t> bools(y.size());
  void* to = is_predicate(step.opcode) ? static_cast<void*>(bools.data()) : y.data();
  if (arity(step.opcode) == 1) {
    rows.unary[code](a, to, n);
  } else if (arity(step.opcode) == 2) {
    rows.binary[code](a, 1, b, 1, to, n);
  } else {
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = a[i] != 0 ? b[i] : c[i];
  }
  if (is_predicate(step.opcode)) std::copy(bools.begin(), bools.end(), y.begin());
}

bool same_bits(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b); }

// How an operand stands to the array of rows × columns.
enum class Way { full, row, column, scalar };

struct Case {
  FusedPlan plan;
  std::int64_t rows, columns;
  Way way[kMaxOperands];
};

void check(const Case& c, Random& random, bool in_place) {
  const FusedPlan& plan = c.plan;
  const auto n = static_cast<std::size_t>(c.rows * c.columns);
  std::int64_t sizes[kMaxOperands][2];
  OperandShape shapes[kMaxOperands];
  std::vector<std::vector<float>> floats(kMaxOperands), values;
  std::vector<std::vector<std::uint8_t>> bools(kMaxOperands);
  std::vector<std::vector<BrainHalf>> halves(kMaxOperands);
  const void* operands[kMaxOperands];
  for (int k = 0; k < plan.operands; ++k) {
    const auto i = static_cast<std::size_t>(k);
    const bool tall = c.way[k] == Way::full || c.way[k] == Way::column;
    const bool wide = c.way[k] == Way::full || c.way[k] == Way::row;
    sizes[k][0] = tall ? c.rows : 1;
    sizes[k][1] = wide ? c.columns : 1;
    shapes[k] = {sizes[k], 2};
    const auto size = static_cast<std::size_t>(sizes[k][0] * sizes[k][1]);
    for (std::size_t e = 0; e < size; ++e) {
      bools[i].push_back(random() % 2);
      const float value = static_cast<float>(random() % 4000) / 1000 - 2;
      halves[i].push_back(to_brain_half(value));
      floats[i].push_back(plan.operand_type[k] == Element::boolean    ? bools[i].back()
                          : plan.operand_type[k] == Element::bfloat16 ? to_float(halves[i].back())
                                                                      : value);
    }
    operands[k] = plan.operand_type[k] == Element::boolean    ? static_cast<const void*>(bools[i].data())
                  : plan.operand_type[k] == Element::bfloat16 ? static_cast<const void*>(halves[i].data())
                                                              : floats[i].data();
    values.emplace_back(n);
    for (std::size_t e = 0; e < n; ++e) {
      const auto row = static_cast<std::int64_t>(e) / c.columns, column = static_cast<std::int64_t>(e) % c.columns;
      values.back()[e] = floats[i][static_cast<std::size_t>((tall ? row : 0) * sizes[k][1] + (wide ? column : 0))];
    }
  }
  for (int k = 0; k < plan.immediates; ++k) values.emplace_back(n, plan.immediate[k]);
  for (int s = 0; s < plan.steps; ++s) {
    std::vector<float> y(n);
    std::vector<std::vector<float>> padded = values;
    padded.resize(256, std::vector<float>(n));
    naive_step(plan.step[s], padded, y);
    values.push_back(std::move(y));
  }
  std::vector<std::vector<float>> results(kMaxFusedOutputs, std::vector<float>(n + 1, 7.0f));
  void* outputs[kMaxFusedOutputs];
  for (int j = 0; j < plan.outputs; ++j) {
    outputs[j] = results[static_cast<std::size_t>(j)].data();
    // Over the j-th operand, if it is a whole array of the same type.
    if (in_place && j < plan.operands && c.way[j] == Way::full && plan.operand_type[j] == plan.output[j].type)
      outputs[j] = const_cast<void*>(operands[j]);
  }
  run_fused(FusedCode(plan),
            make_broadcast_layout(std::vector<std::int64_t>{c.rows, c.columns}.data(), 2, shapes, plan.operands),
            operands, outputs);
  std::size_t wrong = 0;
  for (int j = 0; j < plan.outputs; ++j) {
    const std::vector<float>& want = values[static_cast<std::size_t>(plan.output[j].value)];
    for (std::size_t e = 0; e < n; ++e) {
      if (plan.output[j].type == Element::bfloat16) {
        const float got = to_float(static_cast<const BrainHalf*>(outputs[j])[e]);
        wrong += !same_bits(got, to_float(to_brain_half(want[e])));
      } else if (plan.output[j].type == Element::boolean) {
        wrong += (static_cast<const std::uint8_t*>(outputs[j])[e] != 0) != (want[e] != 0);
      } else {
        wrong += !same_bits(static_cast<const float*>(outputs[j])[e], want[e]);
      }
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("a fused list of random steps gives the bits of its steps one by one") {
  Random random(5);
  const std::int64_t sizes[] = {1, 2, 3, 7, 15, 16, 17, 31, 63, 64, 65, 127, 130, 200};
  for (int round = 0; round < 1500; ++round) {
    Case c{random_plan(random), 1 + below(random, 9), sizes[random() % std::size(sizes)], {}};
    if (check_fused(c.plan) != nullptr) continue;
    for (Way& way : c.way) way = below(random, 2) == 0 ? Way::full : static_cast<Way>(below(random, 4));
    // The first is full, so that the array's shape is the operands' own.
    c.way[0] = Way::full;
    INFO("round " << round << ", " << c.rows << " x " << c.columns << ", " << c.plan.steps << " steps");
    check(c, random, round % 2 == 0);
  }
}

TEST_CASE("a fused list runs on many tiles as on one") {
  Random random(6);
  for (const std::int64_t columns : {1, 5, 100, 300, 70001}) {
    Case c{
        random_plan(random), 70001 / columns + 1, columns, {Way::full, Way::row, Way::column, Way::scalar, Way::full}};
    if (check_fused(c.plan) == nullptr) check(c, random, true);
  }
}
