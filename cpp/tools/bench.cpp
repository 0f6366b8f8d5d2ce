#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <set>

#include "commands.h"

namespace addax::tools {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Moderate values for floats, 0 and 1 for the rest: ids that every embedding has.
Tensor sample(DType dtype, const Shape& shape) {
  Tensor x(DType::float32, shape);
  for (std::int64_t i = 0; i < x.elements(); ++i)
    x.data_as<float>()[i] =
        is_floating(dtype) ? static_cast<float>(i * 37 % 101) / 101.0F - 0.5F : static_cast<float>(i % 2);
  return dtype == DType::float32 ? x : ops::cast(x, dtype).tensor();
}

std::string duration(double seconds) {
  char out[32];
  if (seconds < 1e-3)
    std::snprintf(out, sizeof out, "%.2f µs", seconds * 1e6);
  else
    std::snprintf(out, sizeof out, "%.2f ms", seconds * 1e3);
  return out;
}

// A session with memory for its inputs and outputs.
class Bench {
 public:
  Bench(const Model& model, int batch, int open) : session_(model, shapes_of(model, batch, open)) {
    const std::vector<Shape> shapes = shapes_of(model, batch, open);
    for (std::size_t i = 0; i < shapes.size(); ++i) x_.push_back(sample(model.inputs()[i].dtype, shapes[i]));
    for (int i = 0; i < session_.output_count(); ++i)
      y_.emplace_back(session_.output_dtype(i), session_.output_shape(i));
    for (const Tensor& x : x_) in_.push_back(x.data());
    for (const Tensor& y : y_) out_.push_back(y.data());
  }

  // Seconds of each run, sorted.
  std::vector<double> measure(double seconds) {
    constexpr std::size_t kMostRuns = 1'000'000;
    std::vector<double> times;
    times.reserve(kMostRuns);
    const Clock::time_point begin = Clock::now();
    do session_.run(in_, out_);
    while (seconds_since(begin) < seconds / 5);  // caches and clocks are warm now
    const Clock::time_point start = Clock::now();
    do {
      const Clock::time_point before = Clock::now();
      session_.run(in_, out_);
      times.push_back(seconds_since(before));
    } while (seconds_since(start) < seconds && times.size() < kMostRuns);
    std::sort(times.begin(), times.end());
    return times;
  }

 private:
  // Of what is open, the first size is the batch.
  static std::vector<Shape> shapes_of(const Model& model, int batch, int open) {
    std::vector<Shape> shapes;
    for (const Port& input : model.inputs()) {
      Shape shape;
      for (const Dim& dim : input.shape) shape.push_back(dim.known() ? dim.value() : shape.rank() == 0 ? batch : open);
      shapes.push_back(shape);
    }
    return shapes;
  }

  Session session_;
  std::vector<Tensor> x_, y_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
};

// The smallest time that this share of the runs does not exceed.
double percentile(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

std::vector<int> one_and_all() {
  const int all = thread_count();
  return all == 1 ? std::vector{1} : std::vector{1, all};
}

}  // namespace

int bench(const std::vector<std::string>& given) {
  const Arguments arguments(given, {"batch", "threads", "seconds", "open"});
  const std::vector<int> batches = arguments.list("batch", {1, 8, 64});
  const std::vector<int> threads = arguments.list("threads", one_and_all());
  const double seconds = arguments.number("seconds", 0.5);
  const int open = arguments.list("open", {16}).back();
  if (arguments.words().size() > 1) throw UsageError{"bench takes one model"};
  const Model model = load_model(arguments);

  std::vector<std::vector<std::string>> rows{{"batch", "threads", "p50", "p90", "p99", "max", "samples/s", "runs"}};
  for (const int count : threads) {
    set_thread_count(count);
    for (const int batch : batches) {
      const std::vector<double> times = Bench(model, batch, open).measure(seconds);
      double total = 0;
      for (const double t : times) total += t;
      const double rate = batch * static_cast<double>(times.size()) / total;
      rows.push_back({std::to_string(batch), std::to_string(count), duration(percentile(times, 0.5)),
                      duration(percentile(times, 0.9)), duration(percentile(times, 0.99)), duration(times.back()),
                      std::to_string(std::llround(rate)), std::to_string(times.size())});
    }
  }
  std::fputs(table(rows, 0).c_str(), stdout);
  return 0;
}

}  // namespace addax::tools
