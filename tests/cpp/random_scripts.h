// Scripts of random operations, loops, branches and assignments, for tests that run one script in several ways. All
// numbers are small integers, so floats are exact and any order of additions gives the same bits.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "addax/control.h"
#include "addax/ops.h"
#include "addax/tape.h"
#include "numbers.h"
#include "ops/operation.h"

namespace test::scripts {

using namespace addax;
using namespace addax::ops;

inline const Dim kRows = Dim::unknown("rows");

inline std::size_t at(int i) { return static_cast<std::size_t>(i); }

inline Value relu(const Value& x) { return apply_one(operation_named("relu"), {x}); }
inline Value clip(const Value& x) { return minimum(maximum(x, constant_like(x, -7)), constant_like(x, 7)); }

// What a script works on: the values so far, and the sizes of the unknowns if they have any.
struct State {
  std::vector<Value> values;
  std::vector<VariablePtr> variables;
  std::optional<Bindings> sizes;

  const Value& operator[](int i) const { return values[at(i)]; }
  Dims known(Dims dims) const {
    if (sizes)
      for (Dim& dim : dims) dim = dim.evaluate(*sizes);
    return dims;
  }
};
using Instruction = std::function<void(State&)>;

// Writes a script while it runs it on symbolic values.
class Generator {
 public:
  Generator(std::uint32_t seed, State& state) : random_(seed), state_(state) {}

  std::vector<Instruction> run(int length) {
    for (int i = 0; i < length; ++i) (this->*kKinds[at(pick(static_cast<int>(std::size(kKinds))))])();
    if (random_.one_in(3)) differentiate();
    return std::move(script_);
  }

 private:
  int pick(int n) { return static_cast<int>(random_.between(0, n - 1)); }

  // An instruction that does not fit its operands is left out.
  void emit(const Instruction& instruction) {
    const std::size_t before = state_.values.size();
    try {
      instruction(state_);
    } catch (const Error&) {
      state_.values.resize(before);
      return;
    }
    script_.push_back(instruction);
  }

  // A random value for which `fits` holds; -1 if there is none. Late ones are likelier.
  template <class Fits>
  int find(const Fits& fits) {
    const int n = static_cast<int>(state_.values.size());
    for (int tries = 0; tries < 12; ++tries) {
      const int i = random_.one_in(2) ? n - 1 - pick(std::min(n, 5)) : pick(n);
      if (fits(state_[i])) return i;
    }
    return -1;
  }
  int find_float(int rank = 0) {
    return find([rank](const Value& v) { return v.dtype() == DType::float32 && v.rank() >= rank; });
  }
  int find_bool() {
    return find([](const Value& v) { return v.dtype() == DType::boolean; });
  }
  // Whether NumPy's rule holds for all sizes of the unknowns.
  static bool broadcasts(const Value& a, const Value& b) { return broadcasts(a.dims(), b.dims()); }
  static bool broadcasts(const Dims& x, const Dims& y) {
    for (std::size_t i = 1; i <= std::min(x.size(), y.size()); ++i) {
      const Dim &p = x[x.size() - i], &q = y[y.size() - i];
      if (!(p == q) && !(p == 1) && !(q == 1)) return false;
    }
    return true;
  }
  int find_partner(int a, DType dtype = DType::float32) {
    return find([&](const Value& v) { return v.dtype() == dtype && broadcasts(v, state_[a]); });
  }
  int find_variable(const Dims& dims) {
    const int first = pick(static_cast<int>(state_.variables.size()));
    for (std::size_t i = 0; i < state_.variables.size(); ++i) {
      const int v = static_cast<int>((at(first) + i) % state_.variables.size());
      if (to_dims(state_.variables[at(v)]->shape()) == dims) return v;
    }
    return -1;
  }

  void unary() {
    static constexpr const char* kNames[] = {"negative", "abs", "sign", "square", "relu", "identity", "stop_gradient"};
    const int a = find_float();
    const char* name = kNames[pick(7)];
    if (a >= 0) emit([=](State& s) { s.values.push_back(clip(apply_one(operation_named(name), {s[a]}))); });
  }
  void binary() {
    static constexpr const char* kNames[] = {"add", "subtract", "multiply", "maximum", "minimum"};
    const int a = find_float();
    if (a < 0) return;
    const int b = find_partner(a);
    if (b < 0) return;
    const char* name = kNames[pick(5)];
    const bool bounded = random_.one_in(2) || name[0] == 'm';
    emit([=](State& s) {
      const Value y = apply_one(operation_named(name), {s[a], s[b]});
      s.values.push_back(bounded ? clip(y) : relu(clip(y)));
    });
  }
  void number() {
    const int a = find_float();
    const double x = static_cast<double>(random_.between(-3, 3));
    if (a >= 0) emit([=](State& s) { s.values.push_back(clip(s[a] * x + 1.0)); });
  }
  void compare() {
    static constexpr const char* kNames[] = {"less", "equal", "greater_equal", "not_equal"};
    const int a = find_float();
    if (a < 0) return;
    const int b = find_partner(a);
    const char* name = kNames[pick(4)];
    if (b >= 0) emit([=](State& s) { s.values.push_back(apply_one(operation_named(name), {s[a], s[b]})); });
  }
  void logic() {
    const int a = find_bool();
    if (a < 0) return;
    const int b = find_partner(a, DType::boolean);
    if (b >= 0) emit([=](State& s) { s.values.push_back(logical_or(logical_not(s[a]), s[b])); });
  }
  void choose() {
    const int c = find_bool();
    if (c < 0) return;
    const int a = find_partner(c);
    if (a < 0) return;
    const int b = find_partner(a);
    if (b >= 0 && broadcasts(state_[b], state_[c]))
      emit([=](State& s) { s.values.push_back(where(s[c], s[a], s[b])); });
  }
  void widen() {
    const int c = find_bool();
    if (c >= 0) emit([=](State& s) { s.values.push_back(cast(s[c], DType::float32)); });
  }
  void reduce() {
    const int a = find_float(1);
    if (a < 0) return;
    const int axis = pick(state_[a].rank());
    const KeepDims keep = random_.one_in(2) ? KeepDims::yes : KeepDims::no;
    const bool greatest = state_[a].dim(axis).known() && random_.one_in(2);
    emit(
        [=](State& s) { s.values.push_back(greatest ? ops::max(s[a], {axis}, keep) : clip(sum(s[a], {axis}, keep))); });
  }
  void product() {
    const int a = find_float(2);
    if (a < 0) return;
    const bool flip_a = random_.one_in(3), flip_b = random_.one_in(3), explicitly = random_.one_in(2);
    const Value& x = state_[a];
    const Dim inner = x.dim(flip_a ? x.rank() - 2 : x.rank() - 1);
    const int b = find([&](const Value& v) {
      return v.dtype() == DType::float32 && v.rank() >= 2 && v.dim(flip_b ? v.rank() - 1 : v.rank() - 2) == inner;
    });
    if (b < 0) return;
    const Value& y = state_[b];
    if (!broadcasts(Dims(x.dims().begin(), x.dims().end() - 2), Dims(y.dims().begin(), y.dims().end() - 2))) return;
    const Dim columns = y.dim(flip_b ? y.rank() - 2 : y.rank() - 1);
    const int bias =
        find([&](const Value& v) { return v.dtype() == DType::float32 && v.rank() == 1 && v.dim(0) == columns; });
    const bool left = random_.one_in(2), activate = random_.one_in(2);
    emit([=](State& s) {
      const auto exchanged = [](const Value& v) {
        Axes perm(at(v.rank()));
        for (int i = 0; i < v.rank(); ++i) perm[at(i)] = i;
        std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
        return transpose(v, perm);
      };
      const Value p = explicitly && flip_a ? exchanged(s[a]) : s[a], q = explicitly && flip_b ? exchanged(s[b]) : s[b];
      Value z = matmul(p, q, flip_a && !explicitly, flip_b && !explicitly);
      if (bias >= 0) z = left ? add(s[bias], z) : add(z, s[bias]);
      s.values.push_back(clip(activate ? relu(z) : z));
    });
  }
  void convolve() {
    const int x = find([](const Value& v) { return v.dtype() == DType::float32 && v.rank() == 4 && v.dim(3) == 2; });
    const int bias = find([](const Value& v) { return v.dtype() == DType::float32 && v.dims() == Dims{2}; });
    if (x < 0) return;
    const bool activate = random_.one_in(2);
    emit([=](State& s) {
      const Value w(Tensor::of<float>({1, 2, 2, 2}, {1, -1, 2, 0, 1, 1, -2, 1}));
      const std::vector<std::int64_t> ones{1, 1};
      Value y = apply_one(operation_named("conv"), {s[x], w},
                          {{"strides", ones}, {"padding", std::string("same")}, {"dilation", ones}});
      if (bias >= 0) y = add(y, s[bias]);
      s.values.push_back(clip(activate ? relu(y) : y));
    });
  }
  void pool() {
    const int x = find([](const Value& v) { return v.dtype() == DType::float32 && v.rank() == 4; });
    if (x < 0) return;
    emit([=](State& s) {
      const std::vector<std::int64_t> two{2, 2};
      s.values.push_back(apply(operation_named("max_pool"), std::vector{s[x]},
                               {{"pool_size", two}, {"strides", two}, {"padding", std::string("same")}})[0]);
    });
  }
  void flatten() {
    const int a = find_float(2);
    if (a < 0) return;
    const int axis = pick(state_[a].rank() - 1);
    Dims dims = state_[a].dims();
    dims[at(axis)] = dims[at(axis)] * dims[at(axis) + 1];
    dims.erase(dims.begin() + axis + 1);
    emit([=](State& s) { s.values.push_back(reshape(s[a], s.known(dims))); });
  }
  void expand() {
    const int a = find_float();
    if (a < 0 || state_[a].rank() > 4) return;
    const int axis = pick(state_[a].rank() + 1);
    emit([=](State& s) { s.values.push_back(expand_dims(s[a], axis)); });
  }
  void permute() {
    const int a = find_float(2);
    if (a < 0) return;
    Axes perm;
    for (int i = 0; i < state_[a].rank(); ++i) perm.insert(perm.begin() + pick(i + 1), i);
    emit([=](State& s) { s.values.push_back(transpose(s[a], perm)); });
  }
  void cut() {
    const int a = find([](const Value& v) {
      return v.dtype() == DType::float32 && v.rank() > 0 && v.dim(v.rank() - 1).known() &&
             v.dim(v.rank() - 1).value() > 1;
    });
    if (a < 0) return;
    const bool backwards = random_.one_in(2);
    emit([=](State& s) {
      const Value& x = s[a];
      const int last = x.rank() - 1;
      if (backwards) return s.values.push_back(flip(x, {last}));
      Dims start(at(x.rank()), Dim(0)), stop = x.dims();
      start[at(last)] = 1;
      s.values.push_back(slice(x, start, stop, Axes(at(x.rank()), 1)));
    });
  }
  void join() {
    const int a = find_float(1);
    if (a < 0) return;
    const int b = find([&](const Value& v) { return v.dtype() == DType::float32 && v.dims() == state_[a].dims(); });
    const int axis = pick(state_[a].rank());
    if (b >= 0) emit([=](State& s) { s.values.push_back(concatenate({s[a], s[b], s[a]}, axis)); });
  }
  void take() {
    const int a = find([](const Value& v) {
      return v.dtype() == DType::float32 && v.rank() > 0 && v.dim(0).known() && v.dim(0).value() > 0;
    });
    if (a < 0) return;
    const auto size = static_cast<std::int32_t>(state_[a].dim(0).value());
    const auto first = static_cast<std::int32_t>(pick(size));
    emit([=](State& s) {
      s.values.push_back(gather(s[a], Value(Tensor::of<std::int32_t>({3}, {first, size - 1, 0})), 0));
    });
  }
  void order() {
    const int a = find_float(1);
    if (a < 0) return;
    const Dim last = state_[a].dims().back();
    const int axis = pick(state_[a].rank()), what = pick(last.known() && !(last == 0) ? 3 : 2);
    emit([=](State& s) {
      if (what == 0)
        return s.values.push_back(apply_one(operation_named("sort"), {s[a]}, {{"axis", std::int64_t{axis}}}));
      if (what == 1) return s.values.push_back(clip(cumsum(s[a], axis)));
      const Values top = apply(operation_named("top_k"), std::vector{s[a]}, {{"k", std::int64_t{1}}});
      s.values.push_back(top[0]);
      s.values.push_back(clip(cast(top[1], DType::float32)));
    });
  }
  void spread() {
    const int a = find_float();
    if (a < 0 || state_[a].rank() > 3) return;
    Dims dims = state_[a].dims();
    dims.insert(dims.begin(), random_.one_in(2) ? kRows : Dim(2));
    emit([=](State& s) {
      const Value wide = broadcast_to(s[a], s.known(dims));
      s.values.push_back(wide);
      s.values.push_back(clip(sum_to(wide * 2.0, s[a].dims())));
    });
  }
  void count() {
    emit([](State& s) { s.values.push_back(clip(dimension(s.known({kRows})[0], DType::float32))); });
  }
  void draw() {
    const std::int64_t key = pick(3);
    emit([=](State& s) {
      const Value u = apply_one(operation_named("random_integers"), {Value(Tensor::of<std::int64_t>({2}, {key, 1}))},
                                {{"shape", s.known({kRows, 3})}, {"low", -3}, {"high", 3}, {"dtype", DType::int32}});
      s.values.push_back(cast(u, DType::float32));
    });
  }
  void read() {
    const int v = pick(static_cast<int>(state_.variables.size()));
    emit([=](State& s) { s.values.push_back(Variable::read(s.variables[at(v)])); });
  }
  void assign() {
    const int a = find([&](const Value& v) { return v.dtype() == DType::float32 && find_variable(v.dims()) >= 0; });
    if (a < 0) return;
    const int v = find_variable(state_[a].dims());
    const bool step = random_.one_in(2);
    emit([=](State& s) {
      const VariablePtr& variable = s.variables[at(v)];
      Variable::assign(variable, step ? clip(Variable::read(variable) + s[a]) : s[a]);
    });
  }
  void exchange() {
    const int a = pick(static_cast<int>(state_.variables.size()));
    const int b = find_variable(to_dims(state_.variables[at(a)]->shape()));
    emit([=](State& s) {
      const Value x = Variable::read(s.variables[at(a)]), y = Variable::read(s.variables[at(b)]);
      Variable::assign(s.variables[at(a)], y);
      Variable::assign(s.variables[at(b)], x);
    });
  }
  void loop() {
    const int xs = find([](const Value& v) { return v.dtype() == DType::float32 && v.rank() > 0; });
    if (xs < 0) return;
    const int init = find([&](const Value& v) { return v.dtype() == DType::float32 && v.rank() < 3; });
    if (init < 0) return;
    const int captured = find_partner(init);
    const int v = find_variable(state_[init].dims());
    const bool backwards = random_.one_in(2);
    if (captured < 0) return;
    emit([=](State& s) {
      const ScanResult r = scan(
          [&](const Values& carry, const Values& x) {
            const Value level = sum(x[0], all_axes(x[0]));
            const Value next = clip(sum_to(carry[0] * s[captured], carry[0].dims()) + level);
            if (v >= 0) Variable::assign(s.variables[at(v)], clip(Variable::read(s.variables[at(v)]) - next));
            return std::pair(Values{next}, Values{relu(next), x[0]});
          },
          {s[init]}, {s[xs]}, s[xs].dim(0), backwards);
      s.values.insert(s.values.end(), {r.carry[0], r.ys[0], r.ys[1]});
    });
  }
  void repeat() {
    const int a = find_float();
    if (a < 0) return;
    emit([=](State& s) {
      const Value limit(Tensor::scalar<float>(3));
      const Values out = while_loop([&](const Values& v) { return less(v[0], limit); },
                                    [&](const Values& v) { return Values{v[0] + 1.0, clip(v[1] - s[a] * v[0])}; },
                                    {Value(Tensor::scalar<float>(0)), s[a]});
      s.values.push_back(out[1]);
    });
  }
  void branch() {
    const int test = find_float(), a = find_float();
    if (test < 0 || a < 0) return;
    const int b = find([&](const Value& v) { return v.dtype() == DType::float32 && v.dims() == state_[a].dims(); });
    const int v = find_variable(state_[a].dims());
    if (b < 0) return;
    emit([=](State& s) {
      const Value predicate = greater(sum(s[test], all_axes(s[test])), Value(Tensor::scalar<float>(0)));
      const Values out = cond(
          predicate,
          [&] {
            if (v >= 0) Variable::assign(s.variables[at(v)], clip(s[b] + Variable::read(s.variables[at(v)])));
            return Values{clip(s[a] * 2.0), s[b]};
          },
          [&] { return Values{s[b], clip(s[a] - s[b])}; });
      s.values.insert(s.values.end(), out.begin(), out.end());
    });
  }
  // Gradients of a value over a stretch of operations of its own.
  void differentiate() {
    const int a = find_float(1);
    if (a < 0) return;
    const int b = find_partner(a);
    const int v = pick(static_cast<int>(state_.variables.size()));
    if (b < 0) return;
    const Shape& shape = state_.variables[at(v)]->shape();
    const Dims y = broadcast(state_[a].dims(), state_[b].dims(), "a test");
    const bool project = shape.rank() == 2 && y.size() >= 2 && y.back() == shape[0];
    emit([=](State& s) {
      Tape tape;
      tape.start();
      tape.watch(s[a]);
      const Value w = Variable::read(s.variables[at(v)]);
      Value y = clip(s[a] * s[b]) * s[a];
      if (project) y = relu(matmul(y, w));
      const Value loss = sum(y, all_axes(y)) + sum(w * w, all_axes(w));
      tape.stop();
      for (const Value& g : tape.gradient({loss}, {s[a], w}))
        if (g) s.values.push_back(clip(g));
    });
  }

  static constexpr void (Generator::*kKinds[])() = {
      &Generator::unary,   &Generator::binary,  &Generator::binary,   &Generator::number,  &Generator::compare,
      &Generator::logic,   &Generator::choose,  &Generator::widen,    &Generator::reduce,  &Generator::product,
      &Generator::product, &Generator::pool,    &Generator::convolve, &Generator::flatten, &Generator::expand,
      &Generator::permute, &Generator::cut,     &Generator::join,     &Generator::take,    &Generator::order,
      &Generator::spread,  &Generator::count,   &Generator::draw,     &Generator::read,    &Generator::read,
      &Generator::assign,  &Generator::assign,  &Generator::assign,   &Generator::loop,    &Generator::repeat,
      &Generator::branch,  &Generator::exchange};

  test::Numbers random_;
  State& state_;
  std::vector<Instruction> script_;
};

}  // namespace test::scripts
