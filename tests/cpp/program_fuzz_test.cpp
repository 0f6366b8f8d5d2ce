// Random programs give the same values however they run: eagerly, recorded, optimised, and read back from a file; at
// several batch sizes, with variables that carry on from run to run. ADDAX_FUZZ_PROGRAMS and ADDAX_FUZZ_SEED widen the
// search.
#include <doctest/doctest.h>

#include <cstdlib>

#include "addax/model_file.h"
#include "addax/replay.h"
#include "programs.h"
#include "random_scripts.h"

using namespace addax;
using test::scripts::at;
using test::scripts::Generator;
using test::scripts::Instruction;
using test::scripts::kRows;
using test::scripts::State;

namespace {

Tensor integers(test::Numbers& random, const Shape& shape) {
  std::vector<float> x(static_cast<std::size_t>(shape.elements()));
  for (float& v : x) v = static_cast<float>(random.between(-4, 4));
  return Tensor::of<float>(shape, x);
}

std::string difference(const Tensor& seen, const Tensor& wanted) {
  if (seen.dtype() != wanted.dtype() || !(seen.shape() == wanted.shape()))
    return text(seen.dtype(), ' ', seen.shape(), " instead of ", wanted.dtype(), ' ', wanted.shape());
  for (std::int64_t i = 0; i < seen.elements(); ++i) {
    const double x = seen.dtype() == DType::boolean ? seen.data_as<bool>()[i] : seen.data_as<float>()[i];
    const double y = wanted.dtype() == DType::boolean ? wanted.data_as<bool>()[i] : wanted.data_as<float>()[i];
    if (!(x == y)) return text("element ", i, " is ", x, " instead of ", y);
  }
  return {};
}

constexpr std::int64_t kBatches[] = {3, 1, 0, 70};

// One script with everything that it needs, and what each of its runs must give.
struct Case {
  std::vector<Instruction> script;
  std::vector<VariablePtr> variables;
  std::vector<Tensor> initial;
  std::vector<int> outputs;  // indices of values; one may appear twice
  ProgramPtr program;
  std::vector<std::vector<Tensor>> inputs, results, states;  // per run

  explicit Case(std::uint32_t seed) {
    test::Numbers random(seed);
    const Shape shapes[] = {{3}, {3}, {3, 4}, {4, 3}, {4, 3}, {}, {2}};
    for (const Shape& shape : shapes) {
      initial.push_back(integers(random, shape));
      variables.push_back(std::make_shared<Variable>(initial.back().clone(), text("v", variables.size()), true));
    }
    program = test::record([&](Recording& r) { return write(r, random, seed); });
    for (const std::int64_t rows : kBatches) {
      inputs.push_back({integers(random, {rows, 3}), integers(random, {rows, 4, 4, 2}), integers(random, {4})});
      run_eagerly(rows);
    }
  }

  // A script, and what it leaves behind of which the outputs are.
  Values write(Recording& recording, test::Numbers& random, std::uint32_t seed) {
    State state{{}, variables, {}};
    state.values = {recording.input("x", {DType::float32, {kRows, 3}}),
                    recording.input("image", {DType::float32, {kRows, 4, 4, 2}}),
                    recording.input("vector", {DType::float32, {4}})};
    script = Generator(seed, state).run(static_cast<int>(random.between(3, 40)));
    const int count = static_cast<int>(state.values.size());
    Values wanted;
    for (std::int64_t i = random.between(1, 6); i-- > 0;) {
      outputs.push_back(random.one_in(5) && !outputs.empty() ? outputs.back()
                                                             : static_cast<int>(random.between(0, count - 1)));
      wanted.push_back(state[outputs.back()]);
    }
    return wanted;
  }

  void run_eagerly(std::int64_t rows) {
    State state{{}, variables, Bindings{{"rows", rows}}};
    for (const Tensor& input : inputs.back()) state.values.emplace_back(input);
    for (const Instruction& instruction : script) instruction(state);
    results.emplace_back();
    for (const int output : outputs) results.back().push_back(state[output].tensor().clone());
    states.push_back(snapshot(variables));
  }

  static std::vector<Tensor> snapshot(const std::vector<VariablePtr>& variables) {
    std::vector<Tensor> values;
    for (const VariablePtr& v : variables) values.push_back(v->tensor().clone());
    return values;
  }

  void reset() {
    for (std::size_t i = 0; i < variables.size(); ++i) Variable::assign(variables[i], Value(initial[i].clone()));
  }

  // Empty if the program gives what it must; else what is wrong. Variables that it has are found by name; those that it
  // derives from them are its own affair.
  std::string check(const ProgramPtr& candidate) const {
    Executable executable(candidate);
    for (std::size_t run = 0; run < inputs.size(); ++run) {
      const std::vector<Tensor> seen = executable.run(inputs[run]);
      for (std::size_t i = 0; i < seen.size(); ++i)
        if (const std::string d = difference(seen[i], results[run][i]); !d.empty())
          return text("run ", run, ", output ", i, ": ", d);
      for (const VariablePtr& v : candidate->variables) {
        if (v->name().starts_with("derived")) continue;
        const std::size_t i = at(std::stoi(v->name().substr(1)));
        if (const std::string d = difference(v->tensor(), states[run][i]); !d.empty())
          return text("after run ", run, ", variable ", v->name(), ": ", d);
      }
    }
    return {};
  }

  ProgramPtr through_file() const {
    const test::TemporaryFolder folder;
    ModelFile file{"{}", {}, {{"p", program}}};
    for (std::size_t i = 0; i < initial.size(); ++i) file.weights.push_back({text("v", i), initial[i], ""});
    write_model(folder / "model", file);
    return read_model(folder / "model", true).programs.at("p");
  }
};

int from_environment(const char* name, int fallback) {
  const char* value = std::getenv(name);
  return value == nullptr ? fallback : std::atoi(value);
}

}  // namespace

TEST_CASE("random programs give the same values eagerly, recorded, optimised and from a file") {
  const int programs = from_environment("ADDAX_FUZZ_PROGRAMS", 400);
  const int first = from_environment("ADDAX_FUZZ_SEED", 0);
  for (int i = 0; i < programs; ++i) {
    const auto seed = static_cast<std::uint32_t>(first + i);
    std::string problem, how = "eagerly";
    std::string listing;
    try {
      Case c(seed);
      listing = c.program->str();
      const auto expect = [&](const char* name, const ProgramPtr& program) {
        if (!problem.empty()) return;
        how = name;
        c.reset();
        problem = c.check(program);
        if (!problem.empty()) listing += "\n" + program->str();
      };
      expect("recorded", c.program);
      expect("optimised", optimize(c.program));
      expect("optimised twice", optimize(optimize(c.program)));
      if (seed % 8 == 0) {  // writing a file takes longer than all the rest
        expect("from a file", c.through_file());
        expect("from a file, optimised", optimize(c.through_file()));
      }
    } catch (const Error& error) {
      problem = error.what();
    }
    if (!problem.empty()) {
      FAIL_CHECK("seed " << seed << ", " << how << ": " << problem << '\n' << listing);
      return;
    }
  }
}
