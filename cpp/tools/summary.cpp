#include <cstdio>

#include "commands.h"

namespace addax::tools {
namespace {

using Rows = std::vector<std::vector<std::string>>;

void print(const char* title, const Rows& rows, std::size_t left) {
  if (!rows.empty()) std::printf("%s\n%s", title, table(rows, left, "  ").c_str());
}

Rows rows_of(const std::vector<Port>& ports) {
  Rows rows;
  for (const Port& port : ports) rows.push_back({port.name, shape_text(port.shape), std::string(name_of(port.dtype))});
  return rows;
}

std::string grouped(std::int64_t number) {
  std::string out = std::to_string(number);
  for (std::size_t i = out.size(); i > 3;) out.insert(i -= 3, ",");
  return out;
}

struct Totals {
  std::int64_t count = 0, bytes = 0;
  std::string text() const { return grouped(count) + " numbers, " + grouped(bytes) + " bytes"; }
};

}  // namespace

int summary(const std::vector<std::string>& given) {
  const Arguments arguments(given, {});
  if (arguments.words().size() > 1) throw UsageError{"summary takes one model"};
  const Model model = load_model(arguments);
  std::printf("Model: \"%s\"\n", printable(model.name()).c_str());
  print("Inputs", rows_of(model.inputs()), 3);
  print("Outputs", rows_of(model.outputs()), 3);
  print("Targets", rows_of(model.targets()), 3);

  Rows layers, weights;
  for (const LayerInfo& layer : model.layers()) layers.push_back({layer.name, layer.class_name});
  Totals own, optimizer;
  for (const WeightInfo& w : model.weights()) {
    Totals& totals = w.group.empty() ? own : optimizer;
    totals.count += w.shape.elements();
    totals.bytes += w.shape.elements() * size_of(w.dtype);
    if (w.group.empty())
      weights.push_back(
          {w.name, shape_text(to_dims(w.shape)), std::string(name_of(w.dtype)), grouped(w.shape.elements())});
  }
  print("Layers", layers, 2);
  print("Weights", weights, 3);
  std::printf("Parameters: %s\n", own.text().c_str());
  if (optimizer.count > 0) std::printf("Optimizer state: %s\n", optimizer.text().c_str());

  std::string can;
  for (const auto& [able, word] :
       {std::pair{!model.inputs().empty(), "predict"}, {model.streams(), "stream"}, {model.trains(), "train"}})
    if (able) can += (can.empty() ? "" : ", ") + std::string(word);
  std::printf("Can: %s\n", can.empty() ? "nothing: its file holds no programs" : can.c_str());
  return 0;
}

}  // namespace addax::tools
