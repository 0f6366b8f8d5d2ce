// SHA-256 (FIPS 180-4), for naming and checking weight files.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace addax {

std::array<std::uint8_t, 32> sha256(std::span<const std::uint8_t> bytes);
// The same without the instructions that some processors have for it.
std::array<std::uint8_t, 32> sha256_portable(std::span<const std::uint8_t> bytes);
std::string sha256_hex(std::span<const std::uint8_t> bytes);

}  // namespace addax
