// Training on the device: a classifier that Python trained on dark ink meets a user whose digits are light on dark
// paper. The program teaches it, with the optimizer and its state from the file, and saves the same file again; Python
// loads that and can go on.
//
//   cmake --build build --target fine_tuning && build/fine_tuning models tuned
#include <addax/addax.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "raw_file.h"

namespace {

constexpr std::int64_t kSide = 8, kPixels = kSide * kSide, kBatch = 16;

// Rows of a data set, a batch a call, again from the start in each epoch.
class Rows {
 public:
  Rows(const std::vector<float>& images, const std::vector<std::int32_t>& labels, std::int64_t first, std::int64_t last)
      : images_(images), labels_(labels), first_(first), last_(last), at_(first) {}

  bool operator()(addax::Batch& batch) {
    const std::int64_t count = std::min(kBatch, last_ - at_);
    if (count == 0) {
      at_ = first_;
      return false;
    }
    const auto image = images_.begin() + at_ * kPixels;
    const auto label = labels_.begin() + at_;
    batch.x = {addax::Tensor::of<float>({count, kSide, kSide, 1}, {image, image + count * kPixels})};
    batch.y = {addax::Tensor::of<std::int32_t>({count}, {label, label + count})};
    at_ += count;
    return true;
  }

 private:
  const std::vector<float>& images_;
  const std::vector<std::int32_t>& labels_;
  std::int64_t first_, last_, at_;
};

void print(const char* when, const addax::Metrics& metrics) {
  std::printf("%s:", when);
  for (const addax::Metric& metric : metrics) std::printf(" %s %.4f", metric.name.c_str(), metric.number());
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string folder = argc > 1 ? argv[1] : "models", saved = argc > 2 ? argv[2] : "tuned";
  std::vector<float> images = read_raw<float>(folder + "/images.f32");
  const std::vector<std::int32_t> labels = read_raw<std::int32_t>(folder + "/labels.i32");
  for (float& pixel : images) pixel = 1 - pixel;

  addax::Model model = addax::Model::load(folder + "/digits");
  const auto all = static_cast<std::int64_t>(labels.size());
  Rows train(images, labels, 0, all - 64), test(images, labels, all - 64, all);
  print("before", model.evaluate(test));

  model.set_learning_rate(2 * model.learning_rate());
  const std::vector<addax::Metrics> epochs = model.fit(train, 30);
  print("first epoch", epochs.front());
  print("last epoch", epochs.back());

  print("after", model.evaluate(test));
  model.save(saved);
  std::printf("saved to %s\n", saved.c_str());
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
