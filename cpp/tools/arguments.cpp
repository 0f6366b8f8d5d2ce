#include <algorithm>
#include <cmath>

#include "commands.h"

namespace addax::tools {

Arguments::Arguments(std::vector<std::string> given, const std::vector<std::string>& options) {
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (!given[i].starts_with("--")) {
      words_.push_back(given[i]);
      continue;
    }
    const std::size_t equals = given[i].find('=');
    const std::string name = given[i].substr(2, equals == std::string::npos ? equals : equals - 2);
    if (std::find(options.begin(), options.end(), name) == options.end())
      throw UsageError{"there is no option '--" + name + "' here"};
    if (equals != std::string::npos) {
      options_.emplace_back(name, given[i].substr(equals + 1));
    } else {
      if (++i == given.size()) throw UsageError{"option '--" + name + "' wants a value"};
      options_.emplace_back(name, given[i]);
    }
  }
}

std::vector<std::string> Arguments::values(const std::string& option) const {
  std::vector<std::string> found;
  for (const auto& [name, value] : options_)
    if (name == option) found.push_back(value);
  return found;
}

double Arguments::number(const std::string& option, double otherwise) const {
  for (const std::string& value : values(option)) {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), otherwise);
    if (error != std::errc() || end != value.data() + value.size() || !std::isfinite(otherwise) || otherwise < 0)
      throw UsageError{"option '--" + option + "' wants a number that is not negative, not '" + value + "'"};
  }
  return otherwise;
}

std::vector<int> Arguments::list(const std::string& option, std::vector<int> otherwise) const {
  for (const std::string& value : values(option)) {
    otherwise.clear();
    const char *at = value.data(), *const end = at + value.size();
    for (;;) {
      int number = 0;
      const auto [next, error] = std::from_chars(at, end, number);
      if (error != std::errc() || number < 1 || (next != end && *next != ','))
        throw UsageError{"option '--" + option + "' wants whole numbers from 1 on, as in 1,8,64, not '" + value + "'"};
      otherwise.push_back(number);
      if (next == end) break;
      at = next + 1;
    }
  }
  return otherwise;
}

Model load_model(const Arguments& arguments) {
  if (arguments.words().empty()) throw UsageError{"which model? The folder that model.save wrote, or its model.json"};
  return load_layers_model(arguments.words()[0]);
}

std::string shape_text(const Dims& dims) {
  std::string out = "(";
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i > 0) out += ", ";
    out += dims[i].known() ? std::to_string(dims[i].value()) : "None";
  }
  return out + (dims.size() == 1 ? ",)" : ")");
}

std::string printable(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F, which some terminals obey, are two bytes: 0xC2 and the number.
    const bool second = i > 0 && static_cast<unsigned char>(text[i - 1]) == 0xC2 && byte < 0xA0 && byte >= 0x80;
    if (second) out.pop_back();
    if (byte < 0x20 || byte == 0x7F || second)
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    else
      out += text[i];
  }
  return out;
}

namespace {

// Characters, not bytes: what follows the first byte of a UTF-8 character takes no room.
std::size_t width_of(const std::string& cell) {
  return static_cast<std::size_t>(
      std::count_if(cell.begin(), cell.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::string table(std::vector<std::vector<std::string>> rows, std::size_t left, const std::string& indent) {
  std::vector<std::size_t> widths;
  for (auto& row : rows) {
    for (std::string& cell : row) cell = printable(cell);
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line = indent;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string blanks(widths[i] - width_of(row[i]), ' ');
      line += (i > 0 ? "  " : "") + (i < left ? row[i] + blanks : blanks + row[i]);
    }
    line.resize(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

}  // namespace addax::tools
