// Status and Expected: how functions that never throw say what went wrong.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "addax/error.h"
#include "addax/export.h"

namespace ADDAX_API addax {

/// Success, or the kind and the text of an error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ErrorKind kind, std::string message) : failed_(true), kind_(kind), message_(std::move(message)) {}

  bool ok() const noexcept { return !failed_; }
  explicit operator bool() const noexcept { return ok(); }
  ErrorKind kind() const noexcept { return kind_; }  ///< of a failure
  const std::string& message() const noexcept { return message_; }

 private:
  bool failed_ = false;
  ErrorKind kind_ = ErrorKind::runtime;
  std::string message_;
};

/// A T, or the reason why there is none.
template <class T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) noexcept : value_(std::move(value)) {}          // NOLINT: a value is what was expected
  Expected(Status status) noexcept : status_(std::move(status)) {}  // NOLINT: a failure is an answer, too

  bool ok() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  const Status& status() const noexcept { return status_; }
  T& operator*() noexcept { return *value_; }  ///< only if ok()
  T* operator->() noexcept { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace addax
