// Files below one folder. POSIX calls; errors are Error(io) with path and reason.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace addax::file {

// Bytes somewhere in memory, which stay as long as the owner.
struct Bytes {
  std::shared_ptr<void> owner;
  std::span<const std::uint8_t> view;
};

// The bytes of all, one after the other; of one alone, no copy.
Bytes joined(const std::vector<Bytes>& files);

class Folder {
 public:
  explicit Folder(const std::string& path);  // must exist
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  // The bytes of a regular file; `name` may have plain components separated by '/', no link on the way is followed. A
  // name that a stranger gave goes through `check_relative` first. More than `limit` bytes is an error.
  Bytes read(const std::string& name, std::int64_t limit) const;
  // The same, mapped: pages come when they are touched, and cannot be written. Whoever shortens the file meanwhile
  // takes them away; `write` does not, it makes a new file.
  Bytes map(const std::string& name, std::int64_t limit) const;
  // Temporary file, fsync, rename over `name`, fsync of the folder.
  void write(const std::string& name, std::span<const std::uint8_t> bytes) const;
  void remove(const std::string& name) const noexcept;
  // Whether `name` is a temporary file of `write` whose process is no more.
  bool is_abandoned(const std::string& name) const;
  std::vector<std::string> list() const;
  std::string path_of(const std::string& name) const;  // as the user would write it

 private:
  int open_below(const std::string& name) const;
  int open_file(const std::string& name, std::int64_t limit, std::size_t& bytes) const;
  std::string path_;
  int descriptor_;
};

void make_folder(const std::string& path);
bool is_folder(const std::string& path);

// Throws ValueError unless the path is relative and of plain components: no "..", no backslash, colon or control
// character, at most 255 bytes a component.
void check_relative(std::string_view path);

}  // namespace addax::file
