#include "kernels/broadcast.h"

#include <algorithm>
#include <cstring>

#include "base/parallel.h"

namespace addax::kernels {
namespace {

using std::int64_t;

// Rows shorter than this are gathered into tiles; longer ones are worked on where they stand.
constexpr int64_t kLongRow = 128;
// Where no operand must be gathered a tile can be as long as a thread's share.
constexpr int64_t kNoLimit = int64_t{1} << 30;

// Stride of an operand in dimension d of the array: that of its own row-major layout, 0 where it has size 1.
void strides_of(const OperandShape& shape, const int64_t* sizes, int rank, int64_t* stride) {
  int64_t step = 1;
  for (int d = rank - 1; d >= 0; --d) {
    const int own = d - (rank - shape.rank);
    const int64_t size = own >= 0 ? shape.sizes[own] : 1;
    stride[d] = size == 1 && sizes[d] != 1 ? 0 : step;
    if (size == 1) stride[d] = 0;
    step *= size;
  }
}

// Repeats the first `done` items of `to` until there are n.
void repeat(char* to, int64_t done, int64_t n, int item) {
  for (; done < n; done *= 2)
    std::memcpy(to + done * item, to, static_cast<std::size_t>(std::min(done, n - done) * item));
}

// Whether dimensions d − 1 (outer) and d of every operand are walked as one.
bool mergeable(const BroadcastLayout& l, const int64_t outer_stride[], const int64_t inner_stride[],
               int64_t inner_size) {
  for (int k = 0; k < l.operands; ++k)
    if (outer_stride[k] != inner_stride[k] * inner_size) return false;
  return true;
}

}  // namespace

BroadcastLayout make_broadcast_layout(const int64_t* sizes, int rank, const OperandShape* operands, int count) {
  BroadcastLayout l;
  l.operands = count;
  int64_t stride[kMaxOperands][kMaxBroadcastRank];
  for (int k = 0; k < count; ++k) strides_of(operands[k], sizes, rank, stride[k]);
  for (int d = 0; d < rank; ++d) {
    l.total *= sizes[d];
    if (sizes[d] == 1) continue;
    int64_t outer[kMaxOperands], inner[kMaxOperands];
    for (int k = 0; k < count; ++k) {
      outer[k] = l.rank > 0 ? l.stride[k][l.rank - 1] : 0;
      inner[k] = stride[k][d];
    }
    const bool merge = l.rank > 0 && mergeable(l, outer, inner, sizes[d]);
    if (merge) {
      l.size[l.rank - 1] *= sizes[d];
    } else {
      l.size[l.rank++] = sizes[d];
    }
    for (int k = 0; k < count; ++k) l.stride[k][l.rank - 1] = inner[k];
  }
  l.inner = l.rank > 0 ? l.size[l.rank - 1] : 1;
  for (int k = 0; k < count; ++k) {
    bool full = true, scalar = true, row = true;
    int64_t step = 1;
    for (int d = l.rank - 1; d >= 0; --d) {
      full = full && l.stride[k][d] == step;
      scalar = scalar && l.stride[k][d] == 0;
      row = row && l.stride[k][d] == (d == l.rank - 1 ? 1 : 0);
      step *= l.size[d];
    }
    l.whole_ |= static_cast<std::uint32_t>(full) << k;
    l.single_ |= static_cast<std::uint32_t>(scalar) << k;
    l.rows_ |= static_cast<std::uint32_t>(row && l.rank > 0) << k;
  }
  return l;
}

int64_t grain_of(Opcode opcode) {
  if (opcode >= Opcode::exp && opcode <= Opcode::softplus) return 8192;
  switch (opcode) {
    case Opcode::gelu:
    case Opcode::gelu_slope:
      return 8192;
    case Opcode::floor_divide:
    case Opcode::mod:
      return 2048;
    case Opcode::power:
    case Opcode::arctan2:
      return 4096;
    default:
      return 32768;
  }
}

// ---- Tiles

TileSplit split_tiles(const BroadcastLayout& l, int64_t limit, int64_t grain) {
  bool gathers = false;
  for (int k = 0; k < l.operands; ++k) gathers = gathers || !(l.full(k) || l.scalar(k));
  if (!gathers || l.total == 0) return {.tile = limit, .grain = grain, .within_rows = false};
  if (l.inner >= kLongRow) return {.tile = limit, .grain = grain, .within_rows = true};
  const int64_t tile = std::min<int64_t>(limit, kTile) / l.inner * l.inner;
  return {.tile = tile, .grain = (grain + tile - 1) / tile * tile, .within_rows = false};
}

TileReader::TileReader(const BroadcastLayout& layout, int operand, const void* data, int item, void* buffer)
    : layout_(&layout),
      operand_(operand),
      data_(static_cast<const char*>(data)),
      item_(item),
      buffer_(static_cast<char*>(buffer)) {}

int64_t TileReader::offset_of(int64_t row) const {
  int64_t offset = 0;
  for (int d = layout_->rank - 2; d >= 0; --d) {
    offset += row % layout_->size[d] * layout_->stride[operand_][d];
    row /= layout_->size[d];
  }
  return offset;
}

void TileReader::expand(int64_t first, int64_t n) {
  const int64_t inner = layout_->inner;
  const bool varies = layout_->stride[operand_][layout_->rank - 1] != 0;
  for (char* to = buffer_; n > 0;) {
    const int64_t column = first % inner, count = std::min(inner - column, n);
    const char* from = data_ + (offset_of(first / inner) + (varies ? column : 0)) * item_;
    if (varies) {
      std::memcpy(to, from, static_cast<std::size_t>(count * item_));
    } else if (item_ == 4) {
      std::uint32_t value;
      std::memcpy(&value, from, sizeof value);
      for (int64_t i = 0; i < count; ++i) std::memcpy(to + i * 4, &value, sizeof value);
    } else {
      for (int64_t i = 0; i < count; ++i) std::memcpy(to + i * item_, from, static_cast<std::size_t>(item_));
    }
    to += count * item_;
    first += count;
    n -= count;
  }
}

TileOperand TileReader::at(int64_t first, int64_t n) {
  const BroadcastLayout& l = *layout_;
  if (l.scalar(operand_)) return {data_, 0};
  if (l.full(operand_)) return {data_ + first * item_, 1};
  const int64_t row = first / l.inner;
  if (l.inner >= kLongRow) {
    const int64_t step = l.stride[operand_][l.rank - 1];
    return {data_ + (offset_of(row) + first % l.inner * step) * item_, static_cast<int>(step)};
  }
  if (!l.row(operand_) || first % l.inner != 0 || n % l.inner != 0) {
    expand(first, n);
    ready_ = 0;
  } else if (ready_ < n) {
    expand(first, l.inner);
    repeat(buffer_, l.inner, n, item_);
    ready_ = n;
  }
  return {buffer_, 1};
}

TileOperand TileReader::within_row(int64_t first) const {
  const BroadcastLayout& l = *layout_;
  if (l.scalar(operand_)) return {data_, 0};
  if (l.full(operand_)) return {data_ + first * item_, 1};
  const int64_t step = l.stride[operand_][l.rank - 1];
  return {data_ + (offset_of(first / l.inner) + first % l.inner * step) * item_, static_cast<int>(step)};
}

// ---- Loops

void run_unary(UnaryRow row, const void* x, Element x_type, void* y, Element y_type, int64_t n, int64_t grain) {
  parallel_for(n, grain, [&](int64_t first, int64_t last) {
    row(static_cast<const char*>(x) + first * size_of(x_type), static_cast<char*>(y) + first * size_of(y_type),
        last - first);
  });
}

void run_binary(BinaryRow row, const BroadcastLayout& layout, const void* a, const void* b, Element type, void* y,
                Element y_type, int64_t grain) {
  const TileSplit split = split_tiles(layout, kNoLimit, grain);
  parallel_for(layout.total, split.grain, [&](int64_t first, int64_t last) {
    alignas(64) char buffer[2][kTile * 8];
    TileReader left(layout, 0, a, size_of(type), buffer[0]), right(layout, 1, b, size_of(type), buffer[1]);
    for_each_tile(layout, split, first, last, [&](int64_t at, int64_t n) {
      const TileOperand p = left.at(at, n), q = right.at(at, n);
      row(p.data, p.step, q.data, q.step, static_cast<char*>(y) + at * size_of(y_type), n);
    });
  });
}

void run_select(SelectRow row, const BroadcastLayout& layout, const void* condition, const void* a, const void* b,
                Element type, void* y) {
  const TileSplit split = split_tiles(layout, kNoLimit, 32768);
  parallel_for(layout.total, split.grain, [&](int64_t first, int64_t last) {
    alignas(64) char buffer[3][kTile * 8];
    TileReader flags(layout, 0, condition, 1, buffer[0]), left(layout, 1, a, size_of(type), buffer[1]),
        right(layout, 2, b, size_of(type), buffer[2]);
    for_each_tile(layout, split, first, last, [&](int64_t at, int64_t n) {
      const TileOperand c = flags.at(at, n), p = left.at(at, n), q = right.at(at, n);
      row(c.data, c.step, p.data, p.step, q.data, q.step, static_cast<char*>(y) + at * size_of(type), n);
    });
  });
}

void run_broadcast(const BroadcastLayout& layout, const void* x, int item, void* y) {
  const TileSplit split = split_tiles(layout, kNoLimit, 32768);
  parallel_for(layout.total, split.grain, [&](int64_t first, int64_t last) {
    alignas(64) char buffer[kTile * 8];
    TileReader reader(layout, 0, x, item, buffer);
    for_each_tile(layout, split, first, last, [&](int64_t at, int64_t n) {
      const TileOperand p = reader.at(at, n);
      char* to = static_cast<char*>(y) + at * item;
      if (p.step == 1) {
        std::memmove(to, p.data, static_cast<std::size_t>(n * item));
        return;
      }
      std::memcpy(to, p.data, static_cast<std::size_t>(item));
      repeat(to, 1, n, item);
    });
  });
}

}  // namespace addax::kernels
