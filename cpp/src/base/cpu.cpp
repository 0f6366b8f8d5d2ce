#include "base/cpu.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>

#include "addax/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <xmmintrin.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

namespace addax {
namespace {

#if defined(__x86_64__)

// Register bits of CPUID and XCR0: Intel SDM volume 2, CPUID; the two sets are x86-64-v3 and x86-64-v4 of the psABI.
Isa detect() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return Isa::baseline;
  const unsigned v3_ecx = bit_FMA | bit_MOVBE | bit_OSXSAVE | bit_AVX | bit_F16C;
  if ((c & v3_ecx) != v3_ecx) return Isa::baseline;
  unsigned xcr0_low, xcr0_high;
  __asm__("xgetbv" : "=a"(xcr0_low), "=d"(xcr0_high) : "c"(0));
  if ((xcr0_low & 0x6) != 0x6) return Isa::baseline;  // the system saves xmm and ymm
  unsigned ext_a, ext_b, ext_c, ext_d;
  if (!__get_cpuid(0x80000001, &ext_a, &ext_b, &ext_c, &ext_d) || !(ext_c & bit_LZCNT)) return Isa::baseline;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return Isa::baseline;
  const unsigned v3_ebx = bit_AVX2 | bit_BMI | bit_BMI2;
  if ((b & v3_ebx) != v3_ebx) return Isa::baseline;
  const unsigned v4_ebx = bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;
  if ((b & v4_ebx) != v4_ebx || (xcr0_low & 0xe0) != 0xe0) return Isa::avx2;  // opmask and zmm saved too
  return Isa::avx512;
}

bool has(Isa isa) { return isa != Isa::neon && isa <= detect(); }

#elif defined(__aarch64__)

Isa detect() { return Isa::neon; }
bool has(Isa isa) { return isa == Isa::neon; }

#else

Isa detect() { return Isa::baseline; }
bool has(Isa isa) { return isa == Isa::baseline; }

#endif

// What this library was built for (ADDAX_ISAS), the lowest first.
constexpr Isa kBuilt[] = {
#if defined(ADDAX_HAS_baseline)
    Isa::baseline,
#endif
#if defined(ADDAX_HAS_avx2)
    Isa::avx2,
#endif
#if defined(ADDAX_HAS_avx512)
    Isa::avx512,
#endif
#if defined(ADDAX_HAS_neon)
    Isa::neon,
#endif
};

std::string names_of_built() {
  std::string names;
  for (const Isa isa : kBuilt) names += (names.empty() ? "" : ", ") + std::string(name_of(isa));
  return names;
}

Isa choose() {
  const char* wanted = std::getenv("ADDAX_ISA");
  if (wanted == nullptr || *wanted == '\0') {
    for (auto isa = std::rbegin(kBuilt); isa != std::rend(kBuilt); ++isa)
      if (has(*isa)) return *isa;
    fail(ErrorKind::unsupported, "this build of Addax has kernels for ", names_of_built(), ", this machine has only ",
         name_of(detect()), "; build it with ADDAX_ISAS=", name_of(detect()));
  }
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512, Isa::neon}) {
    if (std::string_view(wanted) != name_of(isa)) continue;
    if (!has(isa)) fail(ErrorKind::value, "ADDAX_ISA=", wanted, ": this machine has only ", name_of(detect()));
    if (std::find(std::begin(kBuilt), std::end(kBuilt), isa) == std::end(kBuilt))
      fail(ErrorKind::value, "ADDAX_ISA=", wanted, ": this build of Addax has kernels for ", names_of_built());
    return isa;
  }
  fail(ErrorKind::value, "ADDAX_ISA=", wanted, " is not an instruction set; use baseline, avx2, avx512 or neon");
}

#if defined(__linux__)

int ceil_quota(double quota, double period) {
  if (quota <= 0 || period <= 0) return 1 << 20;
  return std::max(1, static_cast<int>((quota + period - 1) / period));
}

// cgroup v2: the smallest cpu.max ("quota period" or "max period") from our group up to the root. v1: cpu.cfs_quota_us.
int cgroup_cpus() {
  int cpus = 1 << 20;
  std::ifstream groups("/proc/self/cgroup");
  std::string path;
  for (std::string line; std::getline(groups, line);)
    if (line.starts_with("0::/")) path = line.substr(3);
  for (;;) {
    std::ifstream limit("/sys/fs/cgroup" + (path == "/" ? "" : path) + "/cpu.max");
    std::string quota;
    double period = 0;
    if (limit >> quota >> period && quota != "max") cpus = std::min(cpus, ceil_quota(std::atof(quota.c_str()), period));
    if (path.empty() || path == "/") break;
    path.resize(path.rfind('/'));
  }
  double quota = 0, period = 0;
  if (std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> quota &&
      std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period)
    cpus = std::min(cpus, ceil_quota(quota, period));
  return cpus;
}

#endif

}  // namespace

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::baseline:
      return "baseline";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::neon:
      return "neon";
  }
  return "?";
}

Isa active_isa() {
  static const Isa isa = choose();
  return isa;
}

int available_cpus() {
  int cpus = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#if defined(__linux__)
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) cpus = std::max(1, CPU_COUNT(&mask));
  cpus = std::min(cpus, cgroup_cpus());
#endif
  return cpus;
}

#if defined(__x86_64__)
constexpr unsigned kControlBits = 0xffc0;  // MXCSR without its sticky exception flags
constexpr unsigned kFlush = 0x8040;        // FTZ | DAZ
std::uint64_t float_control() { return _mm_getcsr() & kControlBits; }
void set_float_control(std::uint64_t control) {
  _mm_setcsr((_mm_getcsr() & ~kControlBits) | static_cast<unsigned>(control & kControlBits));
}
#elif defined(__aarch64__)
constexpr std::uint64_t kFlush = std::uint64_t{1} << 24;  // FPCR.FZ
std::uint64_t float_control() {
  std::uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  return control;
}
void set_float_control(std::uint64_t control) { __asm__ volatile("msr fpcr, %0" : : "r"(control)); }
#else
constexpr std::uint64_t kFlush = 0;
std::uint64_t float_control() { return 0; }
void set_float_control(std::uint64_t) {}
#endif

FlushDenormals::FlushDenormals() : before_(float_control()) { set_float_control(before_ | kFlush); }

}  // namespace addax
