// A network by hand, without a file: tensors, operations, a tape that takes the gradient. It tells the two arms of a
// spiral apart. The same step is then recorded as a program and replayed, which computes the same without the cost of
// writing it down each time.
//
//   cmake --build build --target tensors_and_tape && build/tensors_and_tape
#include <addax/addax.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <random>

namespace {

using addax::Value;
using addax::VariablePtr;
namespace ops = addax::ops;

constexpr std::int64_t kPoints = 128, kHidden = 32;
constexpr int kSteps = 1500;

struct Data {
  addax::Tensor x, y;  // (points, 2) and (points, 1), y being 1 on the second arm
};

Data spiral() {
  std::vector<float> x, y;
  for (std::int64_t i = 0; i < kPoints; ++i) {
    const double arm = static_cast<double>(i % 2), t = static_cast<double>(i) / kPoints;
    const double angle = 3.14159265 * (arm + 2.5 * t);
    x.push_back(static_cast<float>(t * std::cos(angle)));
    x.push_back(static_cast<float>(t * std::sin(angle)));
    y.push_back(static_cast<float>(arm));
  }
  return {addax::Tensor::of<float>({kPoints, 2}, x), addax::Tensor::of<float>({kPoints, 1}, y)};
}

VariablePtr make_variable(std::mt19937& random, const addax::Shape& shape, double deviation, const char* name) {
  std::normal_distribution<float> normal(0, static_cast<float>(deviation));
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  if (deviation > 0)
    for (float& value : values) value = normal(random);
  return std::make_shared<addax::Variable>(addax::Tensor::of<float>(shape, values), name, true);
}

class Network {
 public:
  Network() {
    std::mt19937 random(1);
    const std::int64_t sizes[] = {2, kHidden, kHidden, 1};
    for (int i = 0; i < 3; ++i) {
      weights_.push_back(make_variable(random, {sizes[i], sizes[i + 1]}, i == 0 ? 2 : 0.3, "kernel"));
      weights_.push_back(make_variable(random, {sizes[i + 1]}, i == 0 ? 1 : 0, "bias"));
      velocities_.push_back(make_variable(random, {sizes[i], sizes[i + 1]}, 0, "velocity"));
      velocities_.push_back(make_variable(random, {sizes[i + 1]}, 0, "velocity"));
    }
  }

  // Positive on the second arm.
  Value logits(Value x) const {
    for (std::size_t i = 0; i < weights_.size(); i += 2) {
      if (i > 0) x = ops::tanh(x);
      x = ops::matmul(x, addax::Variable::read(weights_[i])) + addax::Variable::read(weights_[i + 1]);
    }
    return x;
  }

  // One step of gradient descent with momentum; the loss before it.
  Value train(const Value& x, const Value& y) const {
    addax::Tape tape;
    tape.start();
    const Value z = logits(x);
    // −log σ(z) on the second arm, −log σ(−z) on the first: |z| keeps exp from overflowing.
    const Value losses = ops::maximum(z, ops::zeros_like(z)) - z * y + ops::log(1.0 + ops::exp(-ops::abs(z)));
    const Value loss = ops::mean(losses, {0, 1});
    tape.stop();
    const addax::Values gradients = tape.gradient_by({loss}, {weights_.begin(), weights_.end()});
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const Value velocity = addax::Variable::read(velocities_[i]) * 0.9 - gradients[i] * 0.1;
      addax::Variable::assign(velocities_[i], velocity);
      addax::Variable::assign(weights_[i], addax::Variable::read(weights_[i]) + velocity);
    }
    return loss;
  }

  double accuracy(const Data& data) const {
    const addax::Tensor z = logits(data.x).tensor();
    int right = 0;
    for (std::int64_t i = 0; i < kPoints; ++i) right += (z.data_as<float>()[i] > 0) == (data.y.data_as<float>()[i] > 0);
    return static_cast<double>(right) / kPoints;
  }

 private:
  std::vector<VariablePtr> weights_, velocities_;
};

// The step as a program: the same function, given values without numbers.
addax::ProgramPtr record(const Network& network, const Data& data) {
  const auto recording = addax::Recording::begin();
  const Value x = recording->input("x", {data.x.dtype(), addax::to_dims(data.x.shape())});
  const Value y = recording->input("y", {data.y.dtype(), addax::to_dims(data.y.shape())});
  const addax::ProgramPtr program = recording->finish({network.train(x, y)});
  recording->end();
  return addax::optimize(program);
}

// Trains with `step`, which gives the loss; prints how it went and gives the time of a step in microseconds.
template <class Step>
double train(const char* how, const Network& network, const Data& data, const Step& step) {
  const auto start = std::chrono::steady_clock::now();
  double first = 0, last = 0;
  for (int i = 0; i < kSteps; ++i) {
    last = step();
    if (i == 0) first = last;
  }
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  std::printf("%-8s loss %.4f to %.6f, accuracy %.3f, %.1f us a step\n", how, first, last, network.accuracy(data),
              time.count() / kSteps);
  return time.count() / kSteps;
}

}  // namespace

int main() try {
  const Data data = spiral();

  const Network eager;
  const double slow = train("tape", eager, data, [&] { return eager.train(data.x, data.y).tensor().item(); });

  const Network replayed;
  const addax::Shape shapes[] = {data.x.shape(), data.y.shape()};
  addax::Replay replay(record(replayed, data), shapes);
  float loss = 0;
  const void* const inputs[] = {data.x.data(), data.y.data()};
  void* const outputs[] = {&loss};
  const double fast = train("program", replayed, data, [&] {
    replay.run(inputs, outputs);
    return loss;
  });
  std::printf("replayed %.1f times as fast\n", slow / fast);
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
