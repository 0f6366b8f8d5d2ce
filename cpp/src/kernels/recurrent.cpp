#include "kernels/recurrent.h"

#include "base/build.h"
#include "base/parallel.h"
#include "base/parallel_steps.h"
#include "base/scratch.h"
#include "kernels/recurrent_gradient.h"
#include "kernels/recurrent_weights.h"

// Some rows of the batch go through all steps on one thread, their states in the first-level cache. The inputs come
// multiplied with their weights, or a step does that for some units when it needs them, or, where rows are too few for
// that, all steps do it together before the first.
// Rows too few to be shared out go through time on two threads, each of which computes half of the units of a step: a
// step is then the reading of R, which either core does from its own second-level cache.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr int kStates = 0, kProduct = 1;  // scratch slots

// Rows [first, first + rows) of the batch.
template <class T, Cell cell>
class Forward {
 public:
  // `all_inputs` is what multiply_all_inputs gave, or null.
  Forward(const Recurrent<T>& job, const Weights<T>& weights, const T* all_inputs, std::int64_t first,
          std::int64_t rows)
      : job_(job),
        weights_(weights),
        all_inputs_(all_inputs),
        s_(job.shape),
        first_(first),
        rows_(rows),
        stride_(row_stride<T>(job.shape.units)),
        spread_(rows == 1) {
    const std::int64_t size = rows * stride_;
    T* memory = thread_scratch_of<T>(kStates, kBuffers * size);
    for (T** buffer : {&states_[0], &states_[1], &c_, &reset_h_, &z_, &previous_}) {
      *buffer = memory;
      memory += size;
    }
    take_product();
  }

  void run() {
    begin();
    for (std::int64_t step = 0; step < s_.steps; ++step) {
      enter(step);
      pass<0>(h_, weights_.gates);
      if constexpr (cell == Cell::gru_before) pass<1>(reset_h_, weights_.candidate);
      if (job_.mask != nullptr) finish_masked();
    }
    end();
  }

  // The same, half of the units at a time. What both halves read and write are the states; a half of a step has its own
  // sums and place in time.
  void run_halves() {
    begin();
    spread_ = true;
    take_product();
    Half halves[2] = {{*this, 0}, {*this, 1}};  // each is one thread's at a time
    parallel_steps<2>(
        s_.steps, [&](std::int64_t step, int number) { halves[number].begin(step); },
        [&](std::int64_t, int number) { halves[number].finish(); });
    end();
  }

  // Whether half a step is long enough to be worth a hand-over (some 0.5 µs), and all steps together to be worth a
  // thread. A candidate or a mask that needs all units of a step would take a second one.
  static bool halves_win(const Recurrent<T>& job, const Weights<T>& weights) {
    constexpr std::int64_t kLeastFlops = 40'000, kLeastOfAll = 1 << 21;
    const RecurrentShape& s = job.shape;
    const std::int64_t flops = s.batch * s.units * s.units * gate_count(cell);  // of half a step
    return cell != Cell::gru_before && job.mask == nullptr && s.batch <= rows_together<T>(s) &&
           weights.gates.strips.count() >= 2 && flops >= kLeastFlops && flops * s.steps >= kLeastOfAll / 2;
  }

 private:
  static constexpr int kBuffers = 6;
  static constexpr int W = kLanes<T>;

  std::int64_t place(std::int64_t r) const { return (first_ + r) * s_.steps + time_; }
  bool seen(std::int64_t r) const { return job_.mask == nullptr || job_.mask[place(r)]; }

  void begin() {
    for (std::int64_t r = 0; r < rows_; ++r) {
      std::copy_n(job_.h0 + (first_ + r) * s_.units, s_.units, states_[0] + r * stride_);
      if (cell == Cell::lstm) std::copy_n(job_.c0 + (first_ + r) * s_.units, s_.units, c_ + r * stride_);
      std::fill_n(previous_ + r * stride_, s_.units, T{0});
    }
  }

  void enter(std::int64_t step) {
    step_ = step;
    time_ = s_.backwards ? s_.steps - 1 - step : step;
    h_ = states_[step % 2];
    next_h_ = states_[(step + 1) % 2];
    const std::int64_t to_next = step + 1 == s_.steps ? 0 : s_.backwards ? -1 : 1;
    if (s_.features == 0) {
      to_next_input_ = to_next * gate_count(cell) * s_.units;
    } else if (all_inputs_ == nullptr) {
      fetch_inputs(to_next * s_.features);
    }
  }

  // Rows lie a whole sequence apart: the next step's inputs are asked for ahead.
  void fetch_inputs(std::int64_t to_next) const {
    constexpr std::int64_t kLine = 64 / static_cast<std::int64_t>(sizeof(T));
    for (std::int64_t r = 0; r < rows_; ++r) {
      const T* row = job_.x + place(r) * s_.features + to_next;
      for (std::int64_t j = 0; j < s_.features; j += kLine) prefetch_later(row + j);
    }
  }

  // The sums of the states' product, and of the inputs': of a strip, or of all of them.
  void take_product() {
    std::int64_t size = 0;
    for (const GateWeights<T>* part : {&weights_.gates, &weights_.candidate}) {
      const Strips& s = part->strips;
      size = std::max(size, rows_ * s.strip() * W * (spread_ ? s.count() : 1));
    }
    product_ = thread_scratch_of<T>(kProduct, 2 * size);
    inputs_ = product_ + size;
  }
  std::int64_t place_of(const Strips& s, std::int64_t strip) const {
    return spread_ ? strip * rows_ * s.strip() * W : 0;
  }

  void end() {
    const T* const h = states_[s_.steps % 2];
    for (std::int64_t r = 0; r < rows_; ++r) {
      const std::int64_t at = (first_ + r) * s_.units;
      const T* last = job_.mask != nullptr || s_.steps == 0 ? previous_ : h;
      std::copy_n(last + r * stride_, s_.units, job_.last + at);
      if (job_.h != nullptr) std::copy_n(h + r * stride_, s_.units, job_.h + at);
      if (cell == Cell::lstm && job_.c != nullptr) std::copy_n(c_ + r * stride_, s_.units, job_.c + at);
    }
  }

  // A product and the gates that need it: all of a step, or of gru_before z and r (pass 0), then the candidate (1).
  template <int number>
  void pass(const T* a, const GateWeights<T>& weights) {
    const std::int64_t count = weights.strips.count(), together = rows_ == 1 ? weights.strips.together : 1;
    for (std::int64_t first = 0; first < count; first += together) {
      const Interval strips{first, std::min(count, first + together)};
      multiply_inputs(weights, strips);
      multiply({0, s_.units}, a, weights, strips, false);
      finish_strips<number>(weights, strips);
    }
  }

  // What some of the numbers of `a` give for some strips, which for a single row lie side by side.
  void multiply(Interval inner, const T* a, const GateWeights<T>& weights, Interval strips, bool accumulate) const {
    const Strips& s = weights.strips;
    const Panels<T>& panels = weights.recurrent;
    if (rows_ == 1) {
      const std::int64_t first = strips.first * s.strip(), step = panels.step(first);
      return kRowFunctions<T>[static_cast<std::size_t>(step / W - 1)](
          a + inner.first, panels.column(first) + inner.first * step, inner.last - inner.first,
          product_ + place_of(s, strips.first), accumulate);
    }
    for (std::int64_t i = strips.first; i < strips.last; ++i)
      panels.multiply(inner, {a, stride_, rows_}, s.panels_of(i),
                      {product_ + place_of(s, i), s.strip() * W, accumulate});
  }

  // The same of this step's inputs, if it is not there yet.
  void multiply_inputs(const GateWeights<T>& weights, Interval strips) const {
    if (s_.features == 0 || all_inputs_ != nullptr) return;
    const Strips& s = weights.strips;
    for (std::int64_t i = strips.first; i < strips.last; ++i)
      weights.inputs.multiply({job_.x + place(0) * s_.features, s_.steps * s_.features, rows_}, s.panels_of(i),
                              {inputs_ + place_of(s, i), s.strip() * W, false, weights.bias.packed});
  }

  // Where the inputs' products of a row lie for some units: the first gate's, from which the others are `gate_step`
  // apart, and the next units' `unit_step`.
  struct InputPlace {
    const T* at;
    std::int64_t gate_step, unit_step;
  };
  InputPlace input_place(const GateWeights<T>& weights, std::int64_t strip, std::int64_t r) const {
    const Strips& s = weights.strips;
    if (s_.features == 0) {
      const std::int64_t unit = strip * s.units(W);
      return {job_.x + (place(r) * gate_count(cell) + weights.first) * s_.units + unit, s_.units, W};
    }
    if (all_inputs_ == nullptr) return {inputs_ + place_of(s, strip) + r * s.strip() * W, W, s.gates * W};
    const T* all = all_inputs_ + (weights.first == 0 ? 0 : s_.batch * s_.steps * weights_.gates.strips.columns() * W);
    return {all + (place(r) * s.columns() + strip * s.strip()) * W, W, s.gates * W};
  }

  template <int number>
  void finish_strips(const GateWeights<T>& weights, Interval strips) {
    for (std::int64_t i = strips.first; i < strips.last; ++i) finish_strip<number>(weights, i);
  }
  template <int number>
  void finish_strip(const GateWeights<T>& weights, std::int64_t strip) {
    const Strips& s = weights.strips;
    const std::int64_t first = strip * s.units(W), last = std::min(first + s.units(W), s_.units);
    for (std::int64_t r = 0; r < rows_; ++r) {
      if (!seen(r)) continue;
      const T* product = product_ + place_of(s, strip) + r * s.strip() * W;
      InputPlace input = input_place(weights, strip, r);
      std::int64_t unit = first;
      for (; unit + W <= last; unit += W, product += s.gates * W, input.at += input.unit_step)
        finish<true, number>(r, unit, W, product, input);
      if (unit < last) finish<false, number>(r, unit, last - unit, product, input);
    }
  }

  // From the product to the new state, for a vector of units of one row. Gate g's product is at product + g · W.
  template <bool whole, int number>
  ADDAX_INLINE void finish(std::int64_t r, std::int64_t unit, std::int64_t lanes, const T* product,
                           const InputPlace& inputs) {
    using V = Vec<T>;
    constexpr int gates = gate_count(cell);
    const std::int64_t at = place(r), wide = at * gates * s_.units + unit, local = r * stride_ + unit;
    const auto input = [&](int g) __attribute__((always_inline)) {
      prefetch_later(inputs.at + (g * inputs.gate_step + to_next_input_));
      return load_units<whole>(inputs.at + g * inputs.gate_step, lanes);
    };
    const auto bias = [&](int g) __attribute__((always_inline)) {
      return load_units<whole>(job_.bias + g * s_.units + unit, lanes);
    };
    const auto keep_gate = [&](int g, V v) __attribute__((always_inline)) {
      if (job_.gates != nullptr) store_units<whole>(job_.gates + wide + g * s_.units, v, lanes);
    };
    const auto keep = [&](V v) __attribute__((always_inline)) {
      if (job_.kept != nullptr) store_units<whole>(job_.kept + at * s_.units + unit, v, lanes);
    };
    const V h = load(h_ + local);
    V next;
    if constexpr (cell == Cell::lstm) {
      V sums[] = {input(0) + load(product), input(1) + load(product + W), input(2) + load(product + 2 * W),
                  input(3) + load(product + 3 * W)};
      apply_gates<Gate::sigmoid, Gate::sigmoid, Gate::tanh, Gate::sigmoid>(sums);
      const V i = sums[0], f = sums[1], g = sums[2], o = sums[3];
      const V c = load(c_ + local), next_c = f * c + i * g;
      store(c_ + local, next_c);
      next = o * gate_tanh(next_c);
      keep_gate(0, i);
      keep_gate(1, f);
      keep_gate(2, g);
      keep_gate(3, o);
      keep(c);
    } else if constexpr (cell == Cell::gru_after) {
      V sums[] = {input(0) + (load(product) + bias(0)), input(1) + (load(product + W) + bias(1))};
      apply_gates<Gate::sigmoid, Gate::sigmoid>(sums);
      const V z = sums[0], r_gate = sums[1];
      const V recurrent = load(product + 2 * W) + bias(2);
      const V candidate = gate_tanh(input(2) + r_gate * recurrent);
      next = z * h + (T{1} - z) * candidate;
      keep_gate(0, z);
      keep_gate(1, r_gate);
      keep_gate(2, candidate);
      keep(recurrent);
    } else if constexpr (cell == Cell::gru_before && number == 0) {
      V sums[] = {input(0) + load(product), input(1) + load(product + W)};
      apply_gates<Gate::sigmoid, Gate::sigmoid>(sums);
      const V z = sums[0], r_gate = sums[1];
      store(z_ + local, z);
      store(reset_h_ + local, r_gate * h);
      keep_gate(0, z);
      keep_gate(1, r_gate);
      keep(r_gate * h);
      return;
    } else if constexpr (cell == Cell::gru_before) {
      const V z = load(z_ + local), candidate = gate_tanh(input(0) + load(product));
      next = z * h + (T{1} - z) * candidate;
      keep_gate(2, candidate);
    } else {
      next = input(0) + load(product);
      next = cell == Cell::simple_relu ? relu_of(next) : gate_tanh(next);
      keep_gate(0, next);
    }
    store(next_h_ + local, next);
    if (job_.entering_h != nullptr) store_units<whole>(job_.entering_h + at * s_.units + unit, h, lanes);
    if (job_.outputs != nullptr) store_units<whole>(job_.outputs + output_place(r) + unit, next, lanes);
  }

  std::int64_t output_place(std::int64_t r) const { return ((first_ + r) * s_.steps + step_) * s_.units; }

  // Rows whose mask is false at this step, and what the next step may have to repeat.
  void finish_masked() {
    for (std::int64_t r = 0; r < rows_; ++r) {
      const std::int64_t at = place(r) * s_.units, local = r * stride_;
      if (seen(r)) {
        std::copy_n(next_h_ + local, s_.units, previous_ + local);
        continue;
      }
      std::copy_n(h_ + local, s_.units, next_h_ + local);
      if (s_.zero_masked) std::fill_n(previous_ + local, s_.units, T{0});
      if (job_.outputs != nullptr) std::copy_n(previous_ + local, s_.units, job_.outputs + output_place(r));
      if (job_.gates != nullptr) std::fill_n(job_.gates + at * gate_count(cell), s_.units * gate_count(cell), T{0});
      if (job_.entering_h != nullptr) std::copy_n(h_ + local, s_.units, job_.entering_h + at);
      if (job_.kept == nullptr) continue;
      if (cell == Cell::lstm) {
        std::copy_n(c_ + local, s_.units, job_.kept + at);
      } else {
        std::fill_n(job_.kept + at, s_.units, T{0});
      }
    }
  }

  // Half of the units of a step. The product with its own half of the state needs nobody; the other half comes from
  // another core. A sum is that of its parts, in the order of the steps below.
  struct Half {
    Forward pass;
    Interval strips, own, other;
    std::int64_t late;  // numbers of its own half of the state

    Half(const Forward& whole, int number) : pass(whole) {
      const Strips& s = pass.weights_.gates.strips;
      const std::int64_t middle = s.middle(), unit = middle * s.units(W);
      const Interval units[2] = {{0, unit}, {unit, pass.s_.units}};
      own = units[number];
      other = units[1 - number];
      strips = number == 0 ? Interval{0, middle} : Interval{middle, s.count()};
      constexpr std::int64_t kCached = (std::int64_t{24} << 10) / static_cast<std::int64_t>(sizeof(T));
      late = std::min((own.last - own.first) / 2, kCached / ((strips.last - strips.first) * s.strip() * W));
    }

    // The numbers at one end of its own half of the state wait until the end of the step, those at the other end in the
    // next one: their rows of R, which were read last, are then still in the first-level cache.
    Interval end_of_own(bool front) const {
      return front ? Interval{own.first, own.first + late} : Interval{own.last - late, own.last};
    }

    void begin(std::int64_t step) {
      pass.enter(step);
      const Interval cached = end_of_own(step % 2 == 0), rest{own.first + late, own.last - late};
      for_pieces([&](Interval piece) {
        multiply(cached, piece, false);
        if (rest.first < rest.last) multiply(rest, piece, true);
      });
    }
    void finish() {
      fetch_state();
      for_pieces([&](Interval piece) {
        multiply(other, piece, true);
        if (late > 0) multiply(end_of_own(pass.step_ % 2 != 0), piece, true);
        pass.template finish_strips<0>(pass.weights_.gates, piece);
      });
    }

   private:
    template <class F>
    void for_pieces(const F& f) const {
      const std::int64_t together = pass.weights_.gates.strips.together;
      for (std::int64_t i = strips.first; i < strips.last; i += together) f({i, std::min(i + together, strips.last)});
    }
    void multiply(Interval inner, Interval piece, bool accumulate) const {
      pass.multiply(inner, pass.h_, pass.weights_.gates, piece, accumulate);
    }
    // It lies in another core's cache: all of its lines are asked for at once.
    void fetch_state() const {
      constexpr std::int64_t kLine = 64 / static_cast<std::int64_t>(sizeof(T));
      for (std::int64_t r = 0; r < pass.rows_; ++r)
        for (std::int64_t j = other.first; j < other.last; j += kLine)
          __builtin_prefetch(pass.h_ + r * pass.stride_ + j);
    }
  };

  const Recurrent<T>& job_;
  const Weights<T>& weights_;
  const T* all_inputs_;
  const RecurrentShape& s_;
  std::int64_t first_, rows_, stride_;
  bool spread_;  // each strip's sums have their place
  std::int64_t step_ = 0, time_ = 0;
  std::int64_t to_next_input_ = 0;  // from a row's product of inputs to that of the next step
  T* states_[2];                    // h before even steps, and before odd ones
  T* c_;
  T *reset_h_, *z_;                     // gru_before: r·h and z of the step
  T* previous_;                         // the output of the step before, where a mask may repeat it
  T *h_ = nullptr, *next_h_ = nullptr;  // of the step
  T* inputs_ = nullptr;                 // products of a strip's inputs
  T* product_ = nullptr;                // sums of a strip, or of all of them
};

// Whether the inputs are better multiplied for all steps at once: rows are so few that their weights would be read once
// a step, or the products stay in the second-level cache.
bool inputs_first(const RecurrentShape& s) {
  constexpr std::int64_t kCached = std::int64_t{256} << 10;
  const std::int64_t bytes = s.batch * s.steps * s.units * gate_count(s.cell) * std::int64_t{sizeof(float)};
  return s.features > 0 && (s.batch <= 4 || bytes <= kCached);
}

// Numbers of the products of all inputs, of which `weights.gates` come first.
template <class T>
std::int64_t all_inputs_size(const RecurrentShape& s, const Weights<T>& weights) {
  return s.batch * s.steps * (weights.gates.strips.columns() + weights.candidate.strips.columns()) * kLanes<T>;
}

template <class T>
void multiply_all_inputs(const Recurrent<T>& job, const Weights<T>& weights, T* to) {
  const RecurrentShape& s = job.shape;
  const std::int64_t rows = s.batch * s.steps;
  for (const GateWeights<T>* part : {&weights.gates, &weights.candidate}) {
    const Panels<T>& panels = part->inputs;
    const std::int64_t width = panels.vectors * kLanes<T>, flops = 2 * rows * s.features * width;
    const std::int64_t grain = std::max<std::int64_t>(1, (std::int64_t{1} << 20) / std::max<std::int64_t>(1, flops));
    parallel_for(panels.count(), grain, [&](std::int64_t first, std::int64_t last) {
      panels.multiply({job.x, s.features, rows}, {first, last},
                      {to + first * width, panels.columns * kLanes<T>, false, part->bias.packed});
    });
    to += rows * panels.columns * kLanes<T>;
  }
}

template <class T>
void run(const Recurrent<T>& job) {
  const bool packed = job.shape.features > 0;
  T* const workspace = static_cast<T*>(job.workspace);
  const Weights<T> weights(job.shape, packed ? const_cast<T*>(job.weights) : workspace);
  if (!packed) weights.pack({job.shape.cell, job.shape.units, 0, nullptr, job.weights, nullptr, nullptr});
  const T* all_inputs = nullptr;
  if (inputs_first(job.shape)) {
    multiply_all_inputs(job, weights, workspace);
    all_inputs = workspace;
  }
  visit_cell(job.shape.cell, [&](auto cell) {
    using Pass = Forward<T, cell()>;
    if (Pass::halves_win(job, weights)) return Pass(job, weights, all_inputs, 0, job.shape.batch).run_halves();
    for_groups_of_rows<T>(
        job.shape, [&](std::int64_t first, std::int64_t rows) { Pass(job, weights, all_inputs, first, rows).run(); });
  });
}

template <class T>
std::int64_t workspace(const RecurrentShape& shape) {
  const Weights<T> weights(shape, nullptr);
  const std::int64_t numbers = shape.features == 0   ? weights.size()
                               : inputs_first(shape) ? all_inputs_size(shape, weights)
                                                     : 0;
  return numbers * static_cast<std::int64_t>(sizeof(T));
}

RecurrentShape packed_shape(Cell cell, std::int64_t units, std::int64_t features) {
  RecurrentShape s{};
  s.cell = cell;
  s.units = units;
  s.features = features;
  return s;
}

template <class T>
void pack(const RecurrentPacking<T>& job) {
  Weights<T>(packed_shape(job.cell, job.units, job.features), job.packed).pack(job);
}

template <class T>
std::int64_t packed_size(Cell cell, std::int64_t units, std::int64_t features) {
  return Weights<T>(packed_shape(cell, units, features), nullptr).size();
}

template <class T>
RecurrentFunctions<T> functions() {
  return {&run<T>,       for_training(&recurrent_gradient<T>),
          &workspace<T>, for_training(&recurrent_gradient_workspace<T>),
          &pack<T>,      &packed_size<T>};
}

}  // namespace

void fill(RecurrentKernels& table) {
  table.f32 = functions<float>();
  if constexpr (kFloat64) fill_float64(table);
}

}  // namespace addax::kernels::ADDAX_ISA_NS

// double serves gradient checks: compiled once, which keeps the library small.
#if defined(ADDAX_FLOAT64_HERE)
namespace addax::kernels {
void fill_float64(RecurrentKernels& table) { table.f64 = ADDAX_ISA_NS::functions<double>(); }
}  // namespace addax::kernels
#endif
