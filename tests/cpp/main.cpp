// Runs the C++ tests; leaves with 77 (skipped) if ADDAX_ISA names an instruction set that this machine lacks.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "addax/error.h"
#include "kernels/kernels.h"

int main(int argc, char** argv) {
  try {
    addax::kernels::kernels();
  } catch (const addax::Error& error) {
    std::printf("skipped: %s\n", error.what());
    return 77;
  }
  doctest::Context context(argc, argv);
  return context.run();
}
