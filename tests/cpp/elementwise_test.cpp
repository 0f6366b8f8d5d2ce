// Rows, broadcasting and fused lists: every length around the vector width, NaN at every place, integers at their
// limits.
#include "kernels/elementwise.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "kernels/broadcast.h"
#include "kernels/fused.h"
#include "kernels/tail.h"

using namespace addax::kernels;

namespace {

const float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_floats(std::size_t n, unsigned seed, float low = 0.1f, float high = 0.9f) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<float> draw(low, high);
  std::vector<float> x(n);
  for (float& v : x) v = draw(rng);
  return x;
}

bool same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

UnaryRow one(Opcode o, Element e = Element::float32) { return rows_of(e).unary[static_cast<int>(o)]; }
BinaryRow two(Opcode o, Element e = Element::float32) { return rows_of(e).binary[static_cast<int>(o)]; }

template <class T>
T binary_of(Opcode o, Element e, T a, T b) {
  T y;
  two(o, e)(&a, 1, &b, 1, &y, 1);
  return y;
}

template <class To, class From>
To cast_of(Element from, Element to, From x) {
  To y;
  cast_row(from, to)(&x, &y, 1);
  return y;
}

BroadcastLayout layout_of(std::vector<std::int64_t> shape, const std::vector<std::vector<std::int64_t>>& operands) {
  std::vector<OperandShape> shapes;
  for (const auto& o : operands) shapes.push_back({o.data(), static_cast<int>(o.size())});
  return make_broadcast_layout(shape.data(), static_cast<int>(shape.size()), shapes.data(),
                               static_cast<int>(shapes.size()));
}

FusedStep step(Opcode o, int a, int b = 0, int c = 0) {
  return {o, {static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b), static_cast<std::uint8_t>(c)}};
}

}  // namespace

TEST_CASE("a row of any length equals its elements one by one, and nothing beyond is written") {
  for (int code = 0; code < kOpcodes; ++code) {
    const auto opcode = static_cast<Opcode>(code);
    if (name_of(opcode).empty() || opcode == Opcode::where) continue;
    const bool predicate = is_predicate(opcode);
    for (std::int64_t n = 0; n <= 67; ++n) {
      const auto size = static_cast<std::size_t>(n);
      const std::vector<float> a = random_floats(size + 1, 1), b = random_floats(size + 1, 2);
      std::vector<float> y(size + 1, 77.0f);
      std::vector<std::uint8_t> t(size + 1, 77);
      void* out = predicate ? static_cast<void*>(t.data()) : static_cast<void*>(y.data());
      const bool unary = arity(opcode) == 1;
      if (unary ? one(opcode) == nullptr : two(opcode) == nullptr) continue;  // bits of integers
      if (unary) {
        one(opcode)(a.data(), out, n);
      } else {
        two(opcode)(a.data(), 1, b.data(), 1, out, n);
      }
      CHECK(y[size] == 77.0f);
      CHECK(t[size] == 77);
      for (std::size_t i = 0; i < size; ++i) {
        float want = 0;
        std::uint8_t flag = 0;
        void* single = predicate ? static_cast<void*>(&flag) : static_cast<void*>(&want);
        if (unary) {
          one(opcode)(&a[i], single, 1);
        } else {
          two(opcode)(&a[i], 1, &b[i], 1, single, 1);
        }
        INFO(std::string(name_of(opcode)) << " length " << n << " at " << i);
        CHECK((predicate ? t[i] == flag : same(y[i], want)));
      }
    }
  }
}

TEST_CASE("maximum, minimum and relu pass NaN through at every place") {
  for (std::size_t n = 1; n <= 35; ++n)
    for (std::size_t place = 0; place < n; ++place) {
      std::vector<float> a = random_floats(n, 3), b = random_floats(n, 4), y(n);
      a[place] = kNaN;
      const auto count = static_cast<std::int64_t>(n);
      for (const Opcode o : {Opcode::maximum, Opcode::minimum}) {
        two(o)(a.data(), 1, b.data(), 1, y.data(), count);
        CHECK(std::isnan(y[place]));
        two(o)(b.data(), 1, a.data(), 1, y.data(), count);
        CHECK(std::isnan(y[place]));
        for (std::size_t i = 0; i < n; ++i) CHECK(std::isnan(y[i]) == (i == place));
      }
      one(Opcode::relu)(a.data(), y.data(), count);
      for (std::size_t i = 0; i < n; ++i) CHECK(std::isnan(y[i]) == (i == place));
    }
}

TEST_CASE("operands broadcast as NumPy's, in rows long and short, on any number of threads") {
  struct Shapes {
    std::vector<std::int64_t> out, a, b;
  };
  const std::vector<Shapes> list = {{{}, {}, {}},
                                    {{5}, {5}, {}},
                                    {{0, 3}, {0, 3}, {3}},
                                    {{1000, 3}, {1000, 3}, {3}},
                                    {{1000, 3}, {1000, 1}, {1, 3}},
                                    {{3, 300}, {3, 1}, {300}},
                                    {{2, 3, 4, 5}, {3, 1, 5}, {2, 1, 4, 1}},
                                    {{9000, 16}, {9000, 16}, {16}},
                                    {{40, 3000}, {40, 3000}, {40, 1}},
                                    {{2, 2, 2, 2, 2, 2, 2, 2}, {2, 1, 2, 1, 2, 1, 2, 1}, {1, 2, 2, 2, 2, 1, 1, 1}},
                                    {{200000}, {200000}, {1}}};
  const int before = addax::thread_count();
  for (const Shapes& s : list) {
    const BroadcastLayout l = layout_of(s.out, {s.a, s.b});
    const auto elements = [](const std::vector<std::int64_t>& shape) {
      std::int64_t n = 1;
      for (const std::int64_t d : shape) n *= d;
      return static_cast<std::size_t>(n);
    };
    const std::vector<float> a = random_floats(elements(s.a), 5), b = random_floats(elements(s.b), 6);
    const std::size_t n = elements(s.out);
    std::vector<float> want(n);
    for (std::size_t i = 0; i < n; ++i) {
      std::size_t rest = i, at_a = 0, at_b = 0, step_a = 1, step_b = 1;
      for (std::size_t d = 1; d <= s.out.size(); ++d) {
        const auto size = static_cast<std::size_t>(s.out[s.out.size() - d]);
        const std::size_t index = rest % size;
        rest /= size;
        if (d <= s.a.size()) {
          const auto own = static_cast<std::size_t>(s.a[s.a.size() - d]);
          at_a += (own == 1 ? 0 : index) * step_a;
          step_a *= own;
        }
        if (d <= s.b.size()) {
          const auto own = static_cast<std::size_t>(s.b[s.b.size() - d]);
          at_b += (own == 1 ? 0 : index) * step_b;
          step_b *= own;
        }
      }
      want[i] = a[at_a] - b[at_b];
    }
    for (const int threads : {1, 2, 3}) {
      addax::set_thread_count(threads);
      std::vector<float> y(n);
      run_binary(two(Opcode::subtract), l, a.data(), b.data(), Element::float32, y.data(), Element::float32, 1024);
      CHECK(y == want);
    }
  }
  addax::set_thread_count(before);
}

TEST_CASE("integer division, remainder, power and shifts follow NumPy and never trap") {
  constexpr auto i32 = Element::int32;
  constexpr std::int32_t low = std::numeric_limits<std::int32_t>::min();
  CHECK(binary_of<std::int32_t>(Opcode::floor_divide, i32, -7, 2) == -4);
  CHECK(binary_of<std::int32_t>(Opcode::floor_divide, i32, 7, -2) == -4);
  CHECK(binary_of<std::int32_t>(Opcode::mod, i32, -7, 2) == 1);
  CHECK(binary_of<std::int32_t>(Opcode::mod, i32, 7, -2) == -1);
  CHECK(binary_of<std::int32_t>(Opcode::floor_divide, i32, 5, 0) == 0);
  CHECK(binary_of<std::int32_t>(Opcode::mod, i32, 5, 0) == 0);
  CHECK(binary_of<std::int32_t>(Opcode::floor_divide, i32, low, -1) == low);
  CHECK(binary_of<std::int32_t>(Opcode::mod, i32, low, -1) == 0);
  CHECK(binary_of<std::int32_t>(Opcode::power, i32, -3, 3) == -27);
  CHECK(binary_of<std::int32_t>(Opcode::power, i32, 2, -1) == 0);
  CHECK(binary_of<std::int32_t>(Opcode::power, i32, -1, -3) == -1);
  CHECK(binary_of<std::int32_t>(Opcode::power, i32, 0, 0) == 1);
  CHECK(binary_of<std::int32_t>(Opcode::left_shift, i32, 1, 40) == 0);
  CHECK(binary_of<std::int32_t>(Opcode::left_shift, i32, 1, -1) == 0);
  CHECK(binary_of<std::int32_t>(Opcode::right_shift, i32, -8, 1) == -4);
  CHECK(binary_of<std::int32_t>(Opcode::right_shift, i32, -8, 99) == -1);
  CHECK(binary_of<std::int64_t>(Opcode::multiply, Element::int64, std::int64_t{1} << 62, 4) == 0);
  CHECK(binary_of<std::uint8_t>(Opcode::subtract, Element::uint8, 3, 5) == 254);
  CHECK(binary_of<std::uint8_t>(Opcode::power, Element::uint8, 3, 6) == 729 % 256);
}

TEST_CASE("casts saturate, turn NaN into the smallest number, and round to 16 bits once") {
  CHECK(cast_of<std::int32_t>(Element::float32, Element::int32, kNaN) == std::numeric_limits<std::int32_t>::min());
  CHECK(cast_of<std::int32_t>(Element::float32, Element::int32, 1e20f) == std::numeric_limits<std::int32_t>::max());
  CHECK(cast_of<std::int32_t>(Element::float32, Element::int32, -3.9f) == -3);
  CHECK(cast_of<std::int64_t>(Element::float64, Element::int64, 9.3e18) == std::numeric_limits<std::int64_t>::max());
  CHECK(cast_of<std::int64_t>(Element::float64, Element::int64, -9.3e18) == std::numeric_limits<std::int64_t>::min());
  CHECK(cast_of<std::uint8_t>(Element::float32, Element::uint8, -1.0f) == 0);
  CHECK(cast_of<std::uint8_t>(Element::int32, Element::uint8, 300) == 44);
  CHECK(cast_of<std::uint8_t>(Element::float32, Element::boolean, kNaN) == 1);
  CHECK(cast_of<std::uint16_t>(Element::float32, Element::float16, 65519.0f) == 0x7bff);
  CHECK(cast_of<std::uint16_t>(Element::float32, Element::float16, 65520.0f) == 0x7c00);
  CHECK(cast_of<std::uint16_t>(Element::float32, Element::float16, 0x1p-25f) == 0);
  CHECK(cast_of<std::uint16_t>(Element::float32, Element::float16, 0x1.8p-25f) == 1);
  CHECK(cast_of<std::uint16_t>(Element::float64, Element::float16, 1 + 0x1p-11 + 0x1p-40) == 0x3c01);
  CHECK(cast_of<std::uint16_t>(Element::float32, Element::bfloat16, 1.00390625f) == 0x3f80);
  CHECK((cast_of<std::uint16_t>(Element::float32, Element::bfloat16, kNaN) & 0x7fff) > 0x7f80);
  for (int bits = 0; bits < 65536; ++bits) {  // there and back; NaN stays NaN
    const auto half = static_cast<std::uint16_t>(bits);
    for (const Element e : {Element::float16, Element::bfloat16}) {
      const float wide = cast_of<float>(e, Element::float32, half);
      const auto back = cast_of<std::uint16_t>(Element::float32, e, wide);
      if (std::isnan(wide)) {
        CHECK(std::isnan(cast_of<float>(e, Element::float32, back)));
      } else if (back != half) {
        FAIL("bits " << bits << " became " << back);
      }
    }
  }
}

TEST_CASE("every opcode has a name that finds it") {
  int count = 0;
  for (int code = 0; code < kOpcodes; ++code) {
    const auto opcode = static_cast<Opcode>(code);
    if (name_of(opcode).empty()) continue;
    ++count;
    CHECK(find_opcode(name_of(opcode)) == opcode);
  }
  CHECK(count == 64);
  CHECK(!find_opcode("softmax"));
}

// y = tanh(x · scale + bias), and whether it is positive, and relu's gradient by choice; in one walk.
TEST_CASE("a fused list gives what its operations give, in place too, for shapes that broadcast") {
  struct Shape {
    std::int64_t rows, columns;
  };
  for (const Shape s : {Shape{1, 1}, {3, 5}, {1000, 7}, {70, 129}, {40, 3000}, {0, 4}, {5000, 16}}) {
    const auto n = static_cast<std::size_t>(s.rows * s.columns), columns = static_cast<std::size_t>(s.columns);
    const std::vector<float> x = random_floats(n, 8, -2, 2), bias = random_floats(columns, 9, -1, 1);
    const std::vector<float> scale = random_floats(static_cast<std::size_t>(s.rows), 10);
    std::vector<std::uint8_t> mask(n);
    for (std::size_t i = 0; i < n; ++i) mask[i] = x[i] > 0.3f;
    FusedPlan plan;
    plan.operands = 4;  // x, scale (a column), bias (a row), mask (bool)
    plan.operand_type[3] = Element::boolean;
    plan.immediates = 1;
    plan.immediate[0] = 0.25f;
    const FusedStep steps[] = {step(Opcode::multiply, 0, 1), step(Opcode::add, 5, 2),      step(Opcode::tanh, 6),
                               step(Opcode::greater, 7, 4),  step(Opcode::where, 3, 7, 4), step(Opcode::add, 9, 0)};
    plan.steps = 6;
    for (int i = 0; i < 6; ++i) plan.step[i] = steps[i];
    plan.outputs = 3;
    plan.output[0] = {7};
    plan.output[1] = {8, Element::boolean};
    plan.output[2] = {10};
    REQUIRE(check_fused(plan) == nullptr);
    const BroadcastLayout l =
        layout_of({s.rows, s.columns}, {{s.rows, s.columns}, {s.rows, 1}, {s.columns}, {s.rows, s.columns}});
    for (const bool in_place : {false, true}) {
      std::vector<float> source = x, other(n), last(n);
      std::vector<std::uint8_t> flags(n, 9);
      // The first output lies over x, which the last step still reads.
      float* first = in_place ? source.data() : other.data();
      const void* operands[] = {source.data(), scale.data(), bias.data(), mask.data()};
      void* outputs[] = {first, flags.data(), last.data()};
      run_fused(FusedCode(plan), l, operands, outputs);
      for (std::size_t i = 0; i < n; ++i) {
        const float t = std::tanh(x[i] * scale[i / columns] + bias[i % columns]);
        CHECK(first[i] == doctest::Approx(t).epsilon(1e-5));
        if (std::fabs(t - 0.25f) > 1e-5) CHECK(flags[i] == (t > 0.25f));
        CHECK(last[i] == doctest::Approx((mask[i] ? t : 0.25f) + x[i]).epsilon(1e-5));
      }
    }
    // Block by block, as the tail of a product: the same bits.
    std::vector<float> whole(n), whole_last(n), source = x, last(n);
    std::vector<std::uint8_t> flags(n);
    const void* operands[] = {x.data(), scale.data(), bias.data(), mask.data()};
    void* outputs[] = {whole.data(), flags.data(), whole_last.data()};
    const FusedCode code(plan);
    run_fused(code, l, operands, outputs);
    for (const std::int64_t width : {s.columns, std::int64_t{5}}) {
      source = x;
      const Tail tail{&code,
                      &l,
                      {source.data(), scale.data(), bias.data(), mask.data()},
                      {source.data(), flags.data(), last.data()}};
      for (std::int64_t row = 0; row < s.rows; row += 3)
        for (std::int64_t column = 0; column < s.columns; column += width)
          run_tail(tail, s.columns, row, std::min<std::int64_t>(3, s.rows - row), column,
                   std::min(width, s.columns - column));
      CHECK(source == whole);
      CHECK(last == whole_last);
    }
  }
}

TEST_CASE("a fused list that is wrong is refused") {
  FusedPlan plan;
  plan.operands = 1;
  plan.steps = 1;
  plan.outputs = 1;
  plan.output[0] = {1};
  const auto problem = [&](FusedStep s, int output) {
    FusedPlan copy = plan;
    copy.step[0] = s;
    copy.output[0].value = output;
    return check_fused(copy) != nullptr;
  };
  CHECK_FALSE(problem(step(Opcode::exp, 0), 1));
  CHECK(problem(step(Opcode::exp, 1), 1));          // its own result
  CHECK(problem(step(Opcode::exp, 0), 0));          // an operand as output
  CHECK(problem(step(Opcode::exp, 0), 2));          // no such value
  CHECK(problem(step(Opcode::bitwise_and, 0), 1));  // not of floats
  CHECK(problem(step(static_cast<Opcode>(200), 0), 1));
}
