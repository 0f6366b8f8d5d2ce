// The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. Six magic bytes, two of version,
// the header's size (2 bytes in version 1, 4 in version 2), and the header, a Python dictionary of three entries.
#include "npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace addax::tools {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeader = 65536;

constexpr std::array<std::pair<std::string_view, DType>, 7> kTypes{{{"|b1", DType::boolean},
                                                                    {"|u1", DType::uint8},
                                                                    {"<i4", DType::int32},
                                                                    {"<i8", DType::int64},
                                                                    {"<f2", DType::float16},
                                                                    {"<f4", DType::float32},
                                                                    {"<f8", DType::float64}}};

struct Header {
  DType dtype;
  Shape shape;
};

// Reads a header from left to right; whatever is not expected is an error.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& path) : rest_(text), path_(path) {}

  Header read() {
    Header header{};
    std::array<bool, 3> seen{};
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !seen[0]) {
        header.dtype = dtype(quoted());
        seen[0] = true;
      } else if (key == "fortran_order" && !seen[1]) {
        read_order();
        seen[1] = true;
      } else if (key == "shape" && !seen[2]) {
        header.shape = shape();
        seen[2] = true;
      } else {
        damaged();
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (!rest_.empty() || !std::all_of(seen.begin(), seen.end(), [](bool s) { return s; })) damaged();
    return header;
  }

 private:
  [[noreturn]] void damaged() const { fail(ErrorKind::value, "'", path_, "' has a header that no .npy file has"); }

  void skip_blanks() {
    const std::size_t n = rest_.find_first_not_of(" \n");
    rest_.remove_prefix(n == std::string_view::npos ? rest_.size() : n);
  }

  bool accept(char c) {
    skip_blanks();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!accept(c)) damaged();
  }

  bool accept(std::string_view word) {
    skip_blanks();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  std::string_view quoted() {
    expect('\'');
    const std::size_t end = rest_.find('\'');
    if (end == std::string_view::npos) damaged();
    const std::string_view found = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return found;
  }

  DType dtype(std::string_view code) const {
    for (const auto& [known, dtype] : kTypes)
      if (known == code) return dtype;
    fail(ErrorKind::type, "'", path_, "' has elements of type '", code.substr(0, 20),
         "'; little-endian bool, uint8, int32, int64, float16, float32 and float64 are read");
  }

  void read_order() {
    if (accept(std::string_view("True")))
      fail(ErrorKind::value, "'", path_, "' is in Fortran order: save np.ascontiguousarray of it");
    if (!accept(std::string_view("False"))) damaged();
  }

  Shape shape() {
    Shape sizes;
    expect('(');
    while (!accept(')')) {
      std::int64_t size = -1;
      skip_blanks();
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (error != std::errc() || size < 0) damaged();
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      if (sizes.rank() == kMaxRank) fail(ErrorKind::value, "'", path_, "' has more than ", kMaxRank, " dimensions");
      sizes.push_back(size);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return sizes;
  }

  std::string_view rest_;
  const std::string& path_;
};

std::string read_bytes(std::ifstream& file, std::size_t count, const std::string& path) {
  std::string bytes(count, '\0');
  if (!file.read(bytes.data(), static_cast<std::streamsize>(count)))
    fail(ErrorKind::value, "'", path, "' is cut off: it is not a whole .npy file");
  return bytes;
}

std::size_t little_endian(std::string_view bytes) {
  std::size_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

Tensor read_npy(const std::string& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) fail(ErrorKind::io, "cannot read '", path, "'");
  const std::string start = read_bytes(file, kMagic.size() + 2, path);
  if (!start.starts_with(kMagic)) fail(ErrorKind::value, "'", path, "' is not a .npy file");
  const int version = start[kMagic.size()];
  if ((version != 1 && version != 2) || start.back() != 0)
    fail(ErrorKind::value, "'", path, "' is a .npy file of a version other than 1.0 and 2.0");
  const std::size_t header_size = little_endian(read_bytes(file, version == 1 ? 2 : 4, path));
  if (header_size > kMaxHeader) fail(ErrorKind::value, "'", path, "' has a header of ", header_size, " bytes");
  const Header header = HeaderReader(read_bytes(file, header_size, path), path).read();

  const auto rest = static_cast<std::int64_t>(size) - static_cast<std::int64_t>(file.tellg());
  const std::int64_t bytes = header.shape.elements() * size_of(header.dtype);
  if (bytes != rest)
    fail(ErrorKind::value, "'", path, "' holds ", rest, " bytes of data; shape ", header.shape, " of ", header.dtype,
         " needs ", bytes);
  Tensor tensor(header.dtype, header.shape);
  if (!file.read(tensor.data_as<char>(), bytes)) fail(ErrorKind::io, "cannot read '", path, "'");
  const auto* const first = tensor.data_as<std::uint8_t>();
  if (header.dtype == DType::boolean && std::any_of(first, first + bytes, [](std::uint8_t b) { return b > 1; }))
    fail(ErrorKind::value, "'", path, "' has truth values other than 0 and 1");
  return tensor;
}

void write_npy(const std::string& path, const Tensor& tensor) {
  std::string_view code;
  for (const auto& [known, dtype] : kTypes)
    if (dtype == tensor.dtype()) code = known;
  if (code.empty()) fail(ErrorKind::type, "a .npy file cannot hold ", tensor.dtype());
  std::string header = text("{'descr': '", code, "', 'fortran_order': False, 'shape': ", tensor.shape(), ", }");
  constexpr std::size_t kAlignment = 64, kPrefix = 10;
  header.append(kAlignment - 1 - (kPrefix + header.size()) % kAlignment, ' ');
  header += '\n';
  std::ofstream file(path, std::ios::binary);
  file << kMagic << '\x01' << '\0' << static_cast<char>(header.size() & 0xFF) << static_cast<char>(header.size() >> 8);
  file << header;
  file.write(tensor.data_as<char>(), tensor.bytes());
  file.close();
  if (!file) fail(ErrorKind::io, "cannot write '", path, "'");
}

}  // namespace addax::tools
