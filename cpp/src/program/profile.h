// Profile: where the time of a replay's steps goes. On if ADDAX_PROFILE is 1 when the replay is made: a table on
// standard error when the process ends; ADDAX_TRACE=file writes every step as an event of Chrome's trace format
// (chrome://tracing, ui.perfetto.dev) as well. Off, it costs a replay one test of a pointer per run.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace addax {

struct ProfiledStep {
  std::string name;    // the operation's
  std::string shapes;  // inputs -> outputs
  std::int64_t flops;  // a run; as the operation counts them
  std::int64_t bytes;  // a run: inputs and outputs, each once
  std::int64_t nanoseconds = 0;
};

// Belongs to one replay and is used by one thread at a time, as the replay.
class Profile {
 public:
  // Null unless the environment asks for profiles. The process keeps it until its end.
  static std::shared_ptr<Profile> make(std::string title, std::vector<ProfiledStep> steps);

  Profile(std::string title, std::vector<ProfiledStep> steps) : title(std::move(title)), steps(std::move(steps)) {}

  // Times one step.
  template <class F>
  void time(std::size_t step, const F& run) {
    const auto start = std::chrono::steady_clock::now();
    run();
    note(step, start, std::chrono::steady_clock::now());
  }
  void count_run() { ++runs; }

  // The table: steps with equal operation and shapes together, the dearest first. Peaks are those of the threads in
  // use, per second.
  std::string table(double peak_flops) const;

  const std::string title;
  std::vector<ProfiledStep> steps;
  std::int64_t runs = 0;

 private:
  using Time = std::chrono::steady_clock::time_point;
  void note(std::size_t step, Time start, Time end);
};

}  // namespace addax
