#include "base/cpu.h"
#include "base/left_out.h"
#include "kernels/kernels.h"

// Calls every family's `fill` of one instruction set, but for families that the build leaves out: these are then not
// even linked. A macro, because a namespace cannot be a template argument.
#define ADDAX_FILL(isa)                                                      \
  void fill_##isa(Kernels& k) {                                              \
    isa::fill(k.matmul);                                                     \
    isa::fill(k.matmul_bf16);                                                \
    isa::fill(k.elementwise);                                                \
    isa::fill(k.fused_steps);                                                \
    isa::fill(k.peak);                                                       \
    isa::fill(k.reduce);                                                     \
    isa::fill(k.softmax);                                                    \
    isa::fill(k.transpose);                                                  \
    if constexpr (!is_left_out("attention")) isa::fill(k.attention);         \
    if constexpr (!is_left_out("conv")) {                                    \
      isa::fill(k.conv);                                                     \
      isa::fill(k.depthwise);                                                \
      isa::fill(k.winograd);                                                 \
    }                                                                        \
    if constexpr (!is_left_out("gather")) isa::fill(k.gather_mean);          \
    if constexpr (!is_left_out("norm_channels")) isa::fill(k.norm_channels); \
    if constexpr (!is_left_out("norm_rows")) isa::fill(k.norm_rows);         \
    if constexpr (!is_left_out("pool")) isa::fill(k.pool);                   \
    if constexpr (!is_left_out("random")) isa::fill(k.random);               \
    if constexpr (!is_left_out("recurrent")) isa::fill(k.recurrent);         \
    if constexpr (!is_left_out("resize")) isa::fill(k.resize);               \
  }

namespace addax::kernels {
namespace {

#if defined(ADDAX_HAS_baseline)
ADDAX_FILL(baseline)
#endif
#if defined(ADDAX_HAS_avx2)
ADDAX_FILL(avx2)
#endif
#if defined(ADDAX_HAS_avx512)
ADDAX_FILL(avx512)
#endif
#if defined(ADDAX_HAS_neon)
ADDAX_FILL(neon)
#endif

Kernels table_for(Isa isa) {
  Kernels k{};
  switch (isa) {
#if defined(ADDAX_HAS_baseline)
    case Isa::baseline:
      fill_baseline(k);
      break;
#endif
#if defined(ADDAX_HAS_avx2)
    case Isa::avx2:
      fill_avx2(k);
      break;
#endif
#if defined(ADDAX_HAS_avx512)
    case Isa::avx512:
      fill_avx512(k);
      break;
#endif
#if defined(ADDAX_HAS_neon)
    case Isa::neon:
      fill_neon(k);
      break;
#endif
    default:
      break;  // active_isa() names only what was built
  }
  return k;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels table = table_for(active_isa());
  return table;
}

}  // namespace addax::kernels
