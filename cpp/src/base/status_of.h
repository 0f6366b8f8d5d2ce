// From exceptions to statuses, where an app is compiled without the former.
#pragma once

#include <new>
#include <optional>
#include <utility>

#include "addax/status.h"

namespace addax {

// The words of an error take memory; where there is none, that is what went wrong, in words that a string holds itself.
inline Status failure(ErrorKind kind, const char* words) noexcept {
  try {
    return {kind, words};
  } catch (const std::bad_alloc&) {
    return {ErrorKind::memory, "out of memory"};
  }
}

// Runs a function that may throw; what it threw as a Status.
template <class Function>
Status status_of(const Function& function) noexcept {
  try {
    function();
    return {};
  } catch (const Error& error) {
    return failure(error.kind(), error.what());
  } catch (const std::bad_alloc&) {
    return failure(ErrorKind::memory, "out of memory");
  } catch (const std::exception& error) {
    return failure(ErrorKind::runtime, error.what());
  } catch (...) {
    return failure(ErrorKind::runtime, "an unknown error");
  }
}

template <class T, class Function>
Expected<T> expected(const Function& function) noexcept {
  std::optional<T> value;
  Status status = status_of([&] { value.emplace(function()); });
  if (!status.ok()) return status;
  return std::move(*value);
}

}  // namespace addax
