// What addax-run does: a function per command, and the arguments they read. Each prints to standard output, throws
// Error for a failure and UsageError for a wrong command line, and returns the exit code.
#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "addax/addax.h"

namespace addax::tools {

struct UsageError {
  std::string message;
};

// Words in order, and `--name value` (or `--name=value`) for the names that a command knows.
class Arguments {
 public:
  Arguments(std::vector<std::string> given, const std::vector<std::string>& options);

  const std::vector<std::string>& words() const { return words_; }
  std::vector<std::string> values(const std::string& option) const;  // of all times it is given
  double number(const std::string& option, double otherwise) const;  // not negative
  // Whole numbers of 1 and more, separated by commas.
  std::vector<int> list(const std::string& option, std::vector<int> otherwise) const;

 private:
  std::vector<std::string> words_;
  std::vector<std::pair<std::string, std::string>> options_;
};

int summary(const std::vector<std::string>& arguments);
int predict(const std::vector<std::string>& arguments);
int verify(const std::vector<std::string>& arguments);
int bench(const std::vector<std::string>& arguments);

// The first word; throws UsageError if there is none.
Model load_model(const Arguments& arguments);
std::string shape_text(const Dims& dims);  // (None, 28, 28, 1)
// Text from a file as a terminal may have it: control characters as \x1b.
std::string printable(std::string_view text);

// Columns as wide as their widest cell, printable; the first `left` of them start at the left, numbers end at the
// right.
std::string table(std::vector<std::vector<std::string>> rows, std::size_t left, const std::string& indent = "");

}  // namespace addax::tools
