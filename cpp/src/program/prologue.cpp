#include "program/prologue.h"

#include "addax/session.h"

namespace addax {

Prologue::Prologue(ProgramPtr program) : program_(std::move(program)) {
  std::vector<bool> derived(program_->variables.size(), false);
  for (const Assignment& a : program_->assignments) derived[static_cast<std::size_t>(a.variable)] = true;
  for (std::size_t i = 0; i < derived.size(); ++i)
    if (!derived[i]) sources_.push_back(program_->variables[i]);
}

Prologue::~Prologue() = default;

bool Prologue::changed() const {
  if (versions_.size() != sources_.size()) return true;
  for (std::size_t i = 0; i < sources_.size(); ++i)
    if (sources_[i]->version() != versions_[i]) return true;
  return false;
}

void Prologue::refresh_changed() {
  const std::lock_guard lock(mutex_);
  // Read first: what is written from here on makes the next refresh look again.
  const std::uint64_t writes = Variable::writes();
  if (session_ == nullptr || changed()) {
    std::vector<std::uint64_t> versions;
    for (const VariablePtr& source : sources_) versions.push_back(source->version());
    if (session_ == nullptr) session_ = std::make_unique<Session>(program_, std::span<const Shape>());
    session_->run({}, {});
    versions_ = std::move(versions);
  }
  checked_.store(writes, std::memory_order_release);
}

}  // namespace addax
