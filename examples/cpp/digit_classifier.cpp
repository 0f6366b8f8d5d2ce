// A model from a file: loads a classifier that Python trained, says what it is, and reads handwritten digits with it.
//
//   cmake --build build --target digit_classifier && build/digit_classifier models
//
// `models` is the folder that make_models.py wrote.
#include <addax/addax.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>

#include "raw_file.h"

namespace {

constexpr int kSide = 8, kPixels = kSide * kSide, kClasses = 10;

void draw(const float* image) {
  constexpr std::string_view kShades = " .:-=+*#%@";
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      const char shade = kShades[static_cast<std::size_t>(image[row * kSide + column] * 9)];
      std::cout << shade << shade;  // a character is twice as high as wide
    }
    std::cout << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string folder = argc > 1 ? argv[1] : "models";
  const addax::Model model = addax::Model::load(folder + "/digits");
  std::cout << "model '" << model.name() << "', " << model.parameters() << " parameters\n";
  for (const addax::Port& input : model.inputs())
    std::cout << "  input " << input.name << ": " << input.dtype << ' ' << input.shape << '\n';
  for (const addax::LayerInfo& layer : model.layers()) std::cout << "  " << layer.class_name << '\n';

  const std::vector<float> images = read_raw<float>(folder + "/images.f32");
  const std::vector<std::int32_t> labels = read_raw<std::int32_t>(folder + "/labels.i32");

  // Planned for one image; from here on `run` allocates nothing.
  addax::Session session(model, {{1, kSide, kSide, 1}});
  std::array<float, kClasses> probabilities;
  int right = 0, drawn = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const float* image = images.data() + i * kPixels;
    session.run(image, probabilities.data());
    const auto best = std::max_element(probabilities.begin(), probabilities.end());
    const auto digit = static_cast<int>(best - probabilities.begin());
    right += digit == labels[i];
    if (labels[i] == drawn && drawn < 3) {
      draw(image);
      std::printf("a %d, to %.1f %%; it is a %d\n", digit, 100.0 * *best, labels[i]);
      ++drawn;
    }
  }
  std::printf("%d of %zu digits read right\n", right, labels.size());
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
