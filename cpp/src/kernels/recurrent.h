// Recurrent layers over whole sequences: what a step adds to the product of all inputs, done step by step for a few
// rows of the batch at a time, and the way back.
//
//   lstm           i, f, g, o = x + h·R;  c' = σ(f)·c + σ(i)·tanh(g);  h' = σ(o)·tanh(c')
//   gru_after      z, r = σ(x + h·R + b);  h' = z·h + (1 − z)·tanh(x + r·(h·R + b))
//   gru_before     z, r = σ(x + h·R);      h' = z·h + (1 − z)·tanh(x + (r·h)·R)
//   simple_tanh    h' = tanh(x + h·R), and simple_relu
//
// x is the inputs' product with their weights, biases added; the gates stand side by side in it and in R, in the order
// given here (the candidate of a GRU last): Keras's order.
#pragma once

#include <cstdint>

namespace addax::kernels {

enum class Cell { lstm, gru_after, gru_before, simple_tanh, simple_relu };

constexpr int gate_count(Cell cell) {
  return cell == Cell::lstm ? 4 : cell == Cell::gru_after || cell == Cell::gru_before ? 3 : 1;
}

struct RecurrentShape {
  Cell cell;
  std::int64_t batch;
  std::int64_t steps;
  std::int64_t units;
  bool backwards;    // the step at the end of the sequence is done first; outputs stand in the order of computation
  bool zero_masked;  // a masked step's output is zero, not that of the step before
  // Of the inputs, where the kernel multiplies them with their weights, which come packed with R; 0: x is the product.
  std::int64_t features = 0;
};

// Pointers that may be null say so. At a step whose mask is false the states stay, and the output is zero or the one
// before (zero before the first).
template <class T>
struct Recurrent {
  RecurrentShape shape;
  const T* x;        // batch × steps × gates·units, or × features
  const T* h0;       // batch × units
  const T* c0;       // batch × units; LSTM
  const T* weights;  // R, units × gates·units; with features, what `pack` made, 64-byte aligned
  const T* bias;     // gates·units; gru_after
  const bool* mask;  // batch × steps, or null
  T* last;           // the last step's output, batch × units
  T* outputs;        // batch × steps × units, or null
  T* h;              // the states after the last step, batch × units, or null
  T* c;              // LSTM
  // What the way back needs, each or null; where the mask is false, zeros but for the entering state.
  T* gates;                   // the gates after their activations, batch × steps × gates·units; may be x's memory
  T* entering_h;              // the state that a step began with, batch × steps × units
  T* kept;                    // batch × steps × units. LSTM: c at the beginning; gru_after: the candidate's h·R + b;
                              // gru_before: r·h
  void* workspace = nullptr;  // 64-byte aligned, as many bytes as the workspace function says
};

// The weights of the inputs and of the states, and the bias that joins the inputs' product: features × gates·units,
// units × gates·units, gates·units.
template <class T>
struct RecurrentPacking {
  Cell cell;
  std::int64_t units;
  std::int64_t features;  // > 0
  const T* inputs;
  const T* recurrent;
  const T* bias;
  T* packed;  // 64-byte aligned, `packed_size` numbers
};

template <class T>
struct RecurrentGradient {
  RecurrentShape shape;
  const T* gates;       // of the forward pass, and so on
  const T* entering_h;  // GRU
  const T* kept;        // LSTM and GRU
  const T* weights;
  const bool* mask;  // or null
  const T* d_last;   // what comes back to each result; the sequence's may be null
  const T* d_outputs;
  const T* d_h;
  const T* d_c;  // LSTM
  T* d_x;        // batch × steps × gates·units; may be the gates' memory
  T* d_product;  // gru_after: the same for h·R + b, which is another where r stands between
  T* d_h0;
  T* d_c0;  // LSTM
  void* workspace = nullptr;
};

template <class T>
struct RecurrentFunctions {
  void (*run)(const Recurrent<T>& job);
  void (*gradient)(const RecurrentGradient<T>& job);
  std::int64_t (*workspace)(const RecurrentShape& shape);  // bytes
  std::int64_t (*gradient_workspace)(const RecurrentShape& shape);
  void (*pack)(const RecurrentPacking<T>& job);  // for any batch, steps and mask
  std::int64_t (*packed_size)(Cell cell, std::int64_t units, std::int64_t features);
};

struct RecurrentKernels {
  RecurrentFunctions<float> f32;
  RecurrentFunctions<double> f64;

  template <class T>
  const RecurrentFunctions<T>& of() const {
    if constexpr (sizeof(T) == 4) {
      return f32;
    } else {
      return f64;
    }
  }
};

void fill_float64(RecurrentKernels& table);  // the same on every instruction set

namespace baseline {
void fill(RecurrentKernels& kernels);
}
namespace avx2 {
void fill(RecurrentKernels& kernels);
}
namespace avx512 {
void fill(RecurrentKernels& kernels);
}
namespace neon {
void fill(RecurrentKernels& kernels);
}

}  // namespace addax::kernels
