// The model folder without Python: written, read, replayed; damaged in many ways.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>

#include "addax/model_file.h"
#include "addax/ops.h"
#include "addax/replay.h"
#include "programs.h"

using namespace addax;
using test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

Tensor floats(const Shape& shape, float first) {
  Tensor tensor(DType::float32, shape);
  for (std::int64_t i = 0; i < tensor.elements(); ++i) tensor.data_as<float>()[i] = first + static_cast<float>(i);
  return tensor;
}

// y = x · kernel + bias, and a counter that goes up.
ModelFile small_model() {
  const auto kernel = std::make_shared<Variable>(floats({2, 3}, 1), "d/kernel", true);
  const auto bias = std::make_shared<Variable>(floats({3}, 10), "d/bias", true);
  const ProgramPtr program = test::record([&](Recording& r) -> Values {
    const Value x = r.input("x", {DType::float32, {Dim::unknown("batch"), 2}});
    return {ops::add(ops::matmul(x, r.read(kernel)), r.read(bias))};
  });
  ModelFile file;
  file.json = R"({"format": "layers-model", "modelTopology": {"a": 1}, "userDefinedMetadata": {"addax": {}}})";
  file.weights = {{"d/kernel", kernel->tensor(), ""}, {"d/bias", bias->tensor(), ""}};
  file.programs["predict"] = program;
  return file;
}

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void overwrite(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

void run_predict(const LoadedModel& model) {
  const Tensor x = floats({2, 2}, 1);
  const Tensor inputs[] = {x};
  Executable executable(model.programs.at("predict"));
  const std::vector<Tensor> y = executable.run(inputs);
  REQUIRE(y.size() == 1);
  CHECK(y[0].shape() == Shape{2, 3});
  // (1, 2) · ((1, 2, 3), (4, 5, 6)) + (10, 11, 12)
  CHECK(y[0].data_as<float>()[0] == 19);
  CHECK(y[0].data_as<float>()[5] == 45);
}

}  // namespace

TEST_CASE("a model that is written and read computes the same") {
  const TemporaryFolder folder;
  write_model(folder / "model", small_model());
  for (const std::string& path : {folder / "model", folder / "model/model.json"}) {
    const LoadedModel model = read_model(path, true);
    REQUIRE(model.weights.size() == 2);
    CHECK(model.weights[0].name == "d/kernel");
    CHECK(model.weights[1].tensor.data_as<float>()[2] == 12);
    run_predict(model);
  }
}

TEST_CASE("writing again leaves one weights file and no temporary one") {
  const TemporaryFolder folder;
  ModelFile model = small_model();
  write_model(folder / "model", model);
  overwrite(folder / "model/.model.json.tmp-999999999", "left by a killed process");
  overwrite(folder / "model/notes.txt", "the user's");
  model.weights[0].tensor = floats({2, 3}, 7);
  write_model(folder / "model", model);
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder / "model")) files += entry.is_regular_file();
  CHECK(files == 3);
  CHECK(read_model(folder / "model").weights[0].tensor.data_as<float>()[0] == 7);
}

TEST_CASE("state in the JSON becomes variables of the programs") {
  const TemporaryFolder folder;
  ModelFile model = small_model();
  model.weights.pop_back();
  // The bias (10, 11, 12) as base64.
  model.json = replaced(model.json, R"("addax": {})",
                        R"("addax": {"state": [{"name": "d/bias", "dtype": "float32", "shape": [3],
                                                "data": "AAAgQQAAMEEAAEBB"}]})");
  write_model(folder / "model", model);
  run_predict(read_model(folder / "model", true));
  const std::string text = contents(folder / "model/model.json");
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"AAAgQQAAMEEAAEBB", "AAAgQQAAMEE="},
           {"AAAgQQAAMEEAAEBB", "%AAgQQAAMEEAAEBB"},
           {R"("name":"d/bias","dtype":"float32","shape":[3],"data")",
            R"("name":"d/bias","dtype":"float32","shape":[-3],"data")"},
           {R"("name":"d/bias","dtype":"float32","shape":[3],"data")",
            R"("name":"d/kernel","dtype":"float32","shape":[3],"data")"},
       }) {
    overwrite(folder / "model/model.json", replaced(text, from, to));
    CHECK_THROWS_AS(read_model(folder / "model", true), Error);
  }
}

TEST_CASE("quantized weights become what they stand for") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "model");
  overwrite(folder / "model/w.bin", std::string("\x00\x02\x00\x3c\x00\x01\x02\x03", 8));
  overwrite(folder / "model/model.json", R"({"weightsManifest": [{"paths": ["w.bin"], "weights": [
    {"name": "a", "shape": [2], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1}},
    {"name": "b", "shape": [], "dtype": "float32", "quantization": {"dtype": "float16"}},
    {"name": "c", "shape": [2], "dtype": "int32", "quantization": {"dtype": "uint16", "scale": 2, "min": 1}}]}]})");
  const LoadedModel model = read_model(folder / "model");
  CHECK(model.weights[0].tensor.data_as<float>()[1] == 0);
  CHECK(model.weights[1].tensor.data_as<float>()[0] == 1);
  CHECK(model.weights[2].tensor.data_as<std::int32_t>()[0] == 1 + 2 * 256);
  CHECK(model.weights[2].tensor.data_as<std::int32_t>()[1] == 1 + 2 * (2 + 3 * 256));
}

TEST_CASE("a file that quantizes holds what `quantized` says, in files of bounded size") {
  for (const Quantize kind : {Quantize::none, Quantize::uint8, Quantize::uint16, Quantize::float16}) {
    const TemporaryFolder folder;
    ModelFile model = small_model();
    model.weights[0].tensor.data_as<float>()[4] = -0.123F;
    model.weights.push_back({"iter", Tensor::scalar(DType::int32, 7), "optimizer"});
    model.weights.push_back({"d/bias/m", floats({3}, 0.1F), "optimizer"});
    model.quantize = kind;
    model.shard_bytes = 5;
    write_model(folder / "model", model);
    const LoadedModel read = read_model(folder / "model", true);
    REQUIRE(read.weights.size() == model.weights.size());
    for (std::size_t i = 0; i < read.weights.size(); ++i) {
      const Tensor wanted = quantized(model.weights[i], kind), found = read.weights[i].tensor;
      CHECK(found.dtype() == wanted.dtype());
      CHECK(std::memcmp(found.data(), wanted.data(), static_cast<std::size_t>(wanted.bytes())) == 0);
      const bool same = std::memcmp(found.data(), model.weights[i].tensor.data(), wanted.bytes()) == 0;
      if (kind == Quantize::none || i >= 2) CHECK(same);
      if (kind == Quantize::uint8 && i == 0) CHECK_FALSE(same);
    }
    int files = 0;
    for (const auto& entry : fs::directory_iterator(folder / "model"))
      if (entry.path().extension() == ".bin") {
        ++files;
        CHECK(entry.file_size() <= 5);
      }
    CHECK(files > 3);
    model.shard_bytes = 0;
    write_model(folder / "model", model);
    files = 0;
    for (const auto& entry : fs::directory_iterator(folder / "model")) files += entry.is_regular_file();
    CHECK(files == 2);
  }
}

TEST_CASE("what another program saved is not taken for ours") {
  const TemporaryFolder folder;
  write_model(folder / "model", small_model());
  const std::string text = contents(folder / "model/model.json");
  REQUIRE(read_model(folder / "model", true).programs.size() == 1);
  overwrite(folder / "model/model.json",
            replaced(text, "{", R"({"generatedBy": "TensorFlow.js tfjs-layers v4.22.0", )"));
  CHECK(read_model(folder / "model", true).programs.empty());
  overwrite(folder / "model/model.json", replaced(text, "{", R"({"generatedBy": "addax 0.1.0", )"));
  CHECK(read_model(folder / "model", true).programs.size() == 1);
}

TEST_CASE("shards are cut at any byte") {
  const TemporaryFolder folder;
  write_model(folder / "model", small_model());
  std::string name;
  for (const auto& entry : fs::directory_iterator(folder / "model"))
    if (entry.path().extension() == ".bin") name = entry.path().filename();
  const std::string bytes = contents(folder / "model/" + name);
  overwrite(folder / "model/1.bin", bytes.substr(0, 5));
  overwrite(folder / "model/2.bin", bytes.substr(5));
  const std::string text = contents(folder / "model/model.json");
  overwrite(folder / "model/model.json", replaced(text, '"' + name + '"', R"("./1.bin", "2.bin")"));
  run_predict(read_model(folder / "model", true));
}

TEST_CASE("paths below the folder only, and no links") {
  const TemporaryFolder folder;
  write_model(folder / "model", small_model());
  std::string name;
  for (const auto& entry : fs::directory_iterator(folder / "model"))
    if (entry.path().extension() == ".bin") name = entry.path().filename();
  fs::copy_file(folder / "model/" + name, folder / "outside.bin");
  fs::create_symlink(folder / "outside.bin", folder / "model/link.bin");
  fs::create_directory_symlink(folder / "", folder / "model/up");
  REQUIRE(::mkfifo((folder / "model/fifo.bin").c_str(), 0600) == 0);
  const std::string text = contents(folder / "model/model.json");
  for (const std::string& path : {std::string("../outside.bin"), folder / "outside.bin", std::string("link.bin"),
                                  std::string("up/outside.bin"), std::string("fifo.bin"), std::string("."),
                                  std::string(""), std::string("a\\\\b"), std::string("c:x"), std::string(300, 'a')}) {
    CAPTURE(path);
    overwrite(folder / "model/model.json", replaced(text, '"' + name + '"', '"' + path + '"'));
    CHECK_THROWS_AS(read_model(folder / "model"), Error);
  }
}

TEST_CASE("damaged files are read or refused, never worse") {
  const TemporaryFolder folder;
  write_model(folder / "model", small_model());
  const std::string path = folder / "model/model.json";
  const std::string whole = contents(path);
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::string alphabet = "0123456789-.\"[]{},:enft ";
  for (int round = 0; round < 2000; ++round) {
    std::string text = whole;
    for (std::size_t k = 0; k <= below(3); ++k) {
      const std::size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
          break;
        case 1:
          text[at] = alphabet[below(alphabet.size())];
          break;
        case 2:
          text.erase(at, 1 + below(8));
          break;
        default:
          text.insert(at, text.substr(at, 1 + below(8)));
      }
    }
    overwrite(path, text);
    try {
      const LoadedModel model = read_model(folder / "model", true);
      for (const auto& [name, program] : model.programs) {
        const Tensor inputs[] = {floats({2, 2}, 1)};
        if (program->inputs.size() == 1) Executable(program).run(inputs);
      }
    } catch (const Error& error) {
      CHECK(std::strlen(error.what()) > 10);
    }
  }
}

TEST_CASE("a file of a version that is not known is refused before anything else is looked at") {
  const TemporaryFolder folder;
  write_model(folder / "model", small_model());
  const std::string text = contents(folder / "model/model.json");
  const auto refused = [&](const std::string& from, const std::string& to) {
    overwrite(folder / "model/model.json", replaced(text, from, to));
    const auto read = [&](bool with_programs) {
      return test::message_of([&] { read_model(folder / "model", with_programs); });
    };
    const std::string message = read(true);
    CHECK(read(false) == message);
    return message;
  };
  const std::string version = R"("formatVersion":1)";
  CHECK(refused(version, R"("formatVersion":2)") ==
        "The file has format version 2; this Addax reads up to 1. Load it with a newer Addax.");
  CHECK(refused(version, R"("formatVersion":"1")") == "The file has the unknown format version \"1\".");
  CHECK(refused(version, R"("formatVersion":true)") == "The file has the unknown format version true.");
  CHECK(refused(version, R"("formatVersion":0)") == "The file has the unknown format version 0.");
  CHECK(refused(version, R"("formatVersions":1)") == "The file has no format version.");
  CHECK(refused(R"("addax":{)", R"("addax":[],"other":{)") ==
        "`userDefinedMetadata.addax` in the file must be an object.");
  CHECK(refused(R"("userDefinedMetadata":{)", R"("userDefinedMetadata":3,"other":{)") ==
        "`userDefinedMetadata` in the file must be an object.");
}

TEST_CASE("a path that leads nowhere is named as it was given") {
  const auto said = [](const std::string& path) { return test::message_of([&] { read_model(path); }); };
  CHECK(said("/nope") == "cannot open '/nope': No such file or directory");
  CHECK(said("nope") == "cannot open 'nope': No such file or directory");
  CHECK(said("a:b.json") == "cannot open 'a:b.json': No such file or directory");
  CHECK(said("no/pe") == "cannot open the folder 'no': No such file or directory");
  CHECK(said("") == "the path of the model is empty");
}

TEST_CASE("a folder that cannot be written is an error and keeps the old model") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(write_model(folder / "missing/model", small_model()), Error);
  overwrite(folder / "file", "in the way");
  CHECK_THROWS_AS(write_model(folder / "file", small_model()), Error);
}
