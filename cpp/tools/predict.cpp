#include <cctype>
#include <cstdio>

#include "commands.h"
#include "npy.h"

namespace addax::tools {
namespace {

// The name comes from the model's file: it must not lead out of the folder.
std::string file_of(const std::string& output, std::size_t index) {
  std::string name;
  for (const char c : output) name += std::isalnum(static_cast<unsigned char>(c)) || c == '-' ? c : '_';
  return (name.empty() ? "output_" + std::to_string(index) : name) + ".npy";
}

}  // namespace

int predict(const std::vector<std::string>& given) {
  const Arguments arguments(given, {"output"});
  const std::vector<std::string> files = arguments.values("output");
  const Model model = load_model(arguments);
  const std::size_t inputs = arguments.words().size() - 1, outputs = model.outputs().size();
  if (!model.inputs().empty() && inputs != model.inputs().size())
    throw UsageError{"the model takes " + std::to_string(model.inputs().size()) + " inputs; received " +
                     std::to_string(inputs) + " files"};
  if (!files.empty() && files.size() != outputs)
    throw UsageError{"the model has " + std::to_string(outputs) + " outputs; --output is given " +
                     std::to_string(files.size()) + " times"};
  std::vector<Tensor> x;
  for (std::size_t i = 0; i < inputs; ++i) x.push_back(read_npy(arguments.words()[i + 1]));
  const std::vector<Tensor> y = model.predict(x);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::string file = files.empty() ? file_of(model.outputs()[i].name, i) : files[i];
    write_npy(file, y[i]);
    std::printf("%s  %s  %s\n", file.c_str(), shape_text(to_dims(y[i].shape())).c_str(),
                std::string(name_of(y[i].dtype())).c_str());
  }
  return 0;
}

}  // namespace addax::tools
