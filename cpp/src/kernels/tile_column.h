// Blocks of the microkernel one below the other in one call. Of a short product, such as the expansion of 16 to 96
// channels, calls and everything that a block might want take a fifth of the time.
#pragma once

#include <cstdint>

#include "kernels/microkernel.h"

namespace addax::kernels::ADDAX_ISA_NS {

// `blocks` blocks of max_rows(nv) rows each, t.c and t.a those of the first: Rows::strided, a single run, whole vectors
// of columns, nothing to accumulate on. The same bits as block by block.
template <class T>
using TileColumnFunction = void (*)(const Tile<T>& t, std::int64_t blocks);

TileColumnFunction<float> tile_column_function(int nv, float);
TileColumnFunction<double> tile_column_function(int nv, double);

}  // namespace addax::kernels::ADDAX_ISA_NS
