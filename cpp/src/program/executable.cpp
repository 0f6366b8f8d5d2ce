#include <algorithm>

#include "addax/session.h"

namespace addax {

struct Executable::Kept {
  std::vector<Shape> shapes;
  Session session;
  bool busy;
  std::uint64_t released;  // the number of its latest release; guarded by the executable's mutex, as `busy` is
};

Executable::Executable(ProgramPtr program) : program_(std::move(program)) {}
Executable::~Executable() = default;

Session& Executable::Lease::operator*() const { return kept_->session; }

Executable::Lease Executable::acquire(std::span<const Shape> shapes) {
  {
    const std::lock_guard lock(mutex_);
    for (const std::unique_ptr<Kept>& kept : kept_) {
      if (kept->busy || !std::equal(kept->shapes.begin(), kept->shapes.end(), shapes.begin(), shapes.end())) continue;
      kept->busy = true;
      return {*this, *kept};
    }
  }
  auto made = std::make_unique<Kept>(
      Kept{{shapes.begin(), shapes.end()}, Session(program_, shapes), /*busy=*/true, /*released=*/0});
  const std::lock_guard lock(mutex_);
  kept_.push_back(std::move(made));
  return {*this, *kept_.back()};
}

void Executable::release(Kept& kept) noexcept {
  std::unique_ptr<Kept> dropped;  // ends after the lock
  const std::lock_guard lock(mutex_);
  kept.busy = false;
  kept.released = ++releases_;
  if (kept_.size() <= kMaxPlans) return;
  const auto oldest = std::min_element(kept_.begin(), kept_.end(), [](const auto& a, const auto& b) {
    return a->busy != b->busy ? b->busy : a->released < b->released;
  });
  dropped = std::move(*oldest);
  kept_.erase(oldest);
}

std::vector<Tensor> Executable::run(std::span<const Tensor> inputs) {
  std::vector<Shape> shapes;
  std::vector<const void*> in;
  for (const Tensor& tensor : inputs) {
    shapes.push_back(tensor.shape());
    in.push_back(tensor.data());
  }
  const Lease session = acquire(shapes);
  std::vector<Tensor> results;
  std::vector<void*> out;
  for (int i = 0; i < session->output_count(); ++i) {
    results.emplace_back(session->output_dtype(i), session->output_shape(i));
    out.push_back(results.back().data());
  }
  session->run(in, out);
  return results;
}

}  // namespace addax
