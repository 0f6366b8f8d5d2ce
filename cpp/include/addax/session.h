// Session: a model planned for the sizes that an app uses, with all the memory it needs.
//
// Making a session packs the weights and runs the plans for the least and the largest sizes once, on zeros. After that
// `run`, `step` and `reset` allocate nothing and do no I/O; only a thread that has not computed before takes its
// scratch memory when it first does. They make no system call and wait for no lock either, as long as the work stays on
// the calling thread: models so small that no operation is worth a second thread, or set_thread_count(1) (threads.h).
// Weights are shared with all sessions of the model; when somebody trains it, the next run packs them anew.
//
// A model whose prediction changes its variables (a stateful layer of one's own, a layer that draws random numbers when
// it predicts) is the exception: its sessions share those variables and wait for each other, and making one runs
// nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "addax/export.h"
#include "addax/model.h"

namespace ADDAX_API addax {

/// One thread at a time; sessions of the same model may run in different threads. Keeps the model alive.
class Session {
 public:
  enum class Kind {
    predict,  ///< `run` computes the outputs for whole inputs
    stream    ///< `step` goes on where the step before stopped: the states of recurrent layers are kept
  };

#ifndef ADDAX_NO_EXCEPTIONS
  /// For inputs of these shapes, one per input of the model. For a stream, the second size is the time steps per call.
  /// Throws Error(value) if a shape does not fit, Error(unsupported) if the model cannot do that.
  Session(const Model& model, std::vector<Shape> shapes, Kind kind = Kind::predict);
  /// For all sizes between two bounds, both included, of the dimensions that the model leaves open: a plan for each is
  /// made now, all in the same memory. At most kMaxPlans; in a stream only the time may vary.
  Session(const Model& model, std::vector<Shape> least, std::vector<Shape> most, Kind kind = Kind::predict);
#endif
  static Expected<Session> try_make(const Model& model, std::vector<Shape> shapes, Kind kind = Kind::predict) noexcept;
  static Expected<Session> try_make(const Model& model, std::vector<Shape> least, std::vector<Shape> most,
                                    Kind kind = Kind::predict) noexcept;
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  static constexpr int kMaxPlans = 4096;

  /// What `run` and `step` take and write.
  int input_count() const;
  int output_count() const;
  DType input_dtype(int input) const;
  DType output_dtype(int output) const;
  /// For inputs of the largest sizes, or of the given ones.
  const Shape& output_shape(int output) const;
  const Shape& output_shape(int output, std::span<const Shape> inputs) const;
  /// Of the memory for the values that its plans compute and for the states of a stream; weights are the model's,
  /// inputs and outputs the caller's.
  std::int64_t bytes() const;

  /// Row-major values in the caller's memory, one address per input and per output, of the dtypes that the model's
  /// ports have, aligned as their elements are (a float to 4 bytes). Inputs and outputs do not overlap. A stream begins
  /// anew. Throws Error(value) for an address that is null or not aligned, Error(index) if the data hold an index out
  /// of range; states and variables then stay as they were.
  void run(std::span<const void* const> inputs, std::span<void* const> outputs);
  /// The same for sizes within the bounds.
  void run(std::span<const Shape> shapes, std::span<const void* const> inputs, std::span<void* const> outputs);
  /// The next time steps of a stream. All steps together give the bits of one run over the whole sequence.
  void step(std::span<const void* const> inputs, std::span<void* const> outputs);
  void step(std::span<const Shape> shapes, std::span<const void* const> inputs, std::span<void* const> outputs);
  /// Forgets what the stream has seen.
  void reset();

  /// For one input and one output of type float.
  void run(const float* input, float* output);
  void step(const float* input, float* output);

  Status try_run(std::span<const void* const> inputs, std::span<void* const> outputs) noexcept;
  Status try_run(std::span<const Shape> shapes, std::span<const void* const> inputs,
                 std::span<void* const> outputs) noexcept;
  Status try_run(const float* input, float* output) noexcept;
  Status try_step(std::span<const void* const> inputs, std::span<void* const> outputs) noexcept;
  Status try_step(std::span<const Shape> shapes, std::span<const void* const> inputs,
                  std::span<void* const> outputs) noexcept;
  Status try_step(const float* input, float* output) noexcept;

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace addax
