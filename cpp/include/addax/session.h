// Session: a program planned for concrete input shapes, with its memory. `run` allocates nothing, takes no lock and
// does no I/O. One session per thread; sessions share the program's variables, which are read-only unless the program
// assigns.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "addax/program.h"

namespace addax {

struct Buffer;

class Session {
 public:
  // Throws if the shapes do not fit the program.
  Session(ProgramPtr program, std::span<const Shape> input_shapes);
  ~Session();
  Session(Session&&) noexcept;

  const Shape& output_shape(int i) const;
  DType output_dtype(int i) const;
  int output_count() const;
  std::int64_t arena_bytes() const;

  // Caller-owned memory of the planned shapes, 64-byte alignment not needed; inputs and outputs do not overlap. An
  // operation's error on the data (an index out of range) comes out as Error; all variables then keep their values.
  void run(std::span<const void* const> inputs, std::span<void* const> outputs);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A program with its sessions, one set per input shapes; the least recently used are dropped. Any number of threads.
class Executable {
 public:
  explicit Executable(ProgramPtr program);
  const ProgramPtr& program() const { return program_; }
  std::vector<Tensor> run(std::span<const Tensor> inputs);
  // A session for these shapes, taken out of the cache or made.
  std::unique_ptr<Session> acquire(std::span<const Shape> shapes);
  void release(std::span<const Shape> shapes, std::unique_ptr<Session> session);

 private:
  static constexpr std::size_t kMaxPlans = 16;
  struct Plan {
    std::vector<Shape> shapes;
    std::unique_ptr<Session> session;
  };
  ProgramPtr program_;
  std::mutex mutex_;
  std::vector<Plan> idle_;  // least recently used first
};

}  // namespace addax
