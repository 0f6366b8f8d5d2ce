#include "program/passes/passes.h"

namespace addax::passes {
Program epilogue_fusion(Program program) { return program; }
Program elementwise_fusion(Program program) { return program; }
}  // namespace addax::passes
