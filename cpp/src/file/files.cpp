#include "file/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "addax/error.h"

namespace addax::file {
namespace {

constexpr std::string_view kTemporary = ".tmp-";

[[noreturn]] void io_error(std::string_view what, const std::string& path) {
  const int code = errno;
  fail(ErrorKind::io, what, " '", path, "': ", std::strerror(code));
}

// Closes what it holds.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  int get() const { return value_; }
  int release() {
    const int value = value_;
    value_ = -1;
    return value;
  }

 private:
  int value_;
};

std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (start <= path.size()) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    parts.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

void write_all(int descriptor, std::span<const std::uint8_t> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) io_error("cannot write", path);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

}  // namespace

void check_relative(std::string_view path) {
  const auto refuse = [&](std::string_view why) {
    fail(ErrorKind::value, "weights path '", path.substr(0, 120), "' is refused: ", why);
  };
  if (path.empty()) refuse("it is empty");
  for (const char c : path)
    if (static_cast<unsigned char>(c) < 32 || c == '\\' || c == ':')
      refuse("it has a control character, a backslash or a colon");
  for (const std::string& part : components(std::string(path))) {
    if (part.empty() || part == "." || part == "..") refuse("it must stay below the model's folder");
    if (part.size() > 255) refuse("a name is longer than 255 bytes");
  }
}

bool is_folder(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

void make_folder(const std::string& path) {
  if (is_folder(path)) return;
  if (::mkdir(path.c_str(), 0777) != 0) io_error("cannot create the folder", path);
}

Bytes joined(const std::vector<Bytes>& files) {
  if (files.size() == 1) return files[0];
  auto all = std::make_shared<std::vector<std::uint8_t>>();
  for (const Bytes& file : files) all->insert(all->end(), file.view.begin(), file.view.end());
  return {all, *all};
}

Folder::Folder(const std::string& path)
    : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0) io_error("cannot open the folder", path);
}

Folder::~Folder() { ::close(descriptor_); }

std::string Folder::path_of(const std::string& name) const {
  if (path_ == ".") return name;
  return path_.ends_with('/') ? path_ + name : path_ + "/" + name;
}

int Folder::open_below(const std::string& name) const {
  const std::vector<std::string> parts = components(name);
  Descriptor folder(-1);
  int at = descriptor_;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    // O_NONBLOCK: a FIFO must not hang us before fstat says that it is one.
    const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY);
    Descriptor next(::openat(at, parts[i].c_str(), flags));
    if (next.get() < 0 && (errno == ELOOP || errno == ENOTDIR))
      fail(ErrorKind::value, "'", name, "' below '", path_, "' is a link, which a model may not contain");
    if (next.get() < 0) io_error("cannot open", path_of(name));
    if (last) return next.release();
    folder = std::move(next);
    at = folder.get();
  }
  return -1;
}

// A regular file of at most `limit` bytes, and how many it has.
int Folder::open_file(const std::string& name, std::int64_t limit, std::size_t& bytes) const {
  Descriptor descriptor(open_below(name));
  const std::string path = path_of(name);
  struct stat info {};
  if (::fstat(descriptor.get(), &info) != 0) io_error("cannot read", path);
  if (!S_ISREG(info.st_mode)) fail(ErrorKind::value, "'", path, "' is not a regular file");
  if (info.st_size > limit)
    fail(ErrorKind::value, "'", path, "' has ", info.st_size, " bytes where at most ", limit, " belong to the model");
  bytes = static_cast<std::size_t>(info.st_size);
  return descriptor.release();
}

Bytes Folder::read(const std::string& name, std::int64_t limit) const {
  std::size_t size = 0;
  const Descriptor descriptor(open_file(name, limit, size));
  const auto bytes = std::make_shared_for_overwrite<std::uint8_t[]>(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(descriptor.get(), bytes.get() + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) io_error("cannot read", path_of(name));
    if (n == 0) fail(ErrorKind::value, "'", path_of(name), "' ended early");
    done += static_cast<std::size_t>(n);
  }
  return {bytes, {bytes.get(), size}};
}

Bytes Folder::map(const std::string& name, std::int64_t limit) const {
  std::size_t size = 0;
  const Descriptor descriptor(open_file(name, limit, size));
  if (size == 0) return {};
  void* const address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (address == MAP_FAILED) io_error("cannot map", path_of(name));
  return {std::shared_ptr<void>(address, [size](void* pages) { ::munmap(pages, size); }),
          {static_cast<const std::uint8_t*>(address), size}};
}

void Folder::write(const std::string& name, std::span<const std::uint8_t> bytes) const {
  const std::string path = path_of(name);
  const std::string temporary = text(".", name, kTemporary, ::getpid());
  try {
    const Descriptor descriptor(
        ::openat(descriptor_, temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (descriptor.get() < 0) io_error("cannot write", path);
    write_all(descriptor.get(), bytes, path);
    if (::fsync(descriptor.get()) != 0) io_error("cannot write", path);
    if (::renameat(descriptor_, temporary.c_str(), descriptor_, name.c_str()) != 0) io_error("cannot write", path);
  } catch (const Error&) {
    ::unlinkat(descriptor_, temporary.c_str(), 0);
    throw;
  }
  if (::fsync(descriptor_) != 0) io_error("cannot write", path_);
}

void Folder::remove(const std::string& name) const noexcept { ::unlinkat(descriptor_, name.c_str(), 0); }

bool Folder::is_abandoned(const std::string& name) const {
  const std::size_t at = name.rfind(kTemporary);
  if (name.empty() || name[0] != '.' || at == std::string::npos) return false;
  const std::string number = name.substr(at + kTemporary.size());
  if (number.empty() || number.size() > 9 || number.find_first_not_of("0123456789") != std::string::npos) return false;
  const pid_t process = static_cast<pid_t>(std::stol(number));
  return ::kill(process, 0) != 0 && errno == ESRCH;
}

std::vector<std::string> Folder::list() const {
  std::vector<std::string> names;
  DIR* const folder = ::opendir(path_.c_str());
  if (folder == nullptr) io_error("cannot list the folder", path_);
  while (const dirent* entry = ::readdir(folder)) names.emplace_back(entry->d_name);
  ::closedir(folder);
  return names;
}

}  // namespace addax::file
