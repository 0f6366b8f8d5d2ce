#include "kernels/recurrent.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "addax/threads.h"
#include "kernels/kernels.h"
#include "numbers.h"

using namespace addax::kernels;

namespace {

constexpr Cell kCells[] = {Cell::lstm, Cell::gru_after, Cell::gru_before, Cell::simple_tanh, Cell::simple_relu};

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

double sigma(double x) { return 1 / (1 + std::exp(-x)); }

// A problem with all its numbers, in double; `mask` holds 0 and 1.
struct Problem {
  RecurrentShape shape;
  bool masked;
  std::vector<double> x, h0, c0, weights, bias;
  std::vector<double> mask, d_last, d_outputs, d_h, d_c;

  Problem(const RecurrentShape& s, bool with_mask, std::uint32_t seed) : shape(s), masked(with_mask) {
    test::Numbers numbers(seed);
    const std::int64_t gates = gate_count(s.cell), states = s.batch * s.units;
    // Of float32's precision: both types compute with the same numbers.
    const auto draw = [&](std::int64_t n) {
      const std::vector<float> v = numbers.vector<float>(n);
      return std::vector<double>(v.begin(), v.end());
    };
    x = draw(states * s.steps * gates);
    h0 = draw(states);
    c0 = draw(states);
    weights = draw(s.units * s.units * gates);
    for (double& w : weights) w *= 0.25;
    bias = draw(s.units * gates);
    d_last = draw(states);
    d_outputs = draw(states * s.steps);
    d_h = draw(states);
    d_c = draw(states);
    for (std::int64_t i = 0; i < s.batch * s.steps; ++i) mask.push_back(numbers.one_in(3) ? 0 : 1);
  }

  bool seen(std::int64_t b, std::int64_t t) const { return !masked || mask[at(b * shape.steps + t)] != 0; }
  double product(const std::vector<double>& h, std::int64_t column) const {
    double sum = 0;
    for (std::int64_t k = 0; k < shape.units; ++k)
      sum += h[at(k)] * weights[at(k * shape.units * gate_count(shape.cell) + column)];
    return sum;
  }
};

struct Results {
  std::vector<double> last, outputs, h, c;
};

// One row and one step; h and c become the new states.
void step(const Problem& p, const double* x, std::vector<double>& h, std::vector<double>& c) {
  const std::int64_t units = p.shape.units;
  const std::vector<double> old = h;
  std::vector<double> reset(at(units));
  const auto gate = [&](std::int64_t g, std::int64_t j) {
    return x[g * units + j] + p.product(old, g * units + j) +
           (p.shape.cell == Cell::gru_after ? p.bias[at(g * units + j)] : 0);
  };
  for (std::int64_t j = 0; p.shape.cell == Cell::gru_before && j < units; ++j)
    reset[at(j)] = sigma(gate(1, j)) * old[at(j)];
  for (std::int64_t j = 0; j < units; ++j) {
    double& next = h[at(j)];
    switch (p.shape.cell) {
      case Cell::lstm:
        c[at(j)] = sigma(gate(1, j)) * c[at(j)] + sigma(gate(0, j)) * std::tanh(gate(2, j));
        next = sigma(gate(3, j)) * std::tanh(c[at(j)]);
        break;
      case Cell::gru_after:
      case Cell::gru_before: {
        const double z = sigma(gate(0, j));
        const double inner = p.shape.cell == Cell::gru_before
                                 ? p.product(reset, 2 * units + j)
                                 : sigma(gate(1, j)) * (p.product(old, 2 * units + j) + p.bias[at(2 * units + j)]);
        next = z * old[at(j)] + (1 - z) * std::tanh(x[2 * units + j] + inner);
        break;
      }
      case Cell::simple_tanh:
        next = std::tanh(gate(0, j));
        break;
      case Cell::simple_relu:
        next = std::max(0.0, gate(0, j));
        break;
    }
  }
}

Results naive(const Problem& p) {
  const RecurrentShape& s = p.shape;
  Results r;
  r.outputs.resize(at(s.batch * s.steps * s.units));
  for (std::int64_t b = 0; b < s.batch; ++b) {
    const auto row = [&](const std::vector<double>& v) {
      return std::vector<double>(v.begin() + b * s.units, v.begin() + (b + 1) * s.units);
    };
    std::vector<double> h = row(p.h0), c = row(p.c0), last(at(s.units));
    for (std::int64_t i = 0; i < s.steps; ++i) {
      const std::int64_t t = s.backwards ? s.steps - 1 - i : i;
      if (p.seen(b, t)) {
        step(p, p.x.data() + (b * s.steps + t) * s.units * gate_count(s.cell), h, c);
        last = h;
      } else if (s.zero_masked) {
        std::fill(last.begin(), last.end(), 0);
      }
      std::copy(last.begin(), last.end(), r.outputs.begin() + (b * s.steps + i) * s.units);
    }
    r.last.insert(r.last.end(), last.begin(), last.end());
    r.h.insert(r.h.end(), h.begin(), h.end());
    r.c.insert(r.c.end(), c.begin(), c.end());
  }
  return r;
}

// What the results weigh, summed: its derivatives are what the backward pass gives.
double weighed(const Problem& p) {
  const Results r = naive(p);
  double sum = 0;
  const auto add = [&](const std::vector<double>& a, const std::vector<double>& b) {
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  };
  add(r.last, p.d_last);
  add(r.outputs, p.d_outputs);
  add(r.h, p.d_h);
  if (p.shape.cell == Cell::lstm) add(r.c, p.d_c);
  return sum;
}

template <class T>
std::vector<T> narrowed(const std::vector<double>& v) {
  return std::vector<T>(v.begin(), v.end());
}

// The kernels' forward and backward passes over a problem, the gates in x's memory and d_x in the gates'.
template <class T>
struct Computed {
  test::Guarded<T> last, outputs, h, c, wide, entering, kept, d_product, d_h0, d_c0;

  explicit Computed(const Problem& p)
      : last(p.shape.batch * p.shape.units),
        outputs(last.size() * p.shape.steps),
        h(last.size()),
        c(last.size()),
        wide(outputs.size() * gate_count(p.shape.cell)),
        entering(outputs.size()),
        kept(outputs.size()),
        d_product(wide.size()),
        d_h0(last.size()),
        d_c0(last.size()) {
    const auto h0 = narrowed<T>(p.h0), c0 = narrowed<T>(p.c0), weights = narrowed<T>(p.weights),
               bias = narrowed<T>(p.bias), d_last = narrowed<T>(p.d_last), d_outputs = narrowed<T>(p.d_outputs),
               d_h = narrowed<T>(p.d_h), d_c = narrowed<T>(p.d_c);
    const std::unique_ptr<bool[]> mask(new bool[p.mask.size() + 1]);
    std::copy(p.mask.begin(), p.mask.end(), mask.get());
    std::copy(p.x.begin(), p.x.end(), wide.data());
    const auto& functions = kernels().recurrent.of<T>();
    const auto memory = test::workspace(std::max(functions.workspace(p.shape), functions.gradient_workspace(p.shape)));
    functions.run({p.shape, wide.data(), h0.data(), c0.data(), weights.data(), bias.data(),
                   p.masked ? mask.get() : nullptr, last.data(), outputs.data(), h.data(), c.data(), wide.data(),
                   entering.data(), kept.data(), memory.get()});
    functions.gradient({p.shape, wide.data(), entering.data(), kept.data(), weights.data(),
                        p.masked ? mask.get() : nullptr, d_last.data(), d_outputs.data(), d_h.data(), d_c.data(),
                        wide.data(), d_product.data(), d_h0.data(), d_c0.data(), memory.get()});
  }
};

// The derivative along random directions of x, h0 and c0, by differences of the naive forward pass.
template <class T>
void check_gradient(const Problem& p, const Computed<T>& seen, double tolerance) {
  test::Numbers numbers(5);
  double inner = 0;
  Problem high = p, low = p;
  const auto move = [&](std::vector<double> Problem::*field, const test::Guarded<T>& gradient) {
    const auto direction = numbers.vector<double>(gradient.size());
    for (std::size_t i = 0; i < direction.size(); ++i) {
      (high.*field)[i] += 1e-5 * direction[i];
      (low.*field)[i] -= 1e-5 * direction[i];
      inner += direction[i] * static_cast<double>(gradient[static_cast<std::int64_t>(i)]);
    }
  };
  move(&Problem::x, seen.wide);
  move(&Problem::h0, seen.d_h0);
  if (p.shape.cell == Cell::lstm) move(&Problem::c0, seen.d_c0);
  const double difference = (weighed(high) - weighed(low)) / 2e-5;
  CHECK(std::abs(inner - difference) <= tolerance * (1 + std::abs(difference)));
}

template <class T>
void check_problem(const Problem& p, double tolerance) {
  CAPTURE(static_cast<int>(p.shape.cell));
  CAPTURE(p.shape.batch);
  CAPTURE(p.shape.steps);
  CAPTURE(p.shape.units);
  CAPTURE(p.shape.backwards);
  CAPTURE(p.masked);
  const Results wanted = naive(p);
  const Computed<T> seen(p);
  test::check_close(seen.last, wanted.last, tolerance);
  test::check_close(seen.outputs, wanted.outputs, tolerance);
  test::check_close(seen.h, wanted.h, tolerance);
  if (p.shape.cell == Cell::lstm) test::check_close(seen.c, wanted.c, tolerance);
  for (const auto* guarded : {&seen.wide, &seen.entering, &seen.kept, &seen.d_product, &seen.d_h0, &seen.d_c0})
    CHECK(guarded->intact());
  // Differences do not see relu's corners.
  if (p.shape.cell != Cell::simple_relu) check_gradient(p, seen, sizeof(T) == 4 ? 2e-4 : 1e-6);
}

}  // namespace

TEST_CASE("recurrent kernels agree with single steps in double") {
  struct Size {
    std::int64_t batch, steps, units;
  };
  const Size sizes[] = {{0, 2, 3}, {2, 0, 3}, {1, 1, 1}, {1, 5, 16}, {2, 3, 17}, {3, 4, 33}, {37, 2, 20}, {20, 30, 48}};
  for (const Cell cell : kCells) {
    for (const Size& size : sizes) {
      for (const int variant : {0, 1, 2, 3}) {
        const bool backwards = variant % 2 == 1;
        const RecurrentShape shape{cell, size.batch, size.steps, size.units, backwards, variant == 3};
        const Problem p(shape, variant >= 2, 3);
        check_problem<float>(p, 3e-5);
        check_problem<double>(p, 1e-12);
      }
    }
  }
}

TEST_CASE("halves of the units on two threads have the bits of one thread") {
  const int threads = addax::thread_count();
  for (const Cell cell : kCells) {
    for (const auto& [batch, units] : {std::pair{1, 128}, std::pair{3, 100}, std::pair{2, 179}}) {
      for (const bool backwards : {false, true}) {
        const Problem p({cell, batch, 61, units, backwards, false}, false, 3);
        addax::set_thread_count(1);
        const Computed<float> wanted(p);
        addax::set_thread_count(2);
        for (int repeat = 0; repeat < 5; ++repeat) {
          const Computed<float> seen(p);
          for (const auto part : {&Computed<float>::last, &Computed<float>::outputs, &Computed<float>::h,
                                  &Computed<float>::wide, &Computed<float>::entering}) {
            bool same = true;
            for (std::int64_t i = 0; i < static_cast<std::int64_t>((seen.*part).size()); ++i)
              same = same && (seen.*part)[i] == (wanted.*part)[i];
            CHECK(same);
          }
        }
      }
    }
  }
  addax::set_thread_count(threads);
}

TEST_CASE("gates are within a few ulp, and pass infinities and NaN") {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  std::vector<float> x{0, 1e-30f, -1e-30f, 1e-6f, -1e-6f, 86, -86, 200, -200, kInf, -kInf, std::nanf("")};
  for (int i = -4000; i <= 4000; ++i) x.push_back(static_cast<float>(i) * 0.00517f);
  const auto units = static_cast<std::int64_t>(x.size());
  // One step from nothing with no recurrence: the gates are functions of x alone.
  std::vector<float> wide, zeros(at(units)), weights(1);
  for (const float v : x) wide.insert(wide.end(), {v, v, v, v});
  std::vector<float> gates(wide.size()), last(at(units));
  const RecurrentShape shape{Cell::lstm, units, 1, 1, false, false};
  const std::vector<float> no_weights(4);
  const auto& functions = kernels().recurrent.f32;
  const auto memory = test::workspace(functions.workspace(shape));
  functions.run({shape, wide.data(), zeros.data(), zeros.data(), no_weights.data(), nullptr, nullptr, last.data(),
                 nullptr, nullptr, nullptr, gates.data(), nullptr, nullptr, memory.get()});
  double worst = 0;
  for (std::int64_t i = 0; i < units; ++i) {
    const double v = x[at(i)];
    const double wanted[] = {sigma(v), sigma(v), std::tanh(v), sigma(v)};
    for (std::int64_t g = 0; g < 4; ++g) {
      const double seen = gates[at(i * 4 + g)], want = wanted[g];
      CHECK(std::isnan(seen) == std::isnan(want));
      if (std::isnan(want)) continue;
      // Below 1e-30 the absolute error counts: where it matters such a gate is shut.
      const double error = std::abs(seen - want) / std::max(std::abs(want), 1e-30);
      worst = std::max(worst, error / std::numeric_limits<float>::epsilon());
    }
  }
  CHECK(worst <= 3);
}
