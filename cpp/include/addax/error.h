// Errors: one class, one kind per Python exception type. Any thread; nothing is printed.
//
// The core throws. An app that is compiled without exceptions or RTTI defines ADDAX_NO_EXCEPTIONS and uses what returns
// a Status (status.h): no exception leaves those functions.
#pragma once

#include <exception>
#include <sstream>
#include <string>
#include <utility>

namespace addax {

enum class ErrorKind { value, type, index, memory, io, unsupported, runtime };

class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}
  ~Error() override;
  const char* what() const noexcept override { return message_.c_str(); }
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
  std::string message_;
};

// The parts written one after the other, as a stream writes them.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

[[noreturn]] void raise(ErrorKind kind, std::string message);

template <class... Parts>
[[noreturn]] void fail(ErrorKind kind, const Parts&... parts) {
  raise(kind, text(parts...));
}

}  // namespace addax
