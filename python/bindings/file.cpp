// Model folders.
#include "addax/model_file.h"
#include "module.h"

namespace addax::python {
namespace {

using Weight = std::tuple<std::string, Value, std::string>;  // name, values, group
using Programs = std::map<std::string, std::shared_ptr<Program>>;

Quantize quantize_of(const std::string& name) {
  if (name.empty()) return Quantize::none;
  for (const auto& [known, kind] :
       {std::pair{"uint8", Quantize::uint8}, {"uint16", Quantize::uint16}, {"float16", Quantize::float16}})
    if (name == known) return kind;
  fail(ErrorKind::value, "`quantize` must be 'uint8', 'uint16' or 'float16'; received '", name, "'");
}

void write(const std::string& folder, const std::string& json, const std::vector<Weight>& weights,
           const Programs& programs, const std::string& quantize, std::int64_t shard_bytes) {
  ModelFile model{json, {}, {}, quantize_of(quantize), shard_bytes};
  for (const auto& [name, value, group] : weights) model.weights.push_back({name, value.tensor(), group});
  for (const auto& [name, program] : programs) model.programs.emplace(name, program);
  const ReleasedGil nogil;
  write_model(folder, model);
}

py::tuple read(const std::string& path, bool with_programs) {
  LoadedModel model;
  {
    const ReleasedGil nogil;
    model = read_model(path, with_programs);
  }
  std::vector<Weight> weights;
  for (const NamedTensor& w : model.weights) weights.emplace_back(w.name, Value(w.tensor), w.group);
  Programs programs;
  for (const auto& [name, program] : model.programs) programs.emplace(name, std::const_pointer_cast<Program>(program));
  return py::make_tuple(model.json, weights, programs);
}

}  // namespace

void bind_file(py::module_& m) {
  m.def("write_model", &write, py::arg("folder"), py::arg("json"), py::arg("weights"), py::arg("programs") = Programs(),
        py::arg("quantize") = "", py::arg("shard_bytes") = 0,
        "Writes a model folder: json is model.json without the manifest, weights are (name, tensor, group).");
  m.def(
      "quantized",
      [](const std::string& name, const Value& weight, const std::string& kind) {
        return Value(quantized({name, weight.tensor(), ""}, quantize_of(kind)));
      },
      "What a file that quantizes ('uint8', 'uint16', 'float16') makes of a weight of that name.");
  m.def("read_model", &read, py::arg("path"), py::arg("with_programs") = false,
        "A model folder's (json, [(name, tensor, group)], {name: program}).");
}

}  // namespace addax::python
