// Control flow: operations whose bodies are programs. Inputs are the loop's values, then what the bodies capture;
// bodies take the same.
#include "ops/control_parts.h"

namespace addax::ops {

std::span<const Operation> control_family() {
  static const Operation table[] = {scan_operation(), while_operation(), cond_operation()};
  return table;
}

}  // namespace addax::ops
