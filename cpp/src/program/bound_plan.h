// BoundPlan: a plan in memory, every step's buffers at their addresses. Running it is a loop over the steps.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "program/plan.h"
#include "program/profile.h"

namespace addax {

// What a run brings along. Variables are counted as the program's; a version stands for equal addresses of them all.
struct Addresses {
  const void* const* inputs;
  void* const* outputs;
  void* const* variables;
  std::uint64_t variables_version;
};

// One thread at a time.
class BoundPlan {
 public:
  // The arena has as many bytes as the plan wants and outlives this.
  BoundPlan(const Program& program, Plan plan, char* arena);
  BoundPlan(const BoundPlan&) = delete;
  BoundPlan& operator=(const BoundPlan&) = delete;

  const Plan& plan() const { return plan_; }
  void run(const Addresses& addresses);

 private:
  struct BoundStep {
    const Operation* operation;
    const Attributes* attributes;
    std::vector<Buffer> inputs, outputs;
    void* workspace;
    std::shared_ptr<void> prepared;

    Run call() const { return Run(*operation, *attributes, inputs, outputs, workspace, prepared.get()); }
    void run() const { operation->run(call()); }
  };
  // An operand whose address the caller, or a variable, decides.
  struct Patch {
    Buffer* buffer;
    int index;
  };

  BoundStep bind(const PlannedStep& step);
  Buffer buffer(int slot) const;
  const Place& place(int slot) const { return plan_.places[static_cast<std::size_t>(slot)]; }
  void* address(const Place& place) const;
  void collect_patches();
  void take(const Addresses& addresses);
  void run_profiled();
  void copy(const Copy& c) const;
  std::string title() const;
  std::vector<ProfiledStep> describe_steps() const;

  const Program& program_;
  const Plan plan_;
  char* const arena_;
  std::vector<BoundStep> steps_;
  std::vector<Patch> inputs_, outputs_, variables_;
  Addresses addresses_{};             // of the present run
  std::shared_ptr<Profile> profile_;  // null unless asked for
};

}  // namespace addax
