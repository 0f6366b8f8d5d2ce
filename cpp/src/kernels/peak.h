// What a core can do at most, for judging what kernels do.
#pragma once

namespace addax::kernels {

struct PeakKernels {
  // Multiply-adds of float32 vectors that stay in registers, for about 0.2 ms; returns the number of floating-point
  // operations done.
  double (*multiply_adds)();
};

namespace baseline {
void fill(PeakKernels& kernels);
}
namespace avx2 {
void fill(PeakKernels& kernels);
}
namespace avx512 {
void fill(PeakKernels& kernels);
}
namespace neon {
void fill(PeakKernels& kernels);
}

}  // namespace addax::kernels
