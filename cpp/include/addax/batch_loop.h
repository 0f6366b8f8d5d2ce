// BatchLoop: a program run over the rows of arrays, batch after batch, many steps a call: the inside of an epoch of
// training, of an evaluation or of a prediction.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "addax/export.h"
#include "addax/replay.h"

namespace ADDAX_API addax {

/// An array in the caller's memory. Its first axis counts samples; a row's numbers lie together, rows may lie apart.
struct Column {
  const void* data;
  DType dtype;  ///< floating types are converted to the program's, a batch at a time
  Shape shape;
  std::int64_t row_stride;  ///< bytes from one row to the next
};

class BatchLoop {
 public:
  /// What is kept of the steps' results: those of the last step, or those of all, joined along their first axis.
  enum class Keep { last, all };

  /// The program's i-th input is a batch of rows of the i-th column. The executable and the columns' memory outlive the
  /// loop. Throws unless there are as many columns as inputs, all of the same number of samples, of dtypes that fit.
  /// With Keep::all every result has the batch as its first axis.
  BatchLoop(Executable& executable, std::vector<Column> columns, std::int64_t batch_size, Keep keep = Keep::last);

  std::int64_t samples() const { return samples_; }
  std::int64_t batches() const { return (samples_ + batch_size_ - 1) / batch_size_; }  ///< the last may be smaller

  /// Starts a pass. `order`, which outlives it, lists the rows as they are to be taken; empty: as they lie.
  void begin(std::span<const std::int64_t> order = {});
  bool done() const { return next_ >= samples_; }

  /// Runs steps until `most` are done, `limit` has passed or the pass is over, but at least one; how many it ran. A
  /// step that throws does not count. Not to be called by two threads at once.
  std::int64_t run(std::int64_t most, std::chrono::nanoseconds limit);

  /// As kept; of what the next call of `run` or `begin` does they see nothing.
  const std::vector<Tensor>& results() const { return results_; }

 private:
  void check_columns() const;
  bool lies_ready(std::size_t column) const;
  std::vector<Shape> shapes_of(std::int64_t rows) const;
  void make_results(const Replay& replay, std::int64_t rows);
  void take_rows(std::int64_t first, std::int64_t count);

  Executable& executable_;
  std::vector<Column> columns_;
  Specs inputs_;
  std::int64_t samples_ = 0;
  std::int64_t batch_size_;
  Keep keep_;
  std::span<const std::int64_t> order_;
  std::int64_t next_;             ///< the first sample, or place in the order, of the next batch
  std::vector<Tensor> gathered_;  ///< per column, room for a batch; empty where the rows can be used as they lie
  std::vector<Tensor> results_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
};

}  // namespace addax
