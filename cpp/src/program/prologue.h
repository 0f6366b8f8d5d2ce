// Prologue: the part of a program that depends on state alone (folded or packed weights, tables). Its results are
// variables of their own, made again only when one of the variables that it reads has been written since.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "addax/program.h"

namespace addax {

class Replay;

// Shared by all replays of a program; any thread may refresh.
class Prologue {
 public:
  // `program` has no inputs and assigns nothing; its outputs become the values of the derived variables, in order,
  // which nobody else writes.
  Prologue(ProgramPtr program, std::vector<VariablePtr> derived);
  ~Prologue();

  const Program& program() const { return *program_; }

  // Runs the program if a variable has changed since it ran last. Takes no lock and allocates nothing if no variable
  // of the process has been written since; throws what the program's planning throws.
  void refresh() {
    if (checked_.load(std::memory_order_acquire) != Variable::writes()) refresh_changed();
  }

 private:
  void refresh_changed();
  bool changed() const;

  void run();

  ProgramPtr program_;
  std::vector<VariablePtr> derived_;
  std::atomic<std::uint64_t> checked_{0};  // Variable::writes() when the versions were compared last
  std::mutex mutex_;                       // guards what follows
  std::vector<std::uint64_t> versions_;    // of the sources, when the program ran last; empty: never
  std::unique_ptr<Replay> replay_;
  // The derived variables' values before: their memory is written next. The present values never are, for a replay
  // that runs elsewhere may just be taking hold of them.
  std::vector<Tensor> spare_;
};

}  // namespace addax
