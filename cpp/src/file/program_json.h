// A program as JSON. Slots are numbered: inputs, variables, constants, then every step's outputs in order.
//
//   {"inputs": [{"name", "dtype", "shape"}], "variables": [{"name", "dtype", "shape"}],
//    "constants": [{"dtype", "shape", "data": base64, little-endian}],
//    "steps": [{"op", "in": [slot], "attributes": {…}}], "outputs": [slot], "assign": [[variable, slot]]}
//
// A size is a number or the text of an expression ("2*batch + 1"); a number that JSON lacks is "inf", "-inf" or "nan".
#pragma once

#include <functional>

#include "addax/program.h"
#include "file/json.h"

namespace addax::file {

inline constexpr int kMaxProgramDepth = 16;
inline constexpr std::size_t kMaxProgramSteps = 1'000'000;

Json to_json(const Program& program);

// The variable of that name; throws ValueError if there is none.
using FindVariable = std::function<VariablePtr(const std::string& name)>;

// Every step passes through its operation's shape rule, as when it was recorded: what comes back is as safe to plan as
// a recorded program. Throws ValueError naming the step.
ProgramPtr program_from_json(const Json& json, const FindVariable& find_variable, std::string_view what, int depth = 0);

// {"dtype", "shape", "data"}, as constants stand in programs. Reading throws ValueError that begins with `what`.
Json to_json(const Tensor& tensor);
Tensor tensor_from_json(const Json& json, std::string_view what);

std::string to_base64(const void* data, std::int64_t bytes);
std::string from_base64(const std::string& text, std::string_view what);

}  // namespace addax::file
