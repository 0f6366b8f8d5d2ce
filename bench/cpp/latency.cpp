// addax_latency FOLDER [ONNX RUNTIME'S LIBRARY]: how long one call takes in a native app, on one thread. Both libraries
// compute on buffers of the caller's, by turns, each call timed by itself; what they give is compared first. Prints a
// line per model and library: model, library, version, median and 99th percentile in microseconds.
#include <addax/addax.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>

#include "onnx_runtime.h"

namespace {

using Call = std::function<void()>;

constexpr int kRounds = 20;
constexpr double kSecondsPerTurn = 0.1;

struct Workload {
  const char* name;
  std::vector<std::int64_t> input, output;
  std::int64_t state;  // numbers that go from call to call; 0: none
};

// The recurrent model takes a block of 64 samples a call and goes on where it stopped.
const Workload kWorkloads[] = {{"mlp", {1, 32}, {1, 1}, 0},
                               {"mnist", {1, 28, 28, 1}, {1, 10}, 0},
                               {"gru", {1, 64, 1}, {1, 64, 1}, 16},
                               {"lstm", {1, 64, 1}, {1, 64, 1}, 32}};

std::size_t elements(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return static_cast<std::size_t>(count);
}

struct Buffers {
  std::vector<float> x, y;
};

Call addax_call(const std::string& path, const Workload& workload, Buffers& buffers) {
  const addax::Model model = addax::Model::load(path);
  const bool streams = workload.state > 0;
  const auto session =
      std::make_shared<addax::Session>(model, std::vector{addax::Shape(workload.input)},
                                       streams ? addax::Session::Kind::stream : addax::Session::Kind::predict);
  float *const x = buffers.x.data(), *const y = buffers.y.data();
  if (streams) return [=] { session->step(x, y); };
  return [=] { session->run(x, y); };
}

// The state goes in one of two buffers and comes out in the other.
Call onnx_call(const OnnxRuntime& library, const std::string& path, const Workload& workload, Buffers& buffers) {
  struct Held {
    void* session;
    std::vector<const char*> input_names{"x"}, output_names{"y"};
    std::vector<void*> inputs[2], outputs[2];
    std::vector<float> states[2];
    int turn = 0;
  };
  const auto held = std::make_shared<Held>();
  held->session = library.open(path);
  for (int turn = 0; turn < 2; ++turn) {
    held->inputs[turn] = {library.tensor(buffers.x, workload.input)};
    held->outputs[turn] = {library.tensor(buffers.y, workload.output)};
    held->states[turn].resize(static_cast<std::size_t>(workload.state));
  }
  if (workload.state > 0) {
    held->input_names.push_back("state");
    held->output_names.push_back("next");
    for (int turn = 0; turn < 2; ++turn) {
      held->inputs[turn].push_back(library.tensor(held->states[turn], {workload.state}));
      held->outputs[turn].push_back(library.tensor(held->states[1 - turn], {workload.state}));
    }
  }
  return [held, &library] {
    library.run(held->session, held->input_names, held->inputs[held->turn], held->output_names,
                held->outputs[held->turn]);
    held->turn = 1 - held->turn;
  };
}

// Times calls for a while, each by itself.
void measure(const Call& call, std::vector<double>& times) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(kSecondsPerTurn);
  for (int i = 0; i < 100; ++i) call();  // caches are the other's
  for (auto before = Clock::now(); before < end;) {
    call();
    const auto after = Clock::now();
    times.push_back(std::chrono::duration<double, std::micro>(after - before).count());
    before = Clock::now();
  }
}

void print(const char* model, const char* library, const std::string& version, std::vector<double>& times) {
  std::sort(times.begin(), times.end());
  std::printf("%s\t%s\t%s\t%.4f\t%.4f\n", model, library, version.c_str(), times[times.size() / 2],
              times[times.size() * 99 / 100]);
}

// The first calls, states and all, must agree.
void require_agreement(const Call& ours, const Buffers& mine, const Call& theirs, const Buffers& other,
                       const char* name) {
  for (int i = 0; i < 3; ++i) {
    ours();
    theirs();
    for (std::size_t k = 0; k < mine.y.size(); ++k)
      if (!(std::abs(mine.y[k] - other.y[k]) <= 1e-4f))
        throw std::runtime_error(addax::text("the libraries disagree on ", name, ": ", mine.y[k], ", ", other.y[k]));
  }
}

void compare(const std::string& folder, const Workload& workload, const OnnxRuntime* onnx) {
  Buffers mine, other;
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  mine.x.resize(elements(workload.input));
  for (float& x : mine.x) x = uniform(random);
  mine.y.resize(elements(workload.output));
  other = mine;

  const Call ours = addax_call(folder + "/" + workload.name, workload, mine);
  Call theirs;
  if (onnx != nullptr) {
    theirs = onnx_call(*onnx, folder + "/" + workload.name + ".onnx", workload, other);
    require_agreement(ours, mine, theirs, other, workload.name);
  }
  std::vector<double> our_times, their_times;
  for (int round = 0; round < kRounds; ++round) {
    measure(ours, our_times);
    if (theirs) measure(theirs, their_times);
  }
  print(workload.name, "addax", "", our_times);
  if (theirs) print(workload.name, "onnxruntime", onnx->version(), their_times);
}

}  // namespace

int main(int count, char** arguments) try {
  if (count < 2) throw std::runtime_error("usage: addax_latency FOLDER [ONNX RUNTIME'S LIBRARY]");
  addax::set_thread_count(1);
  std::unique_ptr<OnnxRuntime> onnx;
  if (count > 2) onnx = std::make_unique<OnnxRuntime>(arguments[2]);
  for (const Workload& workload : kWorkloads) compare(arguments[1], workload, onnx.get());
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
