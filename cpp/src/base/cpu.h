// What the machine can do and how much of it is ours.
#pragma once

#include <cstdint>

namespace addax {

// Kernels are compiled once per instruction set; on x86 a higher one includes the lower ones.
enum class Isa { baseline, avx2, avx512, neon };

const char* name_of(Isa isa);

// The best instruction set of this machine that the library was built for, or the one that ADDAX_ISA names (baseline,
// avx2, avx512, neon) if both have it. Decided once. Throws Error(value) for another name in ADDAX_ISA or one that is
// not to be had, Error(unsupported) if the machine has none of those built.
Isa active_isa();

// Logical processors this process may use: the affinity mask, lowered by the cgroup's CPU quota. At least 1.
int available_cpus();

// The floating-point control word of this thread: rounding and what happens to denormals, without the sticky flags.
std::uint64_t float_control();
void set_float_control(std::uint64_t control);

// While it lives, this thread flushes denormals to zero (and parallel_for passes that on to its helpers).
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals() { set_float_control(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  std::uint64_t before_;
};

}  // namespace addax
