#include <cstdio>

#include "commands.h"

namespace addax::tools {

int verify(const std::vector<std::string>& given) {
  const Arguments arguments(given, {"tolerance"});
  const double tolerance = arguments.number("tolerance", 1e-4);
  if (arguments.words().size() > 1) throw UsageError{"verify takes one model"};
  const std::optional<double> difference = load_model(arguments).verify();
  if (!difference) fail(ErrorKind::unsupported, "the file holds no pair of input and output to check");
  const bool good = *difference <= tolerance;
  std::printf("%s: the largest difference is %g, the tolerance %g\n", good ? "equal" : "DIFFERENT", *difference,
              tolerance);
  return good ? 0 : 1;
}

}  // namespace addax::tools
