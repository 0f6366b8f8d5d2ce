// Runs a model, or steps it, where the kernel kills whoever calls it: quiet FOLDER predict|stream SIZE…
// Leaves with 0, with 1 if memory was asked of the heap, with 77 where the system has no seccomp.
#include <addax/addax.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "allocations.h"

int main(int argc, char** argv) {
  addax::set_thread_count(1);
  const addax::Model model = addax::Model::load(argv[1]);
  const bool stream = std::string(argv[2]) == "stream";
  addax::Shape shape;
  for (int i = 3; i < argc; ++i) shape.push_back(std::stol(argv[i]));
  addax::Session session(model, {shape}, stream ? addax::Session::Kind::stream : addax::Session::Kind::predict);
  const std::vector<float> x(static_cast<std::size_t>(shape.elements()), 0.25f);
  std::vector<float> y(static_cast<std::size_t>(session.output_shape(0).elements()));
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) return 77;
  const std::int64_t before = test::allocations();
  for (int i = 0; i < 50; ++i) {
    stream ? session.step(x.data(), y.data()) : session.run(x.data(), y.data());
    if (i == 25) session.reset();
  }
  syscall(SYS_exit, test::allocations() == before ? 0 : 1);
}
