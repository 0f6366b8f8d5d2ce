#include "addax/error.h"

#include <cstdint>
#include <sstream>

namespace addax {
namespace {

template <class T>
void write_as(std::ostream& out, const void* value) {
  out << *static_cast<const T*>(value);
}

void write_words(std::ostream& out, const void* value) { out << static_cast<const char*>(value); }

}  // namespace

Error::~Error() = default;

MessagePart::MessagePart(const char* words) : value_(words), write_(write_words) {}
MessagePart::MessagePart(const std::string& words) : value_(&words), write_(write_as<std::string>) {}
MessagePart::MessagePart(const std::string_view& words) : value_(&words), write_(write_as<std::string_view>) {}
MessagePart::MessagePart(const char& letter) : value_(&letter), write_(write_as<char>) {}
MessagePart::MessagePart(const bool& flag) : value_(&flag), write_(write_as<bool>) {}
MessagePart::MessagePart(const float& number) : value_(&number), write_(write_as<float>) {}
MessagePart::MessagePart(const double& number) : value_(&number), write_(write_as<double>) {}

MessagePart::Write MessagePart::writer_of_integer(std::size_t bytes, bool is_signed) {
  if (bytes == 8) return is_signed ? write_as<std::int64_t> : write_as<std::uint64_t>;
  if (bytes == 4) return is_signed ? write_as<std::int32_t> : write_as<std::uint32_t>;
  if (bytes == 2) return is_signed ? write_as<std::int16_t> : write_as<std::uint16_t>;
  return is_signed ? write_as<signed char> : write_as<unsigned char>;
}

std::string text_of(std::initializer_list<MessagePart> parts) {
  std::ostringstream out;
  for (const MessagePart& part : parts) part.write(out);
  return out.str();
}

void raise(ErrorKind kind, std::initializer_list<MessagePart> parts) { throw Error(kind, text_of(parts)); }

}  // namespace addax
