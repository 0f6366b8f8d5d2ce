#include "program/prologue.h"

#include "addax/replay.h"

namespace addax {

Prologue::Prologue(ProgramPtr program, std::vector<VariablePtr> derived)
    : program_(std::move(program)), derived_(std::move(derived)), spare_(derived_.size()) {}

Prologue::~Prologue() = default;

bool Prologue::changed() const {
  const std::vector<VariablePtr>& sources = program_->variables;
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (sources[i]->version() != versions_[i]) return true;
  return false;
}

void Prologue::refresh_changed() {
  const std::lock_guard lock(mutex_);
  // Read first: what is written from here on makes the next refresh look again.
  const std::uint64_t writes = Variable::writes();
  if (replay_ == nullptr || changed()) {
    std::vector<std::uint64_t> versions;
    for (const VariablePtr& source : program_->variables) versions.push_back(source->version());
    run();
    versions_ = std::move(versions);
  }
  checked_.store(writes, std::memory_order_release);
}

void Prologue::run() {
  const SuspendRecording suspended;
  if (replay_ == nullptr) replay_ = std::make_unique<Replay>(program_, std::span<const Shape>());
  std::vector<void*> outputs;
  for (std::size_t i = 0; i < derived_.size(); ++i) {
    Tensor& spare = spare_[i];
    const bool ours = spare.storage() != nullptr && spare.storage().use_count() == 1;
    if (!ours) spare = Tensor(derived_[i]->dtype(), derived_[i]->shape());
    outputs.push_back(spare.data());
  }
  replay_->run({}, outputs);
  for (std::size_t i = 0; i < derived_.size(); ++i) {
    Tensor before = derived_[i]->tensor();
    Variable::assign(derived_[i], Value(std::move(spare_[i])));
    // What changes again and again keeps two memories; weights that stay need one.
    if (!versions_.empty()) spare_[i] = std::move(before);
  }
}

}  // namespace addax
