#include <cstdint>
#include <cstring>
#include <string>

#include "file/program_json.h"

namespace addax::file {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int digit(char c) {
  const char* const at = c == '\0' ? nullptr : std::strchr(kAlphabet, c);
  return at == nullptr ? -1 : static_cast<int>(at - kAlphabet);
}

}  // namespace

std::string to_base64(const void* data, std::int64_t bytes) {
  const auto* p = static_cast<const std::uint8_t*>(data);
  std::string out;
  out.reserve(static_cast<std::size_t>((bytes + 2) / 3 * 4));
  for (std::int64_t i = 0; i < bytes; i += 3) {
    const std::int64_t left = bytes - i;
    const std::uint32_t group =
        std::uint32_t{p[i]} << 16 | (left > 1 ? std::uint32_t{p[i + 1]} << 8 : 0) | (left > 2 ? p[i + 2] : 0);
    for (int k = 0; k < 4; ++k) out += k <= left ? kAlphabet[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::string from_base64(const std::string& text, std::string_view what) {
  if (text.size() % 4 != 0) fail(ErrorKind::value, what, ": base64 of ", text.size(), " characters");
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const int padding = !last ? 0 : text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const int value = static_cast<int>(k) >= 4 - padding ? 0 : digit(text[i + k]);
      if (value < 0) fail(ErrorKind::value, what, ": a character that base64 does not have");
      group = group << 6 | static_cast<std::uint32_t>(value);
    }
    for (int k = 0; k < 3 - padding; ++k) out += static_cast<char>(group >> (16 - 8 * k) & 255);
  }
  return out;
}

}  // namespace addax::file
