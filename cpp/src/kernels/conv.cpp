#include "kernels/conv.h"

#include <algorithm>

#include "base/build.h"
#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/conv_bf16.h"
#include "kernels/conv_kernel_gradient.h"
#include "kernels/conv_passes.h"
#include "kernels/conv_tail.h"
#include "kernels/tasks.h"

// Direct convolutions: the forward pass walks over the image (conv_walk.h). The gradient of the data is the same walk
// over dL/dy with turned and transposed weights, once per phase of the stride: the input pixels congruent to it meet
// the same taps. Convolutions that are plain products are left to the matrix product.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

const MatmulKernels& products() {
  static const MatmulKernels kernels = [] {
    MatmulKernels k{};
    fill(k);
    return k;
  }();
  return kernels;
}
template <class T>
void multiply(const Matmul<T>& job) {
  products().of<T>().run(job);
}
template <class T>
std::int64_t multiply_workspace(const Matmul<T>& job) {
  return products().of<T>().workspace(job);
}

template <class T>
void run_product(const Conv<T>& job, const T* a, Matmul<T> product) {
  product.a = a;
  product.b = job.w;
  if (job.packed != nullptr) {
    product.b = job.packed;
    product.packed_b = true;
    product.transpose_b = false;
  }
  product.c = job.result;
  product.bias = job.bias;
  product.activation = job.activation;
  product.tail = job.tail;
  product.workspace = job.workspace;
  multiply(product);
}

// ---- The workspace of a walk: taps, groups of taps, packed weights.

template <class T>
struct Workspace {
  Tap* taps;
  Group* groups;
  T* packed;
};

template <class T>
Workspace<T> workspace_of(const ConvShape& s, void* memory) {
  char* const at = static_cast<char*>(memory);
  return {reinterpret_cast<Tap*>(at), reinterpret_cast<Group*>(at + tap_bytes(s)),
          reinterpret_cast<T*>(at + tap_bytes(s) + group_bytes(s))};
}
template <class T>
std::int64_t workspace_bytes(const ConvShape& s, bool transposed) {
  const WeightPlan weights = plan_weights<T>(s, transposed);
  const std::int64_t packed = weights.lies_right ? 0 : weights.size() * static_cast<std::int64_t>(sizeof(T));
  return tap_bytes(s) + group_bytes(s) + packed;
}

// Gives the walk its weights, packed into the workspace unless they came so or lie right.
template <class T>
void prepare_weights(const Conv<T>& job, const WeightPlan& plan, T* memory, Walk<T>& walk) {
  walk.w = job.w;
  walk.packed = job.packed;
  if (plan.lies_right || job.packed != nullptr) return;
  pack_weights(plan, job.w, memory);
  walk.packed = memory;
}

// ---- Forward.

template <class T>
void forward(const Conv<T>& job) {
  const ConvShape s = canonical(job.shape);
  if (is_product(s)) return run_product(job, job.x, forward_product<T>(s));
  const Workspace<T> memory = workspace_of<T>(s, job.workspace);
  const WeightPlan weights = plan_weights<T>(s, false);
  Walk<T> w = forward_walk<T>(s);
  w.image = job.x;
  w.result = job.result;
  w.bias = job.bias;
  w.activation = job.activation;
  w.tail = job.tail;
  w.taps = memory.taps;
  w.tap_count = forward_taps(s, memory.taps);
  prepare_weights(job, weights, memory.packed, w);
  run_walk(w, weights, memory.groups);
}

template <class T>
std::int64_t forward_workspace(const ConvShape& shape) {
  const ConvShape s = canonical(shape);
  return is_product(s) ? multiply_workspace(forward_product<T>(s)) : workspace_bytes<T>(s, false);
}

// ---- Gradient of the data.

// Work of a phase below which the phases are shared out, not each by itself: it has too few tasks.
constexpr std::int64_t kSmallPhase = 4 * kLeastTaskFlops;
constexpr int kPhaseScratch = 3;  // the slots below it are those of the walk

// Calls body(phase, taps, groups) for every phase that has positions, from any thread if phases are small; taps and
// groups are room for its lists.
template <class Body>
void share_phases(const ConvShape& s, Tap* taps, Group* groups, const Body& body) {
  std::int64_t count[kSpatial];
  for (int d = 0; d < kSpatial; ++d) count[d] = std::min(s.stride[d], s.in[d]);
  const std::int64_t phases = volume(count);
  const std::int64_t flops = 2 * s.batch * volume(s.out) * volume(s.kernel) * s.in_channels * s.out_channels / s.groups;
  if (phases == 0 || flops / phases >= kSmallPhase || flops < 2 * kLeastTaskFlops)
    return for_each_phase(s, [&](const std::int64_t(&phase)[kSpatial]) { body(phase, taps, groups); });
  parallel_for(phases, 1, [&](std::int64_t first, std::int64_t last) {
    char* const memory = thread_scratch_of<char>(kPhaseScratch, tap_bytes(s) + group_bytes(s));
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t phase[kSpatial] = {i / count[2] / count[1], i / count[2] % count[1], i % count[2]};
      body(phase, reinterpret_cast<Tap*>(memory), reinterpret_cast<Group*>(memory + tap_bytes(s)));
    }
  });
}

template <class T>
void data_gradient(const Conv<T>& job) {
  const ConvShape s = canonical(job.shape);
  if (is_product(s)) return run_product(job, job.y, data_product<T>(s));
  const Workspace<T> memory = workspace_of<T>(s, job.workspace);
  const WeightPlan weights = plan_weights<T>(s, true);
  Walk<T> packed{};
  prepare_weights(job, weights, memory.packed, packed);
  const bool whole = s.stride[0] == 1 && s.stride[1] == 1 && s.stride[2] == 1;  // one phase
  share_phases(s, memory.taps, memory.groups, [&](const std::int64_t(&phase)[kSpatial], Tap* taps, Group* groups) {
    Walk<T> w = data_walk<T>(s, phase);
    w.image = job.y;
    w.result = job.result + ((phase[0] * s.in[1] + phase[1]) * s.in[2] + phase[2]) * s.in_channels;
    w.bias = job.bias;
    w.activation = job.activation;
    w.tail = whole ? job.tail : nullptr;
    w.packed = packed.packed;
    w.taps = taps;
    w.tap_count = gradient_taps(s, phase, taps, w.planes);
    run_walk(w, weights, groups);
  });
  if (job.tail != nullptr && !whole) run_whole_tail(*job.tail, s.batch * volume(s.in), s.in_channels);
}

template <class T>
std::int64_t data_gradient_workspace(const ConvShape& shape) {
  const ConvShape s = canonical(shape);
  return is_product(s) ? multiply_workspace(data_product<T>(s)) : workspace_bytes<T>(s, true);
}

// ---- Gradient of the kernel: the work of conv_kernel_gradient.h. But that of a pointwise convolution with many
// channels is a plain product dw = xᵀ · dy if there are so few pixels that x and dy stay in the cache while dw goes by:
// 70 to 96 % of the peak instead of 37 to 90. With more pixels, slices of them are better (7 × 7 to 14 × 14 pixels of a
// batch of 8 are few, 28 × 28 are not).

constexpr std::int64_t kManyWeights = std::int64_t{1} << 14;  // enough to be shared out between threads
constexpr std::int64_t kFewPixels = 2304;

bool gradient_is_product(const ConvShape& s) {
  const std::int64_t pixels = s.batch * volume(s.out);
  return pointwise(s) && s.in_channels * s.out_channels >= kManyWeights && pixels > 0 && pixels <= kFewPixels;
}

template <class T>
void kernel_gradient(const Conv<T>& job) {
  const ConvShape s = canonical(job.shape);
  if (!gradient_is_product(s)) return conv_kernel_gradient(job);
  Matmul<T> product = kernel_product<T>(s);
  product.a = job.x;
  product.b = job.y;
  product.c = job.result;
  product.workspace = job.workspace;
  multiply(product);
}

template <class T>
std::int64_t kernel_gradient_workspace(const ConvShape& shape) {
  const ConvShape s = canonical(shape);
  return gradient_is_product(s) ? multiply_workspace(kernel_product<T>(s)) : conv_kernel_gradient_workspace<T>(s);
}

// ---- Weights packed once.

template <class T>
std::int64_t packed_size(const ConvShape& shape, bool transposed) {
  const ConvShape s = canonical(shape);
  if (is_product(s)) {
    const Matmul<T> product = transposed ? data_product<T>(s) : forward_product<T>(s);
    return products().of<T>().packed_size(product.k, product.n);
  }
  const WeightPlan weights = plan_weights<T>(s, transposed);
  return weights.lies_right ? 0 : weights.size();
}

template <class T>
void pack(const ConvShape& shape, bool transposed, const T* w, T* packed) {
  const ConvShape s = canonical(shape);
  if (is_product(s)) {
    const Matmul<T> product = transposed ? data_product<T>(s) : forward_product<T>(s);
    products().of<T>().pack(w, transposed ? product.k : product.n, transposed, product.k, product.n, packed);
    return;
  }
  const WeightPlan weights = plan_weights<T>(s, transposed);
  if (!weights.lies_right) pack_weights(weights, w, packed);
}

template <class T>
ConvFunctions<T> functions() {
  return {&forward<T>,
          &data_gradient<T>,
          for_training(&kernel_gradient<T>),
          &forward_workspace<T>,
          &data_gradient_workspace<T>,
          for_training(&kernel_gradient_workspace<T>),
          &packed_size<T>,
          &pack<T>};
}

}  // namespace

void fill(ConvKernels& table) {
  table.f32 = functions<float>();
  table.bf16 = bf16_convolutions();
  if constexpr (kFloat64) fill_float64(table);
}

}  // namespace addax::kernels::ADDAX_ISA_NS

// double serves gradient checks: compiled once, which keeps the library small.
#if defined(ADDAX_FLOAT64_HERE)
namespace addax::kernels {
void fill_float64(ConvKernels& table) { table.f64 = ADDAX_ISA_NS::functions<double>(); }
}  // namespace addax::kernels
#endif
