// addax-run: looks into a saved model, predicts with it, checks it and measures it, without Python.
#include <algorithm>
#include <cstdio>
#include <exception>

#include "commands.h"

namespace addax::tools {
namespace {

constexpr const char* kUsage = R"(usage: addax-run COMMAND MODEL [ARGUMENTS]

MODEL is the folder that model.save wrote, or its model.json.

  summary MODEL
      What it is: inputs, outputs, layers, weights, and what it can do.
  predict MODEL INPUT.npy… [--output FILE.npy]…
      Reads a file per input, in the order of the summary, and writes a file per output: NAME.npy, or what --output
      says, given once per output.
  verify MODEL [--tolerance T]
      Replays the pair of input and output that the file holds. Fails if they differ by more than T (1e-4).
  bench MODEL [--batch N,N…] [--threads N,N…] [--seconds S] [--open N]
      Latency and throughput by batch size (1,8,64) and number of threads (1 and all), measured for S seconds each (0.5).
      N is the size of other dimensions that the model leaves open (16).

Exit code: 0 if all went well, 1 after a failure, 2 if the command line is wrong.
)";

int run(const std::vector<std::string>& words) {
  constexpr std::pair<std::string_view, int (*)(const std::vector<std::string>&)> kCommands[] = {
      {"summary", summary}, {"predict", predict}, {"verify", verify}, {"bench", bench}};
  if (words.empty()) throw UsageError{"which command? summary, predict, verify or bench"};
  if (std::any_of(words.begin(), words.end(), [](const std::string& w) { return w == "--help" || w == "-h"; })) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  for (const auto& [name, command] : kCommands)
    if (name == words[0]) return command({words.begin() + 1, words.end()});
  throw UsageError{"there is no command '" + words[0] + "': summary, predict, verify or bench"};
}

int report(int code, const char* message) {
  std::fprintf(stderr, "addax-run: %s\n", printable(message).c_str());
  if (code == 2) std::fputs("Try 'addax-run --help'.\n", stderr);
  return code;
}

int run_and_report(const std::vector<std::string>& words) {
  try {
    const int code = run(words);
    if (std::fflush(stdout) != 0) return report(1, "cannot write to standard output");
    return code;
  } catch (const UsageError& error) {
    return report(2, error.message.c_str());
  } catch (const std::bad_alloc&) {
    return report(1, "out of memory");
  } catch (const std::exception& error) {
    return report(1, error.what());
  }
}

}  // namespace
}  // namespace addax::tools

int main(int argc, char** argv) {
  const int code = addax::tools::run_and_report({argv + 1, argv + argc});
  addax::stop_threads();
  return code;
}
