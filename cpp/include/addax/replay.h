// Replay: a program planned for concrete input shapes, with its memory. `run` allocates nothing, takes no lock and
// does no I/O. One replay per thread; replays share the program's variables, which are read-only unless the program
// assigns.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "addax/export.h"
#include "addax/program.h"

namespace ADDAX_API addax {

struct Buffer;

class Replay {
 public:
  /// Throws if the shapes do not fit the program.
  Replay(ProgramPtr program, std::span<const Shape> input_shapes);
  /// The same in the memory of another replay, if there is enough of it. The two may not run at the same time.
  Replay(ProgramPtr program, std::span<const Shape> input_shapes, const Replay& other);
  ~Replay();
  Replay(Replay&&) noexcept;

  const Shape& output_shape(int i) const;
  DType output_dtype(int i) const;
  int output_count() const;
  std::int64_t arena_bytes() const;
  bool shares_memory_with(const Replay& other) const;

  /// Caller-owned memory of the planned shapes, aligned as its elements are; inputs and outputs do not overlap. An
  /// operation's error on the data (an index out of range) comes out as Error; all variables then keep their values.
  void run(std::span<const void* const> inputs, std::span<void* const> outputs);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A program with its replays, one set per input shapes; the least recently used are dropped. Replays that need not
/// run at the same time share their memory. Any number of threads.
class Executable {
 public:
  explicit Executable(ProgramPtr program);
  ~Executable();
  const ProgramPtr& program() const { return program_; }
  std::vector<Tensor> run(std::span<const Tensor> inputs);

  /// A replay for as long as the lease lives; then others may have it. The executable outlives its leases.
  class Lease;
  /// For inputs of these shapes: an idle replay, or a new one.
  Lease acquire(std::span<const Shape> shapes);

 private:
  static constexpr std::size_t kMaxPlans = 16;
  struct Kept;
  Kept* find_idle(std::span<const Shape> shapes);
  Kept* largest_idle();
  bool is_idle(const Kept& kept) const;
  void release(Kept& kept) noexcept;

  ProgramPtr program_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Kept>> kept_;
  std::uint64_t releases_ = 0;
};

class Executable::Lease {
 public:
  Lease(Lease&& other) noexcept : executable_(other.executable_), kept_(std::exchange(other.kept_, nullptr)) {}
  ~Lease() {
    if (kept_ != nullptr) executable_.release(*kept_);
  }
  Replay& operator*() const;
  Replay* operator->() const { return &**this; }

 private:
  friend class Executable;
  Lease(Executable& executable, Kept& kept) : executable_(executable), kept_(&kept) {}
  Executable& executable_;
  Kept* kept_;
};

}  // namespace addax
