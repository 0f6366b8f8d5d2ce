// Loops over an array and operands that are broadcast to its shape.
#pragma once

#include <cstdint>

#include "kernels/elementwise.h"

namespace addax::kernels {

inline constexpr int kMaxBroadcastRank = 8;
inline constexpr int kMaxOperands = 16;
// Elements of a tile: 4 KiB of floats, a few of which fit the first-level cache.
inline constexpr int kTile = 1024;

// The shape with dimensions merged where every operand allows it and those of size 1 dropped; strides in elements, 0
// where an operand is broadcast. The array itself is contiguous.
struct BroadcastLayout {
  int rank = 0;
  int operands = 0;
  std::int64_t total = 1;
  std::int64_t size[kMaxBroadcastRank] = {};
  std::int64_t stride[kMaxOperands][kMaxBroadcastRank] = {};
  std::int64_t inner = 1;  // the last dimension's size

  // Operand k is read element for element as the array is written.
  bool full(int k) const { return (whole_ >> k & 1) != 0; }
  // Operand k is one value.
  bool scalar(int k) const { return (single_ >> k & 1) != 0; }
  // Operand k varies along the last dimension only.
  bool row(int k) const { return (rows_ >> k & 1) != 0; }

  std::uint32_t whole_ = 0, single_ = 0, rows_ = 0;
};

// Shape of an operand: `rank` sizes, aligned at the right with the array's; each equal to the array's or 1.
struct OperandShape {
  const std::int64_t* sizes;
  int rank;
};
BroadcastLayout make_broadcast_layout(const std::int64_t* sizes, int rank, const OperandShape* operands, int count);

// y = f(x), n elements.
void run_unary(UnaryRow row, const void* x, Element x_type, void* y, Element y_type, std::int64_t n,
               std::int64_t grain);
// y = f(a, b); operands 0 and 1 of the layout.
void run_binary(BinaryRow row, const BroadcastLayout& layout, const void* a, const void* b, Element type, void* y,
                Element y_type, std::int64_t grain);
// y = condition ? a : b; operands 0, 1 and 2.
void run_select(SelectRow row, const BroadcastLayout& layout, const void* condition, const void* a, const void* b,
                Element type, void* y);
// y = operand 0 broadcast.
void run_broadcast(const BroadcastLayout& layout, const void* x, int item, void* y);

// Elements worth a thread, by what the function costs.
std::int64_t grain_of(Opcode opcode);

// ---- For loops by tiles (fused.h).

// What an operand looks like on a tile: n values one after the other (step 1), or one for all (step 0).
struct TileOperand {
  const void* data;
  int step;
};

// Gives operands' tiles; expands into a buffer where the tile spans rows and the operand is neither full nor scalar.
// One per thread.
class TileReader {
 public:
  // `buffer` has kTile elements of the operand's type.
  TileReader(const BroadcastLayout& layout, int operand, const void* data, int item, void* buffer);
  TileReader() = default;
  // Elements [first, first + n) of the array: a piece of one row, or at most kTile elements; whole rows are quickest.
  TileOperand at(std::int64_t first, std::int64_t n);
  // From element `first` to the end of its row, where it stands.
  TileOperand within_row(std::int64_t first) const;

 private:
  std::int64_t offset_of(std::int64_t row) const;
  void expand(std::int64_t first, std::int64_t n);

  const BroadcastLayout* layout_ = nullptr;
  int operand_ = 0;
  const char* data_ = nullptr;
  int item_ = 0;
  char* buffer_ = nullptr;
  std::int64_t ready_ = 0;  // elements of whole rows in the buffer, if they are all alike
};

// How [0, total) is cut into tiles of at most `limit` elements that TileReader can give, and into a thread's shares of
// about `grain`.
struct TileSplit {
  std::int64_t tile;   // elements per tile
  std::int64_t grain;  // for parallel_for
  bool within_rows;    // no tile crosses the end of a row
};
TileSplit split_tiles(const BroadcastLayout& layout, std::int64_t limit, std::int64_t grain);

// Calls f(first, n) on the tiles of [first, last).
template <class F>
void for_each_tile(const BroadcastLayout& layout, const TileSplit& split, std::int64_t first, std::int64_t last, F f) {
  while (first < last) {
    std::int64_t n = last - first < split.tile ? last - first : split.tile;
    if (split.within_rows) {
      const std::int64_t rest = layout.inner - first % layout.inner;  // of this row
      n = rest < n ? rest : n;
    }
    f(first, n);
    first += n;
  }
}

}  // namespace addax::kernels
