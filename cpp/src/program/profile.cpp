#include "program/profile.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string_view>

#include "base/parallel.h"
#include "kernels/kernels.h"

namespace addax {
namespace {

struct Event {
  std::string name, shapes;
  double start, duration;  // µs
  int thread;
};

// Events beyond this are dropped: the file stays readable for the viewers.
constexpr std::size_t kMaxEvents = 1'000'000;

// Everything that is written at the end of the process.
struct Record {
  std::mutex mutex;
  std::vector<std::shared_ptr<Profile>> profiles;
  std::vector<Event> events;
  std::string trace;  // path; empty: no trace
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
  bool on = false;
};

void write_record();

// Never destroyed: replays may run until the very end.
Record& record() {
  static Record& instance = *[] {
    auto* fresh = new Record;
    const char* wanted = std::getenv("ADDAX_PROFILE");
    const char* trace = std::getenv("ADDAX_TRACE");
    if (trace != nullptr) fresh->trace = trace;
    fresh->on = (wanted != nullptr && std::string_view(wanted) == "1") || !fresh->trace.empty();
    if (fresh->on) std::atexit(write_record);
    return fresh;
  }();
  return instance;
}

int thread_number() {
  static std::atomic<int> next{0};
  thread_local const int number = next++;
  return number;
}

// Multiply-adds in registers, as many a second as one core does: the fastest of some short tries.
double peak_flops() {
  double best = 0;
  for (int i = 0; i < 20; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const double flops = kernels::kernels().peak.multiply_adds();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, flops / seconds.count());
  }
  return best * thread_count();
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

void write_trace(const Record& r) {
  std::FILE* file = std::fopen(r.trace.c_str(), "w");
  if (file == nullptr) {
    std::fprintf(stderr, "addax: the trace file '%s' cannot be written\n", r.trace.c_str());
    return;
  }
  std::fputs("{\"traceEvents\":[\n", file);
  for (std::size_t i = 0; i < r.events.size(); ++i) {
    const Event& e = r.events[i];
    std::fprintf(
        file,
        "%s{\"name\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f,\"args\":{\"shapes\":\"%s\"}}",
        i == 0 ? "" : ",\n", escaped(e.name).c_str(), e.thread, e.start, e.duration, escaped(e.shapes).c_str());
  }
  std::fputs("\n]}\n", file);
  std::fclose(file);
}

void write_record() {
  Record& r = record();
  const std::lock_guard lock(r.mutex);
  const double peak = peak_flops();
  for (const auto& profile : r.profiles)
    if (profile->runs > 0) std::fputs(profile->table(peak).c_str(), stderr);
  if (!r.trace.empty()) write_trace(r);
}

template <class... Arguments>
std::string format(const char* pattern, Arguments... arguments) {
  char line[256];
  std::snprintf(line, sizeof line, pattern, arguments...);
  return line;
}

}  // namespace

std::shared_ptr<Profile> Profile::make(std::string title, std::vector<ProfiledStep> steps) {
  Record& r = record();
  if (!r.on) return nullptr;
  auto profile = std::make_shared<Profile>(std::move(title), std::move(steps));
  const std::lock_guard lock(r.mutex);
  r.profiles.push_back(profile);
  return profile;
}

void Profile::note(std::size_t step, Time start, Time end) {
  ProfiledStep& s = steps[step];
  s.nanoseconds += std::chrono::duration_cast<std::chrono::nanoseconds>(end - start).count();
  Record& r = record();
  if (r.trace.empty()) return;
  using Microseconds = std::chrono::duration<double, std::micro>;
  const std::lock_guard lock(r.mutex);
  if (r.events.size() < kMaxEvents)
    r.events.push_back(
        {s.name, s.shapes, Microseconds(start - r.begin).count(), Microseconds(end - start).count(), thread_number()});
}

std::string Profile::table(double peak_flops) const {
  struct Row {
    const ProfiledStep* step;
    int count = 0;
    double seconds = 0, flops = 0, bytes = 0;
  };
  std::map<std::pair<std::string, std::string>, Row> rows;
  double total = 0;
  for (const ProfiledStep& step : steps) {
    Row& row = rows[{step.name, step.shapes}];
    row.step = &step;
    ++row.count;
    const double seconds = static_cast<double>(step.nanoseconds) * 1e-9 / static_cast<double>(runs);
    row.seconds += seconds;
    row.flops += static_cast<double>(step.flops);
    row.bytes += static_cast<double>(step.bytes);
    total += seconds;
  }
  std::vector<Row> sorted;
  for (const auto& [key, row] : rows) sorted.push_back(row);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Row& a, const Row& b) { return a.seconds > b.seconds; });
  std::string out =
      format("\naddax: %s: %lld runs of %.1f us\n", title.c_str(), static_cast<long long>(runs), total * 1e6);
  out += format("%10s %6s %5s %9s %6s %8s  %s\n", "us/run", "%", "steps", "GFLOP/s", "%peak", "GB/s", "step");
  for (const Row& row : sorted) {
    const double rate = row.seconds > 0 ? row.flops / row.seconds : 0;
    out +=
        format("%10.2f %6.1f %5d %9.1f %6.1f %8.1f  ", row.seconds * 1e6, total > 0 ? 100 * row.seconds / total : 0,
               row.count, rate * 1e-9, 100 * rate / peak_flops, row.seconds > 0 ? row.bytes / row.seconds * 1e-9 : 0);
    out += row.step->name + " " + row.step->shapes + "\n";
  }
  return out;
}

}  // namespace addax
