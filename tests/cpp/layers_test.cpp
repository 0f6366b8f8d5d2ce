// Topologies of TensorFlow.js as programs, and what is wrong with them. Parity with Python is tested from there.
#include <doctest/doctest.h>

#include <cctype>
#include <cstring>

#include "addax/layers_model.h"
#include "addax/session.h"
#include "programs.h"

using namespace addax;

namespace {

struct File {
  std::string layers;    // of a Sequential
  std::string manifest;  // weights
  std::vector<float> numbers;

  std::string json() const {
    return R"({"format": "layers-model", "modelTopology": {"class_name": "Sequential", "config": {"name": "s", "layers": [)" +
           layers + R"(]}}, "weightsManifest": [{"paths": ["w.bin"], "weights": [)" + manifest + "]}]}";
  }
};

Model load(const std::string& json, const std::vector<float>& numbers) {
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(numbers.data());
  return load_layers_model(json, std::span(bytes, numbers.size() * sizeof(float)));
}

std::string why_not(const std::string& json, const std::vector<float>& numbers) {
  return test::message_of([&] { load(json, numbers); });
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const std::string kDense =
    R"({"class_name": "Dense", "config": {"name": "d", "units": 2, "activation": "relu", "batch_input_shape": [null, 3]}})";
const std::string kKernel = R"({"name": "d/kernel", "shape": [3, 2], "dtype": "float32"})";
const std::string kBias = R"({"name": "d/bias", "shape": [2], "dtype": "float32"})";
const std::vector<float> kNumbers{1, 2, 3, 4, 5, 6, -100, 1};
const File kGood{kDense, kKernel + "," + kBias, kNumbers};

std::string graph(const std::string& nodes, const std::string& outputs = R"([["c", 0, 0]])") {
  return R"({"modelTopology": {"class_name": "Model", "config": {"name": "m", "layers": [
    {"name": "a", "class_name": "InputLayer", "config": {"name": "a", "batch_input_shape": [null, 2]}, "inbound_nodes": []},)" +
         nodes + R"(], "input_layers": [["a", 0, 0]], "output_layers": )" + outputs + "}}}";
}

std::string add(const std::string& name, const std::string& inbound) {
  return R"({"name": ")" + name + R"(", "class_name": "Add", "config": {"name": ")" + name +
         R"("}, "inbound_nodes": )" + inbound + "}";
}

// Layers of many kinds in a graph, from (batch, 5, 6, 1); all weights together have kManyNumbers numbers.
constexpr std::size_t kManyNumbers = 92;
std::string many_layers() {
  const auto layer = [](const char* class_name, const char* config, const char* inbound) {
    return text(R"(,{"name": ")", class_name, R"(", "class_name": ")", class_name, R"(", "config": {"name": ")",
                class_name, R"(", )", config, R"(}, "inbound_nodes": [[)", inbound, "]]}");
  };
  const auto weight = [](const char* name, const char* shape) {
    return text(R"({"name": ")", name, R"(", "shape": [)", shape, R"(], "dtype": "float32"})");
  };
  const std::string layers =
      layer("Conv2D", R"("filters": 2, "kernel_size": [2, 1], "strides": [1, 2], "dilation_rate": [1, 1], "groups": 1)",
            R"(["a", 0, 0])") +
      layer("DepthwiseConv2D", R"("kernel_size": 2, "depth_multiplier": 1, "padding": "same")", R"(["Conv2D", 0, 0])") +
      layer("Conv2DTranspose", R"("filters": 1, "kernel_size": [2, 2], "strides": [2, 2], "output_padding": [1, 1])",
            R"(["DepthwiseConv2D", 0, 0])") +
      layer("ZeroPadding2D", R"("padding": [[1, 0], [0, 2]])", R"(["Conv2DTranspose", 0, 0])") +
      layer("Cropping2D", R"("cropping": [[1, 0], [0, 1]])", R"(["ZeroPadding2D", 0, 0])") +
      layer("MaxPooling2D", R"("pool_size": [2, 2], "strides": [1, 1])", R"(["Cropping2D", 0, 0])") +
      layer("AveragePooling2D", R"("pool_size": [2, 2], "strides": null, "padding": "same")",
            R"(["Cropping2D", 0, 0])") +
      layer("UpSampling2D", R"("size": [2, 1])", R"(["AveragePooling2D", 0, 0])") +
      layer("CenterCrop", R"("height": 2, "width": 2)", R"(["UpSampling2D", 0, 0])") +
      layer("Reshape", R"("target_shape": [2, -1])", R"(["CenterCrop", 0, 0])") +
      layer("Permute", R"("dims": [2, 1])", R"(["Reshape", 0, 0])") +
      layer("LayerNormalization", R"("axis": [-1], "scale": false, "center": false)", R"(["Permute", 0, 0])") +
      layer("Dot", R"("axes": [1, 2])", R"(["LayerNormalization", 0, 0], ["Reshape", 0, 0])") +
      layer("LSTM", R"("units": 2, "return_sequences": true, "recurrent_activation": "sigmoid")", R"(["Dot", 0, 0])") +
      layer("Softmax", R"("axis": -1)", R"(["LSTM", 0, 0])") +
      layer("Concatenate", R"("axis": 1)", R"(["Softmax", 0, 0], ["LSTM", 0, 0])") +
      layer("Flatten", R"("data_format": "channels_last")", R"(["Concatenate", 0, 0])") +
      layer("Dense", R"("units": 3)", R"(["Flatten", 0, 0])") +
      layer("RepeatVector", R"("n": 3)", R"(["Dense", 0, 0])") +
      layer("CategoryEncoding", R"("num_tokens": 4, "output_mode": "count")", R"(["RepeatVector", 0, 0])");
  return text(
      R"({"modelTopology": {"class_name": "Model", "config": {"name": "m", "layers": [
      {"name": "a", "class_name": "InputLayer", "config": {"name": "a", "batch_input_shape": [null, 5, 6, 1]}})",
      layers, R"(], "input_layers": [["a", 0, 0]],
      "output_layers": [["MaxPooling2D", 0, 0], ["CategoryEncoding", 0, 0]]}}, "weightsManifest": [{"paths": ["w.bin"], "weights": [)",
      weight("Conv2D/kernel", "2, 1, 1, 2"), ",", weight("Conv2D/bias", "2"), ",",
      weight("DepthwiseConv2D/depthwise_kernel", "2, 2, 2, 1"), ",", weight("DepthwiseConv2D/bias", "2"), ",",
      weight("Conv2DTranspose/kernel", "2, 2, 1, 2"), ",", weight("Conv2DTranspose/bias", "1"), ",",
      weight("LSTM/kernel", "2, 8"), ",", weight("LSTM/recurrent_kernel", "2, 8"), ",", weight("LSTM/bias", "8"), ",",
      weight("Dense/kernel", "8, 3"), ",", weight("Dense/bias", "3"), "]}]}");
}

}  // namespace

TEST_CASE("a model without a program predicts through its layers") {
  const Model model = load(kGood.json(), kNumbers);
  REQUIRE(model.inputs().size() == 1);
  CHECK(model.inputs()[0].name == "d_input");
  CHECK(model.inputs()[0].shape == Dims{Dim::unknown("batch"), Dim(3)});
  CHECK(model.outputs()[0].name == "d");
  CHECK(!model.trains());
  CHECK(!model.streams());
  const Tensor y = model.predict(Tensor::of<float>({2, 3}, {1, 1, 1, 10, 10, 10}));
  CHECK(std::vector<float>(y.data_as<float>(), y.data_as<float>() + 4) == std::vector<float>{0, 13, 0, 121});
  Session session(model, {{1, 3}});
  const float x[] = {20, 10, 10};
  float out[2];
  session.run(x, out);
  CHECK(out[0] == 20 * 1 + 10 * 3 + 10 * 5 - 100);
}

TEST_CASE("weights are found under the names of cells and models") {
  File file = kGood;
  file.manifest = R"({"name": "s/d/cell_1/bias:0", "shape": [2], "dtype": "float32"},)"
                  R"({"name": "s/d/kernel", "shape": [3, 2], "dtype": "float32"})";
  const Model model = load(file.json(), {-100, 1, 1, 2, 3, 4, 5, 6});
  CHECK(model.predict(Tensor::of<float>({1, 3}, {1, 1, 1})).data_as<float>()[1] == 13);
}

TEST_CASE("a model without a program is saved as it was, with its present weights") {
  const test::TemporaryFolder folder;
  Model model = load(kGood.json(), kNumbers);
  model.set_weight("d/bias", Tensor::of<float>({2}, {1, 2}));
  model.save(folder / "saved");
  const Model again = load_layers_model(folder / "saved");
  CHECK(again.predict(Tensor::of<float>({1, 3}, {1, 0, 0})).data_as<float>()[1] == 4);
}

TEST_CASE("layers may be listed before those that they read from, and flat") {
  const std::string nodes = add("c", R"([[["b", 0, 0, {}], ["a", 0, 0, {}]]])") + "," + add("b", R"([["a", 0, 0]])");
  const Model model = load(graph(nodes), {});
  CHECK(model.predict(Tensor::of<float>({1, 2}, {1, 2})).data_as<float>()[1] == 4);
}

TEST_CASE("what is wrong with a topology is said, with the place") {
  const auto edited = [](const char* from, const char* to) {
    std::string json = kGood.json();
    const auto at = json.find(from);
    REQUIRE(at != std::string::npos);
    return json.replace(at, std::strlen(from), to);
  };
  struct Case {
    std::string json;
    const char* reason;
  };
  const Case cases[] = {
      {edited("\"Dense\"", "\"Dance\""), "layer 'd' (Dance): this class of layer is not known here"},
      {edited("\"relu\"", "\"rely\""), "layer 'd' (Dense): the activation 'rely' is not known here"},
      {edited("\"relu\"", "{\"class_name\": \"ReLU\", \"config\": 3}"),
       "layer '' (ReLU): its config must be an object; found number"},
      {edited("\"units\": 2", "\"units\": 5"), "layer 'd' (Dense): weight 'd/kernel' has shape (3, 2); wanted (3, 5)"},
      {edited("\"units\": 2", "\"units\": 0"), "layer 'd' (Dense): 'units' must be positive; found 0"},
      {edited("\"units\": 2", "\"units\": 1e30"), "layer 'd' (Dense): 'units' must be a whole number"},
      {edited("\"units\": 2", "\"units\": \"2\""), "layer 'd' (Dense): 'units' must be a whole number; found \"2\""},
      {edited("\"units\": 2", "\"units\": 2, \"use_bias\": false"),
       "the file has 1 weights that no layer of its topology has: 'd/bias'"},
      {edited("d/bias", "e/bios"), "layer 'd' (Dense): the file has no weight 'd/bias'"},
      {edited("[null, 3]", "[null, 4]"), "wanted (4, 2)"},
      {edited("[null, 3]", "[null, -3]"), "'batch_input_shape' must hold sizes or null; found -3"},
      {edited("\"batch_input_shape\"", "\"shape\""), "it must say the shape of the model's input"},
      {edited("\"Sequential\"", "\"Dense\""), "describes no model of layers"},
      {edited("layers-model", "graph-model"), "graph model"},
      {edited("\"modelTopology\"", "\"topology\""), "no 'modelTopology'"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.reason);
    const std::string reason = why_not(c.json, kNumbers);
    CAPTURE(reason);
    CHECK(contains(reason, c.reason));
  }
}

TEST_CASE("options that are not known are refused where they would change the result, not passed over") {
  struct Case {
    const char *class_name, *shape, *option, *reason;
  };
  const char* const kStateful = R"("layer": {"class_name": "LSTM", "config": {"units": 1, "stateful": true}})";
  const Case cases[] = {
      {"LSTM", "4, 1", R"("units": 1, "time_major": true)", "'time_major' is not known here"},
      {"Bidirectional", "4, 1", kStateful, "states that a batch leaves to the next are not known here"},
      {"Resizing", "4, 4, 1", R"("height": 2, "width": 2, "antialias": true)", "'antialias' is not known here"},
      {"CenterCrop", "4, 4, 1", R"("height": 5, "width": 2)", "images smaller than the crop are not known here"},
      {"UpSampling3D", "2, 2, 2, 1", R"("interpolation": "bilinear")",
       "the interpolation 'bilinear' is not known here"},
      {"BatchNormalization", "4, 4", R"("axis": [1, 2])", "it normalizes several axes"},
  };
  for (const auto& [class_name, shape, option, reason] : cases) {
    CAPTURE(class_name);
    const File file{text(R"({"class_name": ")", class_name,
                         R"(", "config": {"name": "l", "batch_input_shape": [null, )", shape, "], ", option, "}}"),
                    "",
                    {}};
    CHECK(why_not(file.json(), {}) == text("layer 'l' (", class_name, "): ", reason));
  }
}

TEST_CASE("what is wrong with a graph is said, with the place") {
  const std::pair<std::string, const char*> cases[] = {
      {graph(add("c", R"([[["c", 0, 0, {}]]])")), "the graph has a cycle"},
      {graph(add("b", R"([[["c", 0, 0, {}]]])") + "," + add("c", R"([[["b", 0, 0, {}]]])")), "the graph has a cycle"},
      {graph(add("c", R"([[["z", 0, 0, {}]]])")), "it has no layer 'z'"},
      {graph(add("c", R"([[["a", 7, 0, {}]]])")), "layer 'a' has no call 7"},
      {graph(add("c", R"([[["a", 0, 3, {}]]])")), "layer 'a' has no output 3"},
      {graph(add("c", R"([[["a", 0, 0, {"mask": ["a", 0, 0]}]]])")), "has the argument 'mask'"},
      {graph(add("c", R"([[["a", 0]]])")), "must be [layer, call, output]"},
      {graph(add("c", R"([{"args": []}])")), "those of Keras 3"},
      {graph(add("a", R"([[["a", 0, 0, {}]]])")), "it has two layers called 'a'"},
      {graph(add("c", R"([[["a", 0, 0, {}]]])"), "[]"), "a list of tensors is missing"},
  };
  for (const auto& [json, reason] : cases) {
    CAPTURE(reason);
    const std::string found = why_not(json, {});
    CAPTURE(found);
    CHECK(contains(found, reason));
  }
}

TEST_CASE("a chain of calls may be as long as memory is large") {
  std::string chain = add("l0", R"([[["a", 0, 0, {}]]])");
  for (int i = 1; i < 5000; ++i)
    chain += "," + add("l" + std::to_string(i), R"([[["l)" + std::to_string(i - 1) + R"(", 0, 0, {}]]])");
  CHECK(load(graph(chain, R"([["l4999", 0, 0]])"), {}).outputs().size() == 1);
}

TEST_CASE("an activation that is a layer has the options of the layer") {
  File file = kGood;
  const std::string relu = R"("relu")";
  file.layers.replace(file.layers.find(relu), relu.size(),
                      R"({"class_name": "ReLU", "config": {"name": "r", "max_value": 5, "negative_slope": 0.5}})");
  const Tensor y = load(file.json(), kNumbers).predict(Tensor::of<float>({1, 3}, {1, 1, 1}));
  CHECK(test::values(y) == std::vector<float>{-45.5F, 5});
}

TEST_CASE("the multiplier of a depthwise convolution is positive") {
  const auto file = [](const char* multiplier) {
    return File{text(R"({"class_name": "DepthwiseConv2D", "config": {"name": "d", "kernel_size": 1, "use_bias": false,
                         "depth_multiplier": )",
                     multiplier, R"(, "batch_input_shape": [null, 1, 1, 1]}})"),
                R"({"name": "d/depthwise_kernel", "shape": [1, 1, 1, 2], "dtype": "float32"})",
                {2, 3}};
  };
  const Tensor y = load(file("2").json(), {2, 3}).predict(Tensor::of<float>({1, 1, 1, 1}, {10}));
  CHECK(test::values(y) == std::vector<float>{20, 30});
  CHECK(
      contains(why_not(file("-1").json(), {2, 3}), "layer 'd' (DepthwiseConv2D): 'depth_multiplier' must be positive"));
}

TEST_CASE("a model that calls a model twice, which calls a model twice, and so on, is not followed to its end") {
  const auto model = [](const std::string& layers, const std::string& output) {
    return R"({"name": "m", "class_name": "Model", "config": {"name": "m", "layers": [
      {"name": "a", "class_name": "InputLayer", "config": {"name": "a", "batch_input_shape": [null, 2]}})" +
           layers + R"(], "input_layers": [["a", 0, 0]], "output_layers": [)" + output + "]}}";
  };
  std::string inner = model("", R"(["a", 0, 0])");
  for (int i = 0; i < 30; ++i) {
    inner.insert(inner.size() - 1, R"(, "inbound_nodes": [[["a", 0, 0]], [["m", 1, 0]]])");
    inner = model("," + inner, R"(["m", 2, 0])");
  }
  CHECK(contains(why_not(R"({"modelTopology": )" + inner + "}", {}),
                 "the model calls its layers more than 100000 times"));
}

TEST_CASE("models within models are not as deep as the stack") {
  std::string entry = kDense;
  for (int i = 0; i < 200; ++i)
    entry = R"({"class_name": "Sequential", "config": {"name": "s)" + std::to_string(i) + R"(", "layers": [)" + entry +
            "]}}";
  CHECK(contains(why_not(File{entry, kKernel + "," + kBias, kNumbers}.json(), kNumbers), "deep"));
}

TEST_CASE("a topology with numbers that make no sense is loaded or refused, never worse") {
  const std::string whole = many_layers();
  const std::vector<float> numbers(kManyNumbers, 0.5F);
  REQUIRE(why_not(whole, numbers) == "");
  std::vector<std::size_t> places;  // of numbers of one digit
  for (std::size_t i = whole.find("layers"); i + 1 < whole.size(); ++i)
    if (std::strchr(" [", whole[i - 1]) != nullptr && std::isdigit(whole[i]) &&
        std::strchr(",]}", whole[i + 1]) != nullptr)
      places.push_back(i);
  const char* const values[] = {"-1",  "0",    "1",    "2",  "3",      "7", "2147483647",
                                "4.5", "null", "true", "[]", "[2, 1]", "{}"};
  test::Numbers random(1);
  const auto below = [&](std::size_t n) {
    return static_cast<std::size_t>(random.between(0, static_cast<int>(n) - 1));
  };
  int loaded = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string json = whole;
    const bool twice = random.one_in(2);
    const std::size_t first = below(places.size()), second = below(first + 1);  // from the end on: places stay
    json.replace(places[first], 1, values[below(std::size(values))]);
    if (twice && second != first) json.replace(places[second], 1, values[below(std::size(values))]);
    CAPTURE(json);
    try {
      const Model model = load(json, numbers);
      ++loaded;
      if (json.find("2147483647") == std::string::npos)
        static_cast<void>(model.predict(std::vector{Tensor::zeros(DType::float32, {1, 5, 6, 1})}));
    } catch (const Error& error) {
      CHECK(std::strlen(error.what()) > 10);
    }
  }
  CHECK(loaded > 100);
}
