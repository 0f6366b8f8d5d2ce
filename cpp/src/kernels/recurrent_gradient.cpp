#include "kernels/recurrent_gradient.h"

#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/recurrent_steps.h"

// From the last step to the first, some rows of the batch at a time: the gradient of a step's gates from that of its
// state, then the state's before it, which takes one product with Rᵀ. The gradients of R and of the inputs' weights are
// left to products over all steps at once.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr int kScratch = 0;  // scratch slot

// Rᵀ: the rows of all gates whose products with h are taken at once, and of gru_before's candidate, whose is not.
template <class T>
struct Transposed {
  Panels<T> main, candidate;

  Transposed(const RecurrentShape& s, T* packed) {
    const bool before = s.cell == Cell::gru_before;
    const std::int64_t rows = std::clamp<std::int64_t>(s.batch, 1, rows_together<T>(s));
    const int vectors = choose_blocking(rows, s.units, T{}).vectors;
    const std::int64_t columns = ceil_of(s.units, kLanes<T>);
    main = {packed, s.units * (before ? 2 : gate_count(s.cell)), columns, vectors, vectors};
    candidate = {packed + main.k * columns * kLanes<T>, before ? s.units : 0, columns, vectors, vectors};
  }
  std::int64_t size() const { return main.size() + candidate.size(); }
  void pack(const RecurrentGradient<T>& job) const {
    pack_part(job, 0, main);
    pack_part(job, main.k, candidate);
  }

 private:
  void pack_part(const RecurrentGradient<T>& job, std::int64_t first, const Panels<T>& panels) const {
    const std::int64_t units = job.shape.units, stride = units * gate_count(job.shape.cell);
    const std::int64_t grain =
        std::max<std::int64_t>(1, (std::int64_t{1} << 16) / std::max<std::int64_t>(1, panels.k * panels.vectors));
    parallel_for(panels.count(), grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p) {
        const std::int64_t unit = p * panels.vectors * kLanes<T>;
        pack_panel(job.weights + unit * stride + first, stride, true, panels.panel(p), panels.width(p), panels.k,
                   std::min(panels.width(p), units - unit));
      }
    });
  }
};

// Rows [first, first + rows) of the batch.
template <class T, Cell cell>
class Backward {
 public:
  Backward(const RecurrentGradient<T>& job, const Transposed<T>& weights, std::int64_t first, std::int64_t rows)
      : job_(job),
        weights_(weights),
        s_(job.shape),
        first_(first),
        rows_(rows),
        stride_(row_stride<T>(s_.units)),
        wide_stride_(row_stride<T>(s_.units * kGates)) {
    T* memory = thread_scratch_of<T>(kScratch, rows * (kBuffers * stride_ + wide_stride_));
    for (T** buffer : {&dh_, &dc_, &d_previous_, &d_reset_h_}) {
      *buffer = memory;
      memory += rows * stride_;
    }
    d_product_ = memory;
  }

  void run() {
    for (std::int64_t r = 0; r < rows_; ++r) begin_row(r);
    const std::int64_t blocks = ceil_of(rows_, max_rows<T>(weights_.main.vectors));
    for (std::int64_t step = s_.steps - 1; step >= 0; --step) {
      step_ = step;
      time_ = s_.backwards ? s_.steps - 1 - step : step;
      to_next_ = step == 0 ? 0 : (s_.backwards ? 1 : -1) * s_.units;
      for (std::int64_t i = 0; i < blocks; ++i) do_rows(cut(rows_, blocks, i), cut(rows_, blocks, i + 1));
    }
    for (std::int64_t r = 0; r < rows_; ++r) {
      std::copy_n(dh_ + r * stride_, s_.units, job_.d_h0 + (first_ + r) * s_.units);
      if (cell == Cell::lstm) std::copy_n(dc_ + r * stride_, s_.units, job_.d_c0 + (first_ + r) * s_.units);
    }
  }

 private:
  static constexpr int kBuffers = 4;
  static constexpr int kGates = gate_count(cell);
  static constexpr int W = kLanes<T>;

  std::int64_t place(std::int64_t r) const { return (first_ + r) * s_.steps + time_; }
  bool seen(std::int64_t r) const { return job_.mask == nullptr || job_.mask[place(r)]; }

  void begin_row(std::int64_t r) {
    const std::int64_t at = (first_ + r) * s_.units, local = r * stride_;
    std::copy_n(job_.d_h + at, s_.units, dh_ + local);
    if (cell == Cell::lstm) std::copy_n(job_.d_c + at, s_.units, dc_ + local);
    std::fill_n(d_previous_ + local, s_.units, T{0});
    if (s_.steps == 0) return;  // the last output was a constant
    T* const d_last = job_.mask == nullptr ? dh_ + local : d_previous_ + local;
    for (std::int64_t j = 0; j < s_.units; ++j) d_last[j] += job_.d_last[at + j];
  }

  void do_rows(std::int64_t from, std::int64_t to) {
    T* const product = d_product_ + from * wide_stride_;
    for (std::int64_t r = from; r < to; ++r) {
      if (seen(r)) {
        units<0>(r);
      } else {
        skip_row(r);
      }
    }
    if constexpr (cell == Cell::gru_before) {
      weights_.candidate.multiply({product + 2 * s_.units, wide_stride_, to - from}, {0, weights_.candidate.count()},
                                  {d_reset_h_ + from * stride_, stride_});
      for (std::int64_t r = from; r < to; ++r) {
        if (seen(r)) units<1>(r);
      }
    }
    weights_.main.multiply({product, wide_stride_, to - from}, {0, weights_.main.count()},
                           {dh_ + from * stride_, stride_, true});
  }

  template <int number>
  void units(std::int64_t r) {
    std::int64_t unit = 0;
    for (; unit + W <= s_.units; unit += W) unit_gradient<true, number>(r, unit, W);
    if (unit < s_.units) unit_gradient<false, number>(r, unit, s_.units - unit);
  }

  // A row whose mask is false: its states' gradients pass, its gates have none.
  void skip_row(std::int64_t r) {
    const std::int64_t local = r * stride_, wide = place(r) * kGates * s_.units;
    std::fill_n(d_product_ + r * wide_stride_, kGates * s_.units, T{0});
    std::fill_n(job_.d_x + wide, kGates * s_.units, T{0});
    if (cell == Cell::gru_after) std::fill_n(job_.d_product + wide, kGates * s_.units, T{0});
    if (s_.zero_masked) {
      std::fill_n(d_previous_ + local, s_.units, T{0});
    } else if (job_.d_outputs != nullptr) {
      for (std::int64_t j = 0; j < s_.units; ++j) d_previous_[local + j] += job_.d_outputs[output_place(r) + j];
    }
  }

  std::int64_t output_place(std::int64_t r) const { return ((first_ + r) * s_.steps + step_) * s_.units; }

  // For a vector of units of one row: from the new state's gradient to those of the gates' arguments, and what of it
  // goes to the old state past the product. σ' = σ (1 − σ), tanh' = 1 − tanh².
  template <bool whole, int number>
  ADDAX_INLINE void unit_gradient(std::int64_t r, std::int64_t unit, std::int64_t lanes) {
    using V = Vec<T>;
    const std::int64_t at = place(r), wide = at * kGates * s_.units + unit, local = r * stride_ + unit;
    const auto gate = [&](int g) __attribute__((always_inline)) {
      prefetch_later(job_.gates + wide + (g * s_.units + to_next_ * kGates));
      return load_units<whole>(job_.gates + wide + g * s_.units, lanes);
    };
    const auto narrow = [&](const T* p) __attribute__((always_inline)) {
      prefetch_later(p + at * s_.units + unit + to_next_);
      return load_units<whole>(p + at * s_.units + unit, lanes);
    };
    const auto give_product = [&](int g, V v) __attribute__((always_inline)) {
      store_units<whole>(d_product_ + r * wide_stride_ + g * s_.units + unit, v, lanes);
      if (cell == Cell::gru_after) store_units<whole>(job_.d_product + wide + g * s_.units, v, lanes);
    };
    const auto give_input = [&](int g, V v) __attribute__((always_inline)) {
      store_units<whole>(job_.d_x + wide + g * s_.units, v, lanes);
    };
    const auto give = [&](int g, V v) __attribute__((always_inline)) {
      give_product(g, v);
      give_input(g, v);
    };
    const T one{1};
    if constexpr (cell == Cell::gru_before && number == 1) {
      const V d = load(d_reset_h_ + local), r_gate = gate(1);
      give(1, d * narrow(job_.entering_h) * (r_gate * (one - r_gate)));
      store(dh_ + local, load(dh_ + local) + d * r_gate);
      return;
    }
    V dh = load(dh_ + local);
    if (job_.d_outputs != nullptr) dh += load_units<whole>(job_.d_outputs + output_place(r) + unit, lanes);
    if (job_.mask != nullptr) {
      dh += load(d_previous_ + local);
      store(d_previous_ + local, V{});
    }
    if constexpr (cell == Cell::lstm) {
      const V i = gate(0), f = gate(1), g = gate(2), o = gate(3), c = narrow(job_.kept);
      const V tanh_c = gate_tanh(f * c + i * g);
      const V dc = load(dc_ + local) + dh * o * (one - tanh_c * tanh_c);
      give(0, dc * g * (i * (one - i)));
      give(1, dc * c * (f * (one - f)));
      give(2, dc * i * (one - g * g));
      give(3, dh * tanh_c * (o * (one - o)));
      store(dc_ + local, dc * f);
      store(dh_ + local, V{});
    } else if constexpr (cell == Cell::gru_after || cell == Cell::gru_before) {
      const V z = gate(0), candidate = gate(2), h = narrow(job_.entering_h);
      const V d_candidate = dh * (one - z) * (one - candidate * candidate);
      give(0, dh * (h - candidate) * (z * (one - z)));
      if constexpr (cell == Cell::gru_after) {
        const V r_gate = gate(1);
        give(1, d_candidate * narrow(job_.kept) * (r_gate * (one - r_gate)));
        give_input(2, d_candidate);
        give_product(2, d_candidate * r_gate);
      } else {
        give(2, d_candidate);
      }
      store(dh_ + local, dh * z);
    } else {
      const V h = gate(0);
      give(0, cell == Cell::simple_relu ? select(h > T{0}, dh, V{}) : dh * (one - h * h));
      store(dh_ + local, V{});
    }
  }

  const RecurrentGradient<T>& job_;
  const Transposed<T>& weights_;
  const RecurrentShape& s_;
  std::int64_t first_, rows_, stride_, wide_stride_;
  std::int64_t step_ = 0, time_ = 0;
  std::int64_t to_next_ = 0;  // from a row's place in the sequences to that of the next step done
  T *dh_, *dc_;
  T* d_previous_;  // of the output that masked steps repeat
  T* d_reset_h_;   // gru_before: of r·h
  T* d_product_;   // of h·R, gate by gate
};

}  // namespace

template <class T>
void recurrent_gradient(const RecurrentGradient<T>& job) {
  const Transposed<T> weights(job.shape, static_cast<T*>(job.workspace));
  weights.pack(job);
  for_groups_of_rows<T>(job.shape, [&](std::int64_t first, std::int64_t rows) {
    visit_cell(job.shape.cell, [&](auto cell) { Backward<T, cell()>(job, weights, first, rows).run(); });
  });
}

template <class T>
std::int64_t recurrent_gradient_workspace(const RecurrentShape& shape) {
  return Transposed<T>(shape, nullptr).size() * static_cast<std::int64_t>(sizeof(T));
}

template void recurrent_gradient<float>(const RecurrentGradient<float>&);
template std::int64_t recurrent_gradient_workspace<float>(const RecurrentShape&);
#if defined(ADDAX_FLOAT64_HERE)
template void recurrent_gradient<double>(const RecurrentGradient<double>&);
template std::int64_t recurrent_gradient_workspace<double>(const RecurrentShape&);
#endif

}  // namespace addax::kernels::ADDAX_ISA_NS
