// Sound in blocks: a recurrent model that imitates an overdriven amplifier hears 64 samples at a time, as in the
// callback of an audio driver. The session keeps the state between blocks; a step allocates nothing, waits for no lock
// and makes no system call, so it may run in a real-time thread.
//
//   cmake --build build --target audio_stream && build/audio_stream models
#include <addax/addax.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <vector>

namespace {

constexpr int kBlock = 64, kBlocks = 750;  // one second
constexpr double kRate = 48000;

// A chord that fades.
std::vector<float> pluck(int samples) {
  std::vector<float> signal(static_cast<std::size_t>(samples));
  for (int t = 0; t < samples; ++t) {
    double sum = 0;
    for (const double frequency : {196.0, 246.9, 293.7}) sum += std::sin(6.283185307 * frequency * t / kRate);
    signal[static_cast<std::size_t>(t)] = static_cast<float>(0.3 * sum * std::exp(-1.5 * t / kRate));
  }
  return signal;
}

// What the model was taught (make_models.py): a low-pass filter of one pole, then a saturation.
std::vector<float> amplify(const std::vector<float>& signal) {
  std::vector<float> out;
  float state = 0;
  for (const float x : signal) {
    state += 0.3f * (x - state);
    out.push_back(std::tanh(4 * state));
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string folder = argc > 1 ? argv[1] : "models";
  const addax::Model model = addax::Model::load(folder + "/amplifier");

  // All work on the thread that calls: a driver's thread must not wait for another.
  addax::set_thread_count(1);
  addax::Session stream(model, {{1, kBlock, 1}}, addax::Session::Kind::stream);

  const std::vector<float> input = pluck(kBlock * kBlocks);
  std::vector<float> output(input.size());
  std::vector<double> times;
  times.reserve(kBlocks);
  for (std::size_t at = 0; at < input.size(); at += kBlock) {
    const auto start = std::chrono::steady_clock::now();
    stream.step(&input[at], &output[at]);
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }

  const std::vector<float> wanted = amplify(input);
  double error = 0, power = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    error += (output[i] - wanted[i]) * (output[i] - wanted[i]);
    power += wanted[i] * wanted[i];
  }
  std::printf("error to signal: %.2f %%\n", 100 * error / power);

  // In one go, the bits are the same.
  std::vector<float> whole(input.size());
  addax::Session(model, {{1, kBlock * kBlocks, 1}}).run(input.data(), whole.data());
  std::printf("blocks and whole %s\n", whole == output ? "agree bit for bit" : "differ");

  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  std::printf("a block of %d samples: median %.1f us, longest %.1f us\n", kBlock, 1e6 * median, 1e6 * times.back());
  std::printf("real-time factor at 48 kHz: %.4f of the time that the block lasts\n", median / (kBlock / kRate));
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
