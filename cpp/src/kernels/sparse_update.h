// A fused list over the rows of a table, one operand of which is a sum of updates by row index: an optimizer's update
// of an embedding. The sum is made row by row and never as a table, and rows that nothing changes are left alone.
#pragma once

#include <cstdint>

#include "kernels/fused.h"

namespace addax::kernels {

// Where the update of index e lies: the indices form an array of these sizes, an update is broadcast along the axes of
// stride 0. Strides count floats.
struct UpdateLayout {
  int rank = 0;
  std::int64_t size[kMaxBroadcastRank] = {};
  std::int64_t stride[kMaxBroadcastRank] = {};
};

struct SparseUpdate {
  const FusedCode* code;
  int gradient;                     // the operand that is the sum of updates
  std::int64_t rows, width, count;  // of the table, of a row in floats, of the indices
  const float* updates;
  UpdateLayout layout;
  const void* operands[kMaxOperands];  // tables, or single values; the gradient's is not read
  std::uint32_t single;                // which are single values
  void* outputs[kMaxFusedOutputs];     // may be operands' tables
  // Rows to run beyond those with an index; null: all rows. With `mark`, rows with an index join them.
  std::uint8_t* live;
  bool mark;
  void* workspace;  // sparse_update_workspace bytes
};

std::int64_t sparse_update_workspace(std::int64_t rows, std::int64_t count);

// Indices must be in range, fewer than 2^31. The updates of a row are added up in the order of their indices, from 0.
template <class Index>
void sparse_update(const SparseUpdate& job, const Index* indices);

// live[r] = whether row r of a table has a number other than +0; or, with `only_fragile`, one that adding zero would
// change: -0 or a denormal. Rows that are marked already stay so.
void mark_rows(const float* table, std::int64_t rows, std::int64_t width, bool only_fragile, std::uint8_t* live);

}  // namespace addax::kernels
