// What this build goes without: families of operations and their kernels, as ADDAX_LEAVE_OUT named them to CMake.
#pragma once

#include <string>
#include <string_view>

// Each name between commas: ",attention,recurrent,".
#ifndef ADDAX_LEFT_OUT
#define ADDAX_LEFT_OUT ""
#endif

namespace addax {

inline constexpr std::string_view kLeftOut = ADDAX_LEFT_OUT;

constexpr bool is_left_out(std::string_view family) {
  for (std::size_t at = kLeftOut.find(family); at != std::string_view::npos; at = kLeftOut.find(family, at + 1))
    if (kLeftOut[at - 1] == ',' && kLeftOut[at + family.size()] == ',') return true;
  return false;
}

// For errors about what is not there.
inline std::string left_out_note() {
  if (kLeftOut.empty()) return "";
  return " in this build, which was made without " + std::string(kLeftOut.substr(1, kLeftOut.size() - 2));
}

}  // namespace addax
