#include "addax/batch_loop.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/parallel.h"
#include "kernels/elementwise.h"

namespace addax {
namespace {

using Clock = std::chrono::steady_clock;

// Bytes worth a thread: some 10 µs of copying.
constexpr std::int64_t kGrain = 1 << 17;
// A batch of so many bytes is fetched into the cache while the step before it runs: shuffled rows come from anywhere,
// and the processor cannot guess the next. A larger one would drive the step's own values out.
constexpr std::int64_t kFetched = 1 << 13;

std::int64_t row_elements(const Column& column) {
  std::int64_t count = 1;
  for (int axis = 1; axis < column.shape.rank(); ++axis) count = checked_mul(count, column.shape[axis]);
  return count;
}

// Rows of one column, wanted contiguous and in the program's dtype.
struct Rows {
  const Column& column;
  const std::int64_t* order;  // null: as they lie
  std::int64_t elements;      // of a row
  kernels::UnaryRow convert;  // null: copied
  std::int64_t out_bytes;     // of a row

  const char* row(std::int64_t i) const {
    return static_cast<const char*>(column.data) + (order == nullptr ? i : order[i]) * column.row_stride;
  }

  // Rows [first, last) to `out`. `Bytes` is the size of a row if it is known to the compiler, else 0.
  template <int Bytes>
  void copy(std::int64_t first, std::int64_t last, char* out) const {
    const std::size_t bytes = Bytes > 0 ? Bytes : static_cast<std::size_t>(out_bytes);
    for (std::int64_t i = first; i < last; ++i, out += bytes) {
      std::memcpy(out, row(i), bytes);
    }
  }

  void fetch(std::int64_t first, std::int64_t last) const {
    for (std::int64_t i = first; i < last; ++i) __builtin_prefetch(row(i));
  }

  void take(std::int64_t first, std::int64_t last, char* out) const {
    if (convert != nullptr) {
      for (std::int64_t i = first; i < last; ++i, out += out_bytes) convert(row(i), out, elements);
    } else if (out_bytes == 4) {
      copy<4>(first, last, out);
    } else if (out_bytes == 16) {
      copy<16>(first, last, out);
    } else {
      copy<0>(first, last, out);
    }
  }
};

kernels::UnaryRow conversion(DType from, DType to) {
  if (from == to) return nullptr;
  return kernels::cast_row(static_cast<kernels::Element>(from), static_cast<kernels::Element>(to));
}

Rows rows_of(const Column& column, std::span<const std::int64_t> order, DType dtype) {
  const std::int64_t elements = row_elements(column);
  return {column, order.empty() ? nullptr : order.data(), elements, conversion(column.dtype, dtype),
          elements * size_of(dtype)};
}

}  // namespace

BatchLoop::BatchLoop(Executable& executable, std::vector<Column> columns, std::int64_t batch_size, Keep keep)
    : executable_(executable),
      columns_(std::move(columns)),
      inputs_(executable.program()->input_specs()),
      batch_size_(batch_size),
      keep_(keep) {
  check_columns();
  samples_ = columns_[0].shape[0];
  next_ = samples_;
  in_.resize(columns_.size());
  gathered_.resize(columns_.size());
}

void BatchLoop::check_columns() const {
  if (batch_size_ < 1) fail(ErrorKind::value, "a batch holds at least one sample; received a size of ", batch_size_);
  if (columns_.size() != inputs_.size() || columns_.empty())
    fail(ErrorKind::value, "the program takes ", inputs_.size(), " inputs; received ", columns_.size(), " columns");
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const Column& column = columns_[i];
    const std::string& name = executable_.program()->input_names[i];
    if (column.shape.rank() == 0 || column.shape[0] != columns_[0].shape[0])
      fail(ErrorKind::value, "the column of input '", name, "' has shape ", column.shape, "; wanted ",
           columns_[0].shape, "'s number of samples");
    const bool fits = column.dtype == inputs_[i].dtype || (is_floating(column.dtype) && is_floating(inputs_[i].dtype));
    if (!fits)
      fail(ErrorKind::type, "the column of input '", name, "' must be ", inputs_[i].dtype, "; received ", column.dtype);
  }
  if (keep_ == Keep::last) return;
  for (const Spec& spec : executable_.program()->output_specs()) {
    const Dims& batch = inputs_[0].dims;
    if (spec.dims.empty() || batch.empty() || !(spec.dims[0] == batch[0]))
      fail(ErrorKind::value, "a result of shape ", spec.dims, " has no row for each sample");
  }
}

void BatchLoop::begin(std::span<const std::int64_t> order) {
  next_ = samples_;  // no pass, if the order is refused
  if (!order.empty()) {
    if (static_cast<std::int64_t>(order.size()) != samples_)
      fail(ErrorKind::value, "the order must name ", samples_, " rows; received ", order.size());
    const auto [low, high] = std::minmax_element(order.begin(), order.end());
    if (*low < 0 || *high >= samples_)
      fail(ErrorKind::index, "the order names row ", *low < 0 ? *low : *high, " of ", samples_);
  }
  order_ = order;
  next_ = 0;
  results_.clear();
}

// Whether batches of the column need no copy: any stretch of rows is contiguous and of the right dtype.
bool BatchLoop::lies_ready(std::size_t i) const {
  const Column& column = columns_[i];
  return order_.empty() && column.dtype == inputs_[i].dtype &&
         column.row_stride == row_elements(column) * size_of(column.dtype);
}

std::vector<Shape> BatchLoop::shapes_of(std::int64_t rows) const {
  std::vector<Shape> shapes;
  for (const Column& column : columns_) {
    shapes.push_back(column.shape);
    shapes.back()[0] = rows;
  }
  return shapes;
}

void BatchLoop::take_rows(std::int64_t first, std::int64_t count) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const Column& column = columns_[i];
    if (lies_ready(i)) {
      in_[i] = static_cast<const char*>(column.data) + first * column.row_stride;
      continue;
    }
    if (!gathered_[i]) gathered_[i] = Tensor(inputs_[i].dtype, shapes_of(std::min(batch_size_, samples_))[i]);
    const Rows rows = rows_of(column, order_, inputs_[i].dtype);
    const std::int64_t bytes = rows.out_bytes;
    char* out = gathered_[i].data_as<char>();
    parallel_for(count, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(bytes, 1)),
                 [&](std::int64_t from, std::int64_t to) { rows.take(first + from, first + to, out + from * bytes); });
    in_[i] = out;
    const std::int64_t next = first + count, next_end = std::min(next + count, samples_);
    if (count * bytes <= kFetched) rows.fetch(next, next_end);
  }
}

// Memory for the results of the coming steps. Results that were given out are not written again.
void BatchLoop::make_results(const Replay& replay, std::int64_t rows) {
  if (keep_ == Keep::all && !results_.empty()) return;
  results_.clear();
  for (int i = 0; i < replay.output_count(); ++i) {
    Shape shape = replay.output_shape(i);
    if (keep_ == Keep::all && shape[0] != rows)
      fail(ErrorKind::value, "a result of shape ", shape, " has no row for each of ", rows, " samples");
    if (keep_ == Keep::all) shape[0] = samples_;
    results_.emplace_back(replay.output_dtype(i), shape);
  }
}

std::int64_t BatchLoop::run(std::int64_t most, std::chrono::nanoseconds limit) {
  const Clock::time_point end = Clock::now() + limit;
  std::int64_t steps = 0;
  while (!done() && steps < most) {
    // As many steps as have the same shapes.
    const std::int64_t rows = std::min(batch_size_, samples_ - next_);
    const Executable::Lease replay = executable_.acquire(shapes_of(rows));
    make_results(*replay, rows);
    out_.resize(results_.size());
    while (samples_ - next_ >= rows && steps < most) {
      take_rows(next_, rows);
      for (std::size_t i = 0; i < results_.size(); ++i) {
        const std::int64_t offset = keep_ == Keep::all ? results_[i].bytes() / samples_ * next_ : 0;
        out_[i] = results_[i].data_as<char>() + offset;
      }
      replay->run(in_, out_);
      next_ += rows;
      ++steps;
      if (Clock::now() >= end) return steps;
    }
  }
  return steps;
}

}  // namespace addax
