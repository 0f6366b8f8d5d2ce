// A model inside the program: no file is opened when it runs. embed.cmake turned model.json and the weights into two
// arrays of bytes when the program was built; the model computes with the weights where they lie.
//
//   cmake -S . -B build -DADDAX_EXAMPLE_MODELS="$PWD/models" && cmake --build build --target embedded_model
//   build/embedded_model
#include <addax/addax.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <iostream>

extern const unsigned char digits_json[], digits_weights[];
extern const std::size_t digits_json_size, digits_weights_size;

namespace {

constexpr int kSide = 8, kClasses = 10;

// '#' is ink.
constexpr const char* kSeven[kSide] = {
    "  ###   ",  //
    "  ####  ",  //
    "    ##  ",  //
    "   ##   ",  //
    "  ##### ",  //
    "   ##   ",  //
    "  ##    ",  //
    "  #     ",  //
};

}  // namespace

int main() try {
  const addax::Model model =
      addax::Model::load(std::string_view(reinterpret_cast<const char*>(digits_json), digits_json_size),
                         {digits_weights, digits_weights_size});
  // The file carries an input with its output: whether this machine computes what the one that trained it did.
  if (const std::optional<double> difference = model.verify())
    std::printf("verified: %g away from what Python computed\n", *difference);

  float image[kSide * kSide], probabilities[kClasses];
  for (int i = 0; i < kSide * kSide; ++i) image[i] = kSeven[i / kSide][i % kSide] == '#' ? 1.0f : 0.0f;
  addax::Session session(model, {{1, kSide, kSide, 1}});
  session.run(image, probabilities);
  for (const char* row : kSeven) std::puts(row);
  for (int digit = 0; digit < kClasses; ++digit)
    std::printf("%d %5.1f %% %s\n", digit, 100.0 * probabilities[digit],
                std::string(static_cast<std::size_t>(40 * probabilities[digit]), '#').c_str());
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
