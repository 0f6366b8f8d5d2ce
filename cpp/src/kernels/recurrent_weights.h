// The weights of a recurrent layer in the order in which its gates are computed: a vector of units of every gate, then
// the next units. So what a step's products give for some units of all gates is finished while it is still in the
// first-level cache.
#pragma once

#include <array>
#include <utility>

#include "kernels/recurrent_steps.h"

namespace addax::kernels::ADDAX_ISA_NS {

// Gates whose columns lie interleaved in one set of panels.
struct Strips {
  int gates;
  int vectors;          // of a panel: divides the number of gates, or is a multiple of it
  std::int64_t groups;  // vectors of units
  int together;         // strips whose columns lie side by side in memory: those that a single row computes at once

  int strip() const { return std::max(gates, vectors); }  // vectors computed, then finished, together
  int wide() const { return strip() * together; }
  std::int64_t columns() const { return groups * gates; }
  std::int64_t count() const { return ceil_of(columns(), strip()); }
  std::int64_t middle() const { return ceil_of(count(), 2 * together) * together; }
  std::int64_t panels() const { return strip() / vectors; }  // of a strip
  Interval panels_of(std::int64_t strip) const {
    return {strip * panels(), std::min((strip + 1) * panels(), ceil_of(columns(), vectors))};
  }
  std::int64_t units(std::int64_t lanes) const { return strip() / gates * lanes; }  // of a strip
};

// Sums of a single row at once: then R comes in as one stream, and their chains hide each other's latency.
template <class T>
inline constexpr int kRowVectors = sizeof(T) == 8 ? 4 : kVectorRegisters / 2;

template <class T>
Strips strips_for(std::int64_t rows, std::int64_t units, int gates) {
  Strips best{gates, 1, ceil_of(units, kLanes<T>), 1};
  std::int64_t least = -1;
  for (int nv = kMaxVectors<T>; nv >= 1; --nv) {
    if (nv % gates != 0 && gates % nv != 0) continue;
    const std::int64_t blocks = ceil_of(rows, max_rows<T>(nv)), mr = ceil_of(rows, blocks);
    // As in choose_blocking: half cycles per k, here of 12 vectors of columns.
    const std::int64_t cost = blocks * std::max<std::int64_t>({mr * nv, mr + nv, 8}) * 12 / nv;
    if (least >= 0 && cost >= least) continue;
    least = cost;
    best.vectors = nv;
  }
  // An even number of pieces, for two halves.
  const std::int64_t most = std::max(1, kRowVectors<T> / best.strip()), pieces = ceil_of(best.count(), 2 * most) * 2;
  best.together = static_cast<int>(std::max<std::int64_t>(1, ceil_of(best.count(), std::max<std::int64_t>(1, pieces))));
  return best;
}

// C = a · B, or C += a · B, for one row a and N vectors of columns, rows of B that lie one after the other.
template <class T, int N>
void multiply_row(const T* a, const T* b, std::int64_t k, T* c, bool accumulate) {
  constexpr int W = kLanes<T>;
  Vec<T> sums[N] = {};
#pragma GCC unroll 2
  for (std::int64_t p = 0; p < k; ++p, b += N * W) {
    const Vec<T> value = splat(a[p]);
#pragma GCC unroll 16
    for (int v = 0; v < N; ++v) sums[v] += value * load(b + v * W);
  }
#pragma GCC unroll 16
  for (int v = 0; v < N; ++v) store(c + v * W, accumulate ? load(c + v * W) + sums[v] : sums[v]);
}

template <class T, int... N>
constexpr auto row_functions(std::integer_sequence<int, N...>) {
  return std::array{&multiply_row<T, N + 1>...};
}
template <class T>
inline constexpr auto kRowFunctions = row_functions<T>(std::make_integer_sequence<int, kRowVectors<T>>{});

// Some columns of `stride`, from gate `first` on, interleaved: k rows. The lanes beyond the units are zeros.
template <class T>
void pack_interleaved(const T* from, std::int64_t stride, std::int64_t units, int first, const Strips& s,
                      const Panels<T>& panels) {
  constexpr int W = kLanes<T>;
  const std::int64_t grain =
      std::max<std::int64_t>(1, (std::int64_t{1} << 16) / std::max<std::int64_t>(1, panels.k * W));
  parallel_for(panels.count(), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      for (std::int64_t v = 0; v * W < panels.width(p); ++v) {
        const std::int64_t q = p * s.vectors + v, unit = q / s.gates * W, gate = first + q % s.gates;
        const std::int64_t lanes = std::min<std::int64_t>(W, units - unit);
        const T* column = from + gate * units + unit;
        T* to = panels.column(q);
        const std::int64_t step = panels.step(q);
        for (std::int64_t k = 0; k < panels.k; ++k) store(to + k * step, load_partial(column + k * stride, lanes));
      }
    }
  });
}

// Gates whose sums are computed together: their columns of R, and of the inputs' weights and bias if the inputs come
// without their product.
template <class T>
struct GateWeights {
  Strips strips;
  int first;  // of its gates
  Panels<T> recurrent, inputs, bias;

  GateWeights(const Strips& s, int first_gate, std::int64_t units, std::int64_t features, T* memory)
      : strips(s),
        first(first_gate),
        recurrent{memory, units, s.columns(), s.vectors, s.wide()},
        inputs{memory + recurrent.size(), features, s.columns(), s.vectors, s.wide()},
        bias{inputs.packed + inputs.size(), features > 0 ? 1 : 0, s.columns(), s.vectors, s.wide()} {}

  std::int64_t size() const { return recurrent.size() + inputs.size() + bias.size(); }
};

// All of a layer's: one set but for gru_before, whose candidate's product comes after the others.
template <class T>
struct Weights {
  GateWeights<T> gates, candidate;

  // Weights that are packed once serve any number of rows.
  static constexpr std::int64_t kAnyRows = 16;

  Weights(const RecurrentShape& s, T* memory)
      : Weights(s, s.cell == Cell::gru_before,
                s.features > 0 ? kAnyRows : std::clamp<std::int64_t>(s.batch, 1, rows_together<T>(s)), memory) {}

  std::int64_t size() const { return gates.size() + candidate.size(); }

  void pack(const RecurrentPacking<T>& job) const {
    const std::int64_t units = gates.recurrent.k, stride = units * gate_count(job.cell);
    for (const GateWeights<T>* part : {&gates, &candidate}) {
      const auto pack = [&](const T* from, const Panels<T>& panels) {
        pack_interleaved(from, stride, units, part->first, part->strips, panels);
      };
      pack(job.recurrent, part->recurrent);
      pack(job.inputs, part->inputs);
      pack(job.bias, part->bias);
    }
  }

 private:
  Weights(const RecurrentShape& s, bool before, std::int64_t rows, T* memory)
      : gates(strips_for<T>(rows, s.units, before ? 2 : gate_count(s.cell)), 0, s.units, s.features, memory),
        candidate(strips_for<T>(rows, before ? s.units : 0, 1), 2, s.units, s.features, memory + gates.size()) {}
};

}  // namespace addax::kernels::ADDAX_ISA_NS
