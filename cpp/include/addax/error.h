// Errors: one class, one kind per Python exception type. Any thread; nothing is printed.
//
// The core throws. An app that is compiled without exceptions or RTTI defines ADDAX_NO_EXCEPTIONS and uses what returns
// a Status (status.h): no exception leaves those functions.
#pragma once

#include <concepts>
#include <exception>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "addax/export.h"

namespace ADDAX_API addax {

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

/// One part of a message: borrowed, and how it is written to a stream. A call that makes a message is then a few stores
/// and one call, whatever its parts are; there are hundreds, hardly ever taken.
class MessagePart {
 public:
  MessagePart(const char* words);
  MessagePart(const std::string& words);
  MessagePart(const std::string_view& words);
  MessagePart(const char& letter);
  MessagePart(const bool& flag);
  template <std::integral T>
  MessagePart(const T& number) : value_(&number), write_(writer_of_integer(sizeof(T), std::is_signed_v<T>)) {}
  MessagePart(const float& number);
  MessagePart(const double& number);
  /// What has an operator<<.
  template <class T>
    requires(std::is_class_v<T> || std::is_enum_v<T>)
  MessagePart(const T& value)
      : value_(&value), write_([](std::ostream& out, const void* v) { out << *static_cast<const T*>(v); }) {}

  void write(std::ostream& out) const { write_(out, value_); }

 private:
  using Write = void (*)(std::ostream& out, const void* value);
  static Write writer_of_integer(std::size_t bytes, bool is_signed);
  const void* value_;
  Write write_;
};

/// The parts written one after the other, as a stream writes them.
std::string text_of(std::initializer_list<MessagePart> parts);
[[noreturn]] void raise(ErrorKind kind, std::initializer_list<MessagePart> parts);

template <class... Parts>
std::string text(const Parts&... parts) {
  return text_of({MessagePart(parts)...});
}

template <class... Parts>
[[noreturn]] inline __attribute__((always_inline)) void fail(ErrorKind kind, const Parts&... parts) {
  raise(kind, {MessagePart(parts)...});
}

}  // namespace addax
