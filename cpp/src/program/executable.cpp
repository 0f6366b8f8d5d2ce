#include <algorithm>
#include <optional>

#include "addax/replay.h"

namespace addax {

struct Executable::Kept {
  std::vector<Shape> shapes;
  Replay replay;
  bool busy;
  std::uint64_t released;  // the number of its latest release; guarded by the executable's mutex, as `busy` is
};

Executable::Executable(ProgramPtr program) : program_(std::move(program)) {}
Executable::~Executable() = default;

Replay& Executable::Lease::operator*() const { return kept_->replay; }

// Whether neither the replay nor one that shares its memory is in use.
bool Executable::is_idle(const Kept& kept) const {
  return std::none_of(kept_.begin(), kept_.end(), [&](const auto& other) {
    return other->busy && (other.get() == &kept || other->replay.shares_memory_with(kept.replay));
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
    const bool larger = largest == nullptr || kept->replay.arena_bytes() > largest->replay.arena_bytes();
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
  // Planning takes its time: not under the lock. The replay whose memory may be shared is in use meanwhile.
  std::optional<Lease> lent;
  if (neighbour != nullptr) lent.emplace(Lease(*this, *neighbour));
  auto made = std::make_unique<Kept>(
      Kept{{shapes.begin(), shapes.end()},
           neighbour == nullptr ? Replay(program_, shapes) : Replay(program_, shapes, neighbour->replay),
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
  const Lease replay = acquire(shapes);
  std::vector<Tensor> results;
  std::vector<void*> out;
  for (int i = 0; i < replay->output_count(); ++i) {
    results.emplace_back(replay->output_dtype(i), replay->output_shape(i));
    out.push_back(results.back().data());
  }
  replay->run(in, out);
  return results;
}

}  // namespace addax
