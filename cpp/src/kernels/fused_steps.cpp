#include "kernels/fused_steps.h"

#include "kernels/brain_vectors.h"
#include "kernels/elementwise_functions.h"

namespace addax::kernels::ADDAX_ISA_NS {
namespace {

using std::int64_t;
using Pc = const FusedInstruction*;
using Streams = const FusedStream*;

constexpr int kVectors = 4;
constexpr int kBlock = kVectors * kLanesF;
static_assert(kBlock <= kFusedBlock);

// Elements i … of the streams; n lanes count in a tail. The accumulator is a … d, in a tail a alone.
using Function = void (*)(Pc pc, Streams s, int64_t i, int64_t n, VecF a, VecF b, VecF c, VecF d);

ADDAX_INLINE const char* stream_at(Streams s, std::uint32_t offset, int64_t i) {
  const auto& stream = *reinterpret_cast<const FusedStream*>(reinterpret_cast<const char*>(s) + offset);
  return stream.data + i * stream.step;
}

typedef std::int8_t Bytes __attribute__((vector_size(kLanesF)));

ADDAX_INLINE VecF truth_of_bytes(const char* p, int64_t n) {
  Bytes bytes{};
  std::memcpy(&bytes, p, static_cast<std::size_t>(n));
  return truth(__builtin_convertvector(bytes, VecI) != 0);
}
ADDAX_INLINE void store_truth_bytes(char* p, VecF v, int64_t n) {
  const Bytes bytes = __builtin_convertvector((v != 0.0f) & 1, Bytes);
  std::memcpy(p, &bytes, static_cast<std::size_t>(n));
}

ADDAX_INLINE VecF widen_brain(const char* p, int64_t n) {
  BrainBits halves{};
  std::memcpy(&halves, p, 2 * static_cast<std::size_t>(n));
  return to_float_lanes(halves);
}
ADDAX_INLINE void store_brain_halves(char* p, VecF v, int64_t n) {
  const BrainBits halves = to_brain_bits(v);
  std::memcpy(p, &halves, 2 * static_cast<std::size_t>(n));
}

struct Block {
  VecF a, b, c, d;
};

// How a block of elements is read and written: four whole vectors, or the first n lanes of one.
struct Whole {
  static ADDAX_INLINE Block read(const char* p, int64_t) {
    const auto* x = reinterpret_cast<const float*>(p);
    return {load(x), load(x + kLanesF), load(x + 2 * kLanesF), load(x + 3 * kLanesF)};
  }
  static ADDAX_INLINE Block read_bools(const char* p, int64_t) {
    return {truth_of_bytes(p, kLanesF), truth_of_bytes(p + kLanesF, kLanesF), truth_of_bytes(p + 2 * kLanesF, kLanesF),
            truth_of_bytes(p + 3 * kLanesF, kLanesF)};
  }
  static ADDAX_INLINE Block read_brains(const char* p, int64_t) {
    return {widen_brain(p, kLanesF), widen_brain(p + 2 * kLanesF, kLanesF), widen_brain(p + 4 * kLanesF, kLanesF),
            widen_brain(p + 6 * kLanesF, kLanesF)};
  }
  static ADDAX_INLINE void write_brains(char* p, const Block& v, int64_t) {
    store_brain_halves(p, v.a, kLanesF);
    store_brain_halves(p + 2 * kLanesF, v.b, kLanesF);
    store_brain_halves(p + 4 * kLanesF, v.c, kLanesF);
    store_brain_halves(p + 6 * kLanesF, v.d, kLanesF);
  }
  static ADDAX_INLINE void write(char* p, const Block& v, int64_t) {
    auto* y = reinterpret_cast<float*>(p);
    store(y, v.a);
    store(y + kLanesF, v.b);
    store(y + 2 * kLanesF, v.c);
    store(y + 3 * kLanesF, v.d);
  }
  static ADDAX_INLINE void write_bools(char* p, const Block& v, int64_t) {
    store_truth_bytes(p, v.a, kLanesF);
    store_truth_bytes(p + kLanesF, v.b, kLanesF);
    store_truth_bytes(p + 2 * kLanesF, v.c, kLanesF);
    store_truth_bytes(p + 3 * kLanesF, v.d, kLanesF);
  }
  template <class F, class... V>
  static ADDAX_INLINE Block map(F f, const V&... v) {
    return {f(v.a...), f(v.b...), f(v.c...), f(v.d...)};
  }
};
struct Part {
  static ADDAX_INLINE Block read(const char* p, int64_t n) {
    return {load_partial(reinterpret_cast<const float*>(p), n), VecF{}, VecF{}, VecF{}};
  }
  static ADDAX_INLINE Block read_bools(const char* p, int64_t n) {
    return {truth_of_bytes(p, n), VecF{}, VecF{}, VecF{}};
  }
  static ADDAX_INLINE Block read_brains(const char* p, int64_t n) {
    return {widen_brain(p, n), VecF{}, VecF{}, VecF{}};
  }
  static ADDAX_INLINE void write_brains(char* p, const Block& v, int64_t n) { store_brain_halves(p, v.a, n); }
  static ADDAX_INLINE void write(char* p, const Block& v, int64_t n) {
    store_partial(reinterpret_cast<float*>(p), v.a, n);
  }
  static ADDAX_INLINE void write_bools(char* p, const Block& v, int64_t n) { store_truth_bytes(p, v.a, n); }
  template <class F, class... V>
  static ADDAX_INLINE Block map(F f, const V&... v) {
    return {f(v.a...), VecF{}, VecF{}, VecF{}};
  }
};

ADDAX_INLINE void next(Pc pc, Streams s, int64_t i, int64_t n, const Block& v) {
  return reinterpret_cast<Function>(pc[1].function)(pc + 1, s, i, n, v.a, v.b, v.c, v.d);
}

struct Where {
  ADDAX_INLINE VecF operator()(VecF condition, VecF u, VecF v) const { return select(condition != 0.0f, u, v); }
};

template <class Size>
struct Instructions {
  static ADDAX_INLINE Block x_of(Pc pc, Streams s, int64_t i, int64_t n) {
    return Size::read(stream_at(s, pc->x, i), n);
  }
  static ADDAX_INLINE Block y_of(Pc pc, Streams s, int64_t i, int64_t n) {
    return Size::read(stream_at(s, pc->y, i), n);
  }

  static void load(Pc pc, Streams s, int64_t i, int64_t n, VecF, VecF, VecF, VecF) {
    return next(pc, s, i, n, x_of(pc, s, i, n));
  }
  static void load_bool(Pc pc, Streams s, int64_t i, int64_t n, VecF, VecF, VecF, VecF) {
    return next(pc, s, i, n, Size::read_bools(stream_at(s, pc->x, i), n));
  }
  static void load_brain(Pc pc, Streams s, int64_t i, int64_t n, VecF, VecF, VecF, VecF) {
    return next(pc, s, i, n, Size::read_brains(stream_at(s, pc->x, i), n));
  }
  static void store_brain(Pc pc, Streams s, int64_t i, int64_t n, VecF a, VecF b, VecF c, VecF d) {
    Size::write_brains(const_cast<char*>(stream_at(s, pc->x, i)), {a, b, c, d}, n);
    return next(pc, s, i, n, {a, b, c, d});
  }
  static void store(Pc pc, Streams s, int64_t i, int64_t n, VecF a, VecF b, VecF c, VecF d) {
    Size::write(const_cast<char*>(stream_at(s, pc->x, i)), {a, b, c, d}, n);
    return next(pc, s, i, n, {a, b, c, d});
  }
  static void store_bool(Pc pc, Streams s, int64_t i, int64_t n, VecF a, VecF b, VecF c, VecF d) {
    Size::write_bools(const_cast<char*>(stream_at(s, pc->x, i)), {a, b, c, d}, n);
    return next(pc, s, i, n, {a, b, c, d});
  }
  static void end(Pc, Streams, int64_t, int64_t, VecF, VecF, VecF, VecF) {}

  template <class F>
  static void unary(Pc pc, Streams s, int64_t i, int64_t n, VecF a, VecF b, VecF c, VecF d) {
    return next(pc, s, i, n, Size::map(F{}, Block{a, b, c, d}));
  }
  template <class F>
  static void accumulator_first(Pc pc, Streams s, int64_t i, int64_t n, VecF a, VecF b, VecF c, VecF d) {
    return next(pc, s, i, n, Size::map(F{}, Block{a, b, c, d}, x_of(pc, s, i, n)));
  }
  template <class F>
  static void accumulator_second(Pc pc, Streams s, int64_t i, int64_t n, VecF a, VecF b, VecF c, VecF d) {
    return next(pc, s, i, n, Size::map(F{}, x_of(pc, s, i, n), Block{a, b, c, d}));
  }
  template <class F>
  static void streams(Pc pc, Streams s, int64_t i, int64_t n, VecF, VecF, VecF, VecF) {
    return next(pc, s, i, n, Size::map(F{}, x_of(pc, s, i, n), y_of(pc, s, i, n)));
  }

  static void where_condition(Pc pc, Streams s, int64_t i, int64_t n, VecF a, VecF b, VecF c, VecF d) {
    return next(pc, s, i, n, Size::map(Where{}, Block{a, b, c, d}, x_of(pc, s, i, n), y_of(pc, s, i, n)));
  }
  static void where_first(Pc pc, Streams s, int64_t i, int64_t n, VecF a, VecF b, VecF c, VecF d) {
    return next(pc, s, i, n, Size::map(Where{}, x_of(pc, s, i, n), Block{a, b, c, d}, y_of(pc, s, i, n)));
  }
  static void where_second(Pc pc, Streams s, int64_t i, int64_t n, VecF a, VecF b, VecF c, VecF d) {
    return next(pc, s, i, n, Size::map(Where{}, x_of(pc, s, i, n), y_of(pc, s, i, n), Block{a, b, c, d}));
  }
};

// A predicate's mask as floats of 0 or 1.
template <class F>
struct Truth {
  template <class... V>
  ADDAX_INLINE VecF operator()(V... v) const {
    return truth(F{}(v...));
  }
};

struct Power {
  ADDAX_INLINE VecF operator()(VecF a, VecF b) const { return power(a, b); }
};

FusedFunction plain(Function f) { return reinterpret_cast<FusedFunction>(f); }

template <class Size>
void fill_functions(FusedFunctions& t) {
  using I = Instructions<Size>;
  t.load = plain(I::load);
  t.load_bool = plain(I::load_bool);
  t.load_brain = plain(I::load_brain);
  t.store_brain = plain(I::store_brain);
  t.store = plain(I::store);
  t.store_bool = plain(I::store_bool);
  t.end = plain(I::end);
  t.where_condition = plain(I::where_condition);
  t.where_first = plain(I::where_first);
  t.where_second = plain(I::where_second);
  const auto long_two = [&]<class F>(Opcode o, F) {
    t.accumulator_first[static_cast<int>(o)] = plain(I::template accumulator_first<F>);
    t.accumulator_second[static_cast<int>(o)] = plain(I::template accumulator_second<F>);
  };
  const auto two = [&]<class F>(Opcode o, F f) {
    long_two(o, f);
    t.streams[static_cast<int>(o)] = plain(I::template streams<F>);
  };
  const auto one = [&]<class F>(Opcode o, F) { t.unary[static_cast<int>(o)] = plain(I::template unary<F>); };
  visit_unary(one);
  visit_unary_predicates([&]<class F>(Opcode o, F) { one(o, Truth<F>{}); });
  visit_binary(two);
  visit_binary_predicates([&]<class F>(Opcode o, F) { two(o, Truth<F>{}); });
  visit_long_binary(long_two);
  long_two(Opcode::power, Power{});
}

void run(Pc block, Pc tail, Streams s, int64_t n) {
  const VecF none{};
  int64_t i = 0;
  for (; i + kBlock <= n; i += kBlock)
    reinterpret_cast<Function>(block->function)(block, s, i, kLanesF, none, none, none, none);
  for (; i < n; i += kLanesF) {
    const int64_t lanes = n - i < kLanesF ? n - i : kLanesF;
    reinterpret_cast<Function>(tail->function)(tail, s, i, lanes, none, none, none, none);
  }
}

}  // namespace

void fill(FusedStepKernels& table) {
  fill_functions<Whole>(table.block);
  fill_functions<Part>(table.tail);
  table.run = run;
}

}  // namespace addax::kernels::ADDAX_ISA_NS
