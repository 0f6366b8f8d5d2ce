// The GIL around native work, also while the interpreter goes down.
#pragma once

#include <Python.h>

namespace addax::python {

// Releases the GIL for its lifetime. A thread that comes back after the interpreter has begun to end stays here for
// good: taking the GIL then would unwind the thread through frames that do not expect it.
class ReleasedGil {
 public:
  ReleasedGil();
  ~ReleasedGil();
  ReleasedGil(const ReleasedGil&) = delete;
  ReleasedGil& operator=(const ReleasedGil&) = delete;

 private:
  PyThreadState* state_;
};

// Whether this thread may not ask for the GIL any more; what it would release under the GIL is left alone.
bool gil_is_gone();

void prepare_gil_returns();  // when the module is made
// Once, under the GIL, before the interpreter ends.
void end_gil_returns();

}  // namespace addax::python
