#include "base/sha256.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "numbers.h"

using addax::sha256;
using addax::sha256_hex;
using addax::sha256_portable;

namespace {

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

// The examples of FIPS 180-4 as NIST publishes them, and those of its validation suite (SHA256ShortMsg) of 0 and 1
// byte.
TEST_CASE("SHA-256 gives the digests of the standard's examples") {
  const struct {
    std::string message, digest;
  } known[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"\xd3", "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrst"
       "u",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
      {std::string(1'000'000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const auto& [message, digest] : known) {
    CAPTURE(message.size());
    CHECK(sha256_hex(bytes_of(message)) == digest);
    CHECK(sha256_portable(bytes_of(message)) == sha256(bytes_of(message)));
  }
}

TEST_CASE("both ways to compute SHA-256 agree for every length around whole blocks") {
  test::Numbers numbers(1);
  std::vector<std::uint8_t> bytes(300);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(numbers.bits());
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(sha256(std::span(bytes).first(size)) == sha256_portable(std::span(bytes).first(size)));
  }
}
