// Many threads, one model: each has a session of its own, and all share the weights. No thread waits for another.
//
//   cmake --build build --target thread_pool && build/thread_pool models
#include <addax/addax.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <thread>

#include "raw_file.h"

namespace {

constexpr std::size_t kSide = 8, kPixels = kSide * kSide, kClasses = 10, kRequests = 20000;

using Answer = std::array<float, kClasses>;

// Answers all requests with so many threads; each takes the next that nobody has taken.
std::vector<Answer> serve(const addax::Model& model, const std::vector<float>& images, unsigned thread_count) {
  const std::size_t image_count = images.size() / kPixels;
  std::vector<Answer> answers(kRequests);
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    addax::Session session(model, {{1, kSide, kSide, 1}});
    for (std::size_t i = next++; i < kRequests; i = next++)
      session.run(&images[i % image_count * kPixels], answers[i].data());
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < thread_count; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  return answers;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string folder = argc > 1 ? argv[1] : "models";
  const addax::Model model = addax::Model::load(folder + "/digits");
  const std::vector<float> images = read_raw<float>(folder + "/images.f32");

  // Requests are answered side by side, so no single one is spread over threads.
  addax::set_thread_count(1);
  const std::vector<Answer> alone = serve(model, images, 1);
  for (const unsigned threads : {1u, 2u, 4u, 8u}) {
    const auto start = std::chrono::steady_clock::now();
    const std::vector<Answer> answers = serve(model, images, threads);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    std::printf("%u threads: %.0f answers a second, %s\n", threads, kRequests / time.count(),
                answers == alone ? "the same as of one" : "not the same as of one");
  }
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
