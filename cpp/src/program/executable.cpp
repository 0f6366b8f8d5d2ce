#include <algorithm>
#include <optional>

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

// Whether neither the session nor one that shares its memory is in use.
bool Executable::is_idle(const Kept& kept) const {
  return std::none_of(kept_.begin(), kept_.end(), [&](const auto& other) {
    return other->busy && (other.get() == &kept || other->session.shares_memory_with(kept.session));
  });
}

Executable::Kept* Executable::find_idle(std::span<const Shape> shapes) {
  for (const auto& kept : kept_)
    if (std::equal(kept->shapes.begin(), kept->shapes.end(), shapes.begin(), shapes.end()) && is_idle(*kept))
      return kept.get();
  return nullptr;
}

Executable::Kept* Executable::largest_idle() {
  Kept* largest = nullptr;
  for (const auto& kept : kept_) {
    const bool larger = largest == nullptr || kept->session.arena_bytes() > largest->session.arena_bytes();
    if (larger && is_idle(*kept)) largest = kept.get();
  }
  return largest;
}

Executable::Lease Executable::acquire(std::span<const Shape> shapes) {
  Kept* neighbour = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (Kept* found = find_idle(shapes)) {
      found->busy = true;
      return {*this, *found};
    }
    neighbour = largest_idle();
    if (neighbour != nullptr) neighbour->busy = true;
  }
  // Planning takes its time: not under the lock. The session whose memory may be shared is in use meanwhile.
  std::optional<Lease> lent;
  if (neighbour != nullptr) lent.emplace(Lease(*this, *neighbour));
  auto made = std::make_unique<Kept>(
      Kept{{shapes.begin(), shapes.end()},
           neighbour == nullptr ? Session(program_, shapes) : Session(program_, shapes, neighbour->session),
           /*busy=*/true,
           /*released=*/0});
  Kept& kept = *made;
  {
    const std::lock_guard lock(mutex_);
    kept_.push_back(std::move(made));
  }
  return {*this, kept};
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
