// How many threads the kernels use, for the whole process. Any thread may call these.
#pragma once

#include "addax/export.h"

namespace ADDAX_API addax {

/// How many threads an operation may use, the caller included. From ADDAX_NUM_THREADS, else OMP_NUM_THREADS, else the
/// processors available to this process. The setter takes 1…256, throws ValueError otherwise, and acts on what
/// starts after it.
int thread_count();
void set_thread_count(int n);

/// Ends the pool's threads; what runs later is serial. For a host that unloads the library or is about to exit.
void stop_threads() noexcept;

}  // namespace addax
