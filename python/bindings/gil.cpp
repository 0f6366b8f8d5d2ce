#include "gil.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace addax::python {
namespace {

std::atomic<bool> ending{false};
std::atomic<int> returning{0};  // threads between their decision to take the GIL and having it
std::thread::id last;           // the thread that ends the interpreter

}  // namespace

bool gil_is_gone() {
  return Py_IsInitialized() == 0 || (ending && std::this_thread::get_id() != last && PyGILState_Check() == 0);
}

ReleasedGil::ReleasedGil() : state_(PyEval_SaveThread()) {}

ReleasedGil::~ReleasedGil() {
  ++returning;
  if (ending && std::this_thread::get_id() != last) {
    --returning;
    for (;;) pause();
  }
  PyEval_RestoreThread(state_);
  --returning;
}

void prepare_gil_returns() {
  // A forked child has none of the threads that were on their way back.
  pthread_atfork(nullptr, nullptr, [] { returning = 0; });
}

void end_gil_returns() {
  last = std::this_thread::get_id();
  ending = true;
  while (returning > 0) {
    PyThreadState* const state = PyEval_SaveThread();
    std::this_thread::yield();
    PyEval_RestoreThread(state);
  }
}

}  // namespace addax::python
