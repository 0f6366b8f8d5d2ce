// consumer FOLDER INPUT OUTPUT: loads a model, predicts for the float32 rows in the file INPUT and writes OUTPUT.
#include <addax/addax.h>

#include <cstdio>
#include <fstream>
#include <vector>

namespace {

std::vector<float> read_floats(const char* path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  std::vector<float> values(static_cast<std::size_t>(in.tellg()) / sizeof(float));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

void predict(const char* folder, const char* input, const char* output) {
  const addax::Model model = addax::Model::load(folder);
  const std::vector<float> x = read_floats(input);

  std::int64_t row = 1;
  addax::Shape shape{0};
  for (const addax::Dim& size : std::span(model.inputs().at(0).shape).subspan(1)) {
    shape.push_back(size.value());
    row *= size.value();
  }
  shape[0] = static_cast<std::int64_t>(x.size()) / row;
  addax::Session session(model, {shape});

  std::vector<float> y(static_cast<std::size_t>(session.output_shape(0).elements()));
  session.run(x.data(), y.data());
  std::ofstream(output, std::ios::binary)
      .write(reinterpret_cast<const char*>(y.data()), static_cast<std::streamsize>(y.size() * sizeof(float)));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return 2;
  try {
    predict(arguments[1], arguments[2], arguments[3]);
  } catch (const addax::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
