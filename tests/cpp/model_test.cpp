// A model in a native app: loaded, inspected, run, streamed, trained and saved, from a file that this program writes
// itself. Files that Python writes are in tests/python/native.
#include "addax/model.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "addax/control.h"
#include "addax/model_file.h"
#include "addax/ops.h"
#include "addax/session.h"
#include "addax/tape.h"
#include "addax/threads.h"
#include "allocations.h"
#include "models.h"
#include "programs.h"

#if defined(__linux__)
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace addax;
using test::message_of;
using test::random_tensor;
using test::save_running_sum;
using test::TemporaryFolder;
using test::values;

namespace {

constexpr std::int64_t kIn = 32, kHidden = 64;

VariablePtr random_variable(const Shape& shape, std::uint32_t seed, const char* name) {
  std::vector<float> numbers = test::Numbers(seed).vector<float>(shape.elements());
  for (float& x : numbers) x *= 0.3f;
  return test::variable(shape, numbers, name);
}

VariablePtr scalar(double value, const char* name) {
  return std::make_shared<Variable>(Tensor::scalar(DType::float32, value), name, false);
}

// Two dense layers trained by gradient descent on the mean squared error.
struct Network {
  VariablePtr w1 = random_variable({kIn, kHidden}, 1, "first/kernel"), b1 = random_variable({kHidden}, 2, "first/bias");
  VariablePtr w2 = random_variable({kHidden, 1}, 3, "second/kernel"), b2 = random_variable({1}, 4, "second/bias");
  VariablePtr rate = scalar(0.125, "optimizer/learning_rate");
  VariablePtr total = scalar(0, "state/loss/total"), count = scalar(0, "state/loss/count");
  const Dim batch = Dim::unknown("batch");

  std::vector<VariablePtr> weights() const { return {w1, b1, w2, b2}; }

  Value predict(const Value& x) const {
    const Value hidden =
        ops::maximum(ops::matmul(x, Variable::read(w1)) + Variable::read(b1), ops::constant_like(x, 0));
    return ops::matmul(hidden, Variable::read(w2)) + Variable::read(b2);
  }

  Value track(const Value& loss) const {
    Variable::assign(total, Variable::read(total) + loss);
    Variable::assign(count, Variable::read(count) + 1.0);
    return Variable::read(total) / Variable::read(count);
  }

  Value loss_of(Recording& r, const Value& x, const Value& y, bool weighted) const {
    Value squares = ops::square(predict(x) - y);
    if (weighted) squares = squares * ops::expand_dims(r.input("sample_weight", {DType::float32, {batch}}), 1);
    return ops::mean(squares, {0, 1});
  }

  ProgramPtr step(bool trains, bool weighted) const {
    return test::record([&](Recording& r) -> Values {
      const Value x = r.input("x", {DType::float32, {batch, Dim(kIn)}});
      const Value y = r.input("y", {DType::float32, {batch, Dim(1)}});
      Tape tape;
      tape.start();
      const Value loss = loss_of(r, x, y, weighted);
      tape.stop();
      if (trains) {
        const std::vector<VariablePtr> all = weights();
        const Values gradients = tape.gradient_by({loss}, {all.begin(), all.end()});
        for (std::size_t i = 0; i < all.size(); ++i)
          Variable::assign(all[i], Variable::read(all[i]) - gradients[i] * Variable::read(rate));
      }
      return {track(loss)};
    });
  }

  std::string save(const std::string& folder) const {
    ModelFile file;
    for (const VariablePtr& w : weights()) file.weights.push_back({w->name(), w->tensor(), ""});
    file.programs["predict"] = test::record(
        [&](Recording& r) -> Values { return {predict(r.input("x", {DType::float32, {batch, Dim(kIn)}}))}; });
    for (const bool weighted : {false, true}) {
      const std::string suffix = weighted ? "_weighted" : "";
      file.programs["train" + suffix] = step(true, weighted);
      file.programs["evaluate" + suffix] = step(false, weighted);
    }
    file.programs["reset_metrics"] = test::record([&](Recording&) -> Values {
      for (const VariablePtr& v : {total, count}) Variable::assign(v, Value(Tensor::scalar(DType::float32, 0)));
      return {};
    });
    std::string state;
    for (const VariablePtr& v : {rate, total, count})
      state += text(state.empty() ? "" : ", ", R"({"name": ")", v->name(),
                    R"(", "dtype": "float32", "shape": [], "data": ")", v == rate ? "AAAAPg==" : "AAAAAA==", "\"}");
    const auto signature = [](const char* name, const char* rest) {
      return text('"', name, R"(": {"inputs": [], "outputs": ["loss"], "targets": 1)", rest, "}, ");
    };
    file.json = text(
        R"({"format": "layers-model", "modelTopology": {"model_config": {"class_name": "Sequential",
      "config": {"name": "two_layers", "layers": [{"class_name": "Dense", "config": {"name": "first"}},
                                                  {"class_name": "Dense", "config": {"name": "second"}}]}}},
      "trainingConfig": {"optimizer_config": {"class_name": "SGD", "config": {"learningRate": 0.125}}},
      "userDefinedMetadata": {"author": "a test", "addax": {"formatVersion": 1, "state": [)",
        state, R"(], "signatures": {"predict": {"inputs": ["x"], "outputs": ["score"]}, )", signature("train", ""),
        signature("evaluate", ""), signature("train_weighted", R"(, "weights": 1)"),
        signature("evaluate_weighted", R"(, "weights": 1)"), R"("reset_metrics": {"inputs": [], "outputs": []}}}}})");
    write_model(folder, file);
    return folder;
  }
};

std::vector<std::uint8_t> bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  const std::string text = out.str();
  return {text.begin(), text.end()};
}

std::string weights_file(const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".bin") return entry.path().string();
  return "";
}

}  // namespace

TEST_CASE("a model says what it is") {
  const TemporaryFolder folder;
  const Model model = Model::load(Network().save(folder / "model"));
  CHECK(model.name() == "two_layers");
  REQUIRE(model.inputs().size() == 1);
  CHECK(model.inputs()[0].name == "x");
  CHECK(text(model.inputs()[0].shape) == "(batch, 32)");
  CHECK(model.outputs()[0].name == "score");
  CHECK(model.outputs()[0].dtype == DType::float32);
  REQUIRE(model.layers().size() == 2);
  CHECK(model.layers()[1].name == "second");
  CHECK(model.layers()[1].class_name == "Dense");
  CHECK(model.parameters() == 32 * 64 + 64 + 64 + 1);
  CHECK(model.weights()[0].name == "first/kernel");
  CHECK(model.metadata() == R"({"author":"a test"})");
  CHECK(model.trains());
  CHECK_FALSE(model.streams());
  CHECK(model.targets()[0].name == "y");
  CHECK_FALSE(model.verify().has_value());
}

TEST_CASE("a session predicts what the model predicts, from files and from memory") {
  const TemporaryFolder folder;
  const Network network;
  const std::string path = network.save(folder / "model");
  const Tensor x = random_tensor({5, kIn}, 7);
  const Tensor wanted = network.predict(Value(x)).tensor();
  const std::vector<std::uint8_t> json = bytes_of(path + "/model.json"), weights = bytes_of(weights_file(path));
  const std::string_view text(reinterpret_cast<const char*>(json.data()), json.size());
  for (const Model& model : {Model::load(path), Model::load(path + "/model.json"), Model::load(text, weights)}) {
    Session session(model, {{5, kIn}});
    CHECK(session.output_shape(0) == Shape{5, 1});
    std::vector<float> y(5);
    session.run(x.data_as<float>(), y.data());
    CHECK(values(model.predict(x)) == y);
    for (std::size_t i = 0; i < y.size(); ++i) CHECK(y[i] == doctest::Approx(values(wanted)[i]).epsilon(1e-5));
  }
}

TEST_CASE("a session takes all sizes between its bounds") {
  const TemporaryFolder folder;
  const Model model = Model::load(Network().save(folder / "model"));
  Session session(model, {{0, kIn}}, {{9, kIn}});
  for (std::int64_t rows = 0; rows <= 9; ++rows) {
    const Tensor x = random_tensor({rows, kIn}, 3);
    std::vector<float> y(static_cast<std::size_t>(rows));
    const Shape shape{rows, kIn};
    const void* const in = x.data();
    void* const out = y.data();
    session.run({&shape, 1}, {&in, 1}, {&out, 1});
    CHECK(values(model.predict(x)) == y);
    CHECK(session.output_shape(0, {&shape, 1}) == Shape{rows, 1});
  }
  const Shape beyond{10, kIn};
  CHECK(message_of([&] { session.run({&beyond, 1}, {}, {}); }) ==
        "the session was made for inputs of (0, 32) to (9, 32); received (10, 32)");
  CHECK(message_of([&] { session.run(nullptr, nullptr); }) ==
        "the session was made for 10 combinations of sizes: say which, with the shapes");
  CHECK_THROWS_AS(Session(model, {{0, kIn}}, {{Session::kMaxPlans, kIn}}), Error);
}

TEST_CASE("what does not fit is refused, with the reason") {
  const TemporaryFolder folder;
  const Model model = Model::load(Network().save(folder / "model"));
  CHECK(message_of([&] { Session(model, {{1, 31}}); }) == "input 'x' has shape (batch, 32); received (1, 31)");
  CHECK(message_of([&] { Session(model, {{1}}); }) == "input 'x' has shape (batch, 32); received (1,)");
  CHECK(message_of([&] { Session(model, std::vector<Shape>{}); }) ==
        "a session needs the shapes of 1 inputs; received 0");
  CHECK(message_of([&] { Session(model, {{1, kIn}}, Session::Kind::stream); }).find("cannot be streamed") !=
        std::string::npos);
  CHECK(message_of([&] { model.predict(Tensor::of<std::int32_t>({1, 2}, {1, 2})); }) ==
        "input 'x' must be float32; received int32");
  CHECK(message_of([&] { Model(model).train_on_batch({{random_tensor({1, kIn}, 1)}, {}, {}}); }) ==
        "model 'two_layers' is trained with 1 targets; received 0");
  CHECK(message_of([&] { static_cast<void>(model.weight("nobody")); }) == "model 'two_layers' has no weight 'nobody'");
  CHECK(message_of([&] { Model(model).set_weight("first/bias", Tensor::zeros(DType::float32, {3})); }).find("(64,)") !=
        std::string::npos);
}

TEST_CASE("inputs that share a size get the same") {
  const TemporaryFolder folder;
  const Dim batch = Dim::unknown("batch");
  ModelFile file;
  file.programs["predict"] = test::record([&](Recording& r) -> Values {
    const Value a = r.input("a", {DType::float32, {batch, Dim(2)}});
    return {a + r.input("b", {DType::float32, {batch, Dim(2)}})};
  });
  file.json = R"({"userDefinedMetadata": {"addax": {"signatures": {
      "predict": {"inputs": ["a", "b"], "outputs": ["y"]}}}}})";
  write_model(folder / "model", file);
  const Model model = Model::load(folder / "model");
  CHECK(message_of([&] { Session(model, {{1, 2}, {3, 2}}); }) ==
        "input 'b', axis 0, has the size 'batch' of input 'a', axis 0; received 3 and 1");
  CHECK(Session(model, {{3, 2}, {3, 2}}).output_shape(0) == Shape{3, 2});
}

TEST_CASE("without exceptions a failure is a status") {
  Expected<Model> none = Model::try_load("/nowhere/at/all");
  CHECK_FALSE(none.ok());
  CHECK(none.status().kind() == ErrorKind::io);
  CHECK(none.status().message().find("/nowhere/at") != std::string::npos);
  const TemporaryFolder folder;
  Expected<Model> model = Model::try_load(Network().save(folder / "model"));
  REQUIRE(model.ok());
  CHECK_FALSE(Session::try_make(*model, {{1, 3}}).ok());
  Expected<Session> session = Session::try_make(*model, {{1, kIn}});
  REQUIRE(session.ok());
  CHECK_FALSE(session->try_run({}, {}).ok());
  CHECK_FALSE(session->try_step({}, {}).ok());
}

TEST_CASE("a stream in pieces gives the bits of the whole") {
  const TemporaryFolder folder;
  const Model model = Model::load(save_running_sum(folder / "model", 3));
  REQUIRE(model.streams());
  const std::vector<float> x = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  std::vector<float> whole(12), pieces(12);
  Session(model, {{1, 4, 3}}).run(x.data(), whole.data());
  Session stream(model, {{1, 1, 3}}, {{1, 4, 3}}, Session::Kind::stream);
  const auto step = [&](std::int64_t first, std::int64_t count) {
    const Shape shape{1, count, 3};
    const void* const in = x.data() + first * 3;
    void* const out = pieces.data() + first * 3;
    stream.step({&shape, 1}, {&in, 1}, {&out, 1});
  };
  for (int round = 0; round < 2; ++round) {
    step(0, 1);
    step(1, 2);
    step(3, 1);
    CHECK(pieces == whole);
    stream.reset();
  }
  step(0, 2);
  step(0, 4);
  CHECK(pieces != whole);  // it went on
  const Shape all{1, 4, 3};
  const void* const in = x.data();
  void* const out = pieces.data();
  stream.run({&all, 1}, {&in, 1}, {&out, 1});  // begins anew
  CHECK(pieces == whole);
  CHECK(message_of([&] { Session(model, {{1, 1, 3}}, {{2, 1, 3}}, Session::Kind::stream); }).find("batch") !=
        std::string::npos);
}

TEST_CASE("training in an app lowers the loss, and what it saves goes on as if it had not stopped") {
  const TemporaryFolder folder;
  Model model = Model::load(Network().save(folder / "model"));
  const Batch batch{{random_tensor({16, kIn}, 5)}, {random_tensor({16, 1}, 6)}, {}};
  const auto steps = [&](Model& m, int count) {
    std::vector<double> losses;
    m.reset_metrics();
    for (int i = 0; i < count; ++i) losses.push_back(m.train_on_batch(batch)[0].number());
    return losses;
  };
  const std::vector<double> before = steps(model, 20);
  CHECK(before.back() < before.front());
  model.set_learning_rate(0.0625);
  model.save(folder / "half");
  Model again = Model::load(folder / "half");
  CHECK(again.learning_rate() == 0.0625);
  CHECK(bytes_of(folder / "half/model.json").size() > 0);
  const std::vector<std::uint8_t> json = bytes_of(folder / "half/model.json");
  CHECK(std::string(json.begin(), json.end()).find(R"("learningRate":0.0625)") != std::string::npos);
  CHECK(steps(model, 5) == steps(again, 5));
  CHECK(values(model.weight("first/kernel")) == values(again.weight("first/kernel")));
  model.save(folder / "model");  // over the file that the weights are mapped from
  CHECK(values(Model::load(folder / "model").weight("first/bias")) == values(model.weight("first/bias")));
}

TEST_CASE("a save that fails changes nothing, one that succeeds brings the pair of input and output up to date") {
  const TemporaryFolder folder;
  Network network;
  const std::string path = network.save(folder / "model");
  // The pair that the file lacks: what the untrained network says to zeros.
  const std::string zeros = std::string(171, 'A') + '=';  // 128 bytes
  std::string text;
  {
    const std::vector<std::uint8_t> json = bytes_of(path + "/model.json");
    text.assign(json.begin(), json.end());
  }
  const std::string start = R"("formatVersion":1,)";
  REQUIRE(text.find(start) != std::string::npos);
  text.insert(text.find(start), R"("check":{"inputs":[{"dtype":"float32","shape":[1,32],"data":")" + zeros +
                                    R"("}],"outputs":[{"dtype":"float32","shape":[1,1],"data":"AAAAAA=="}]},)");
  std::ofstream(path + "/model.json") << text;
  Model model = Model::load(path);
  const double before = *model.verify();
  CHECK(before > 0);
  std::ofstream(folder / "file") << "in the way";
  CHECK_THROWS_AS(model.save(folder / "file"), Error);
  CHECK(*model.verify() == before);
  model.save(folder / "saved");
  CHECK(*model.verify() == 0);
  CHECK(*Model::load(folder / "saved").verify() == 0);
}

TEST_CASE("fit and evaluate go through what the caller supplies") {
  const TemporaryFolder folder;
  Model model = Model::load(Network().save(folder / "model"));
  int given = 0;
  const auto three = [&](Batch& batch) {
    const auto seed = static_cast<std::uint32_t>(given % 4);
    if (given++ % 4 == 3) return false;
    batch = {{random_tensor({4, kIn}, seed)}, {random_tensor({4, 1}, seed + 9)}, {}};
    return true;
  };
  const double before = model.evaluate(three)[0].number();
  const std::vector<Metrics> history = model.fit(three, 5);
  REQUIRE(history.size() == 5);
  CHECK(history[0][0].name == "loss");
  CHECK(history[4][0].number() < history[0][0].number());
  CHECK(model.evaluate(three)[0].number() < before);
}

TEST_CASE("sample weights count") {
  const TemporaryFolder folder;
  Model model = Model::load(Network().save(folder / "model"));
  Batch batch{{random_tensor({4, kIn}, 5)}, {random_tensor({4, 1}, 6)}, {}};
  const double plain = model.test_on_batch(batch)[0].number();
  model.reset_metrics();
  batch.sample_weight = {Tensor::of<float>({4}, {2, 2, 2, 2})};
  CHECK(model.test_on_batch(batch)[0].number() == doctest::Approx(2 * plain));
}

TEST_CASE("run and step allocate nothing") {
  const TemporaryFolder folder;
  const Model model = Model::load(Network().save(folder / "model"));
  const Model sums = Model::load(save_running_sum(folder / "sums", 3));
  Session session(model, {{1, kIn}}), stream(sums, {{1, 4, 3}}, Session::Kind::stream);
  std::vector<float> x(kIn, 0.5f), y(12);
  const std::int64_t before = test::allocations();
  for (int i = 0; i < 100; ++i) {
    session.run(x.data(), y.data());
    stream.step(x.data(), y.data());
    if (i % 10 == 0) stream.reset();
  }
  CHECK(test::allocations() == before);
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

// In the strict mode of seccomp the kernel kills whoever calls it for anything but reading, writing and the end.
TEST_CASE("run and step on the calling thread make no system call") {
  const TemporaryFolder folder;
  const Model model = Model::load(Network().save(folder / "model"));
  const Model sums = Model::load(save_running_sum(folder / "sums", 3));
  Session session(model, {{1, kIn}}), stream(sums, {{1, 4, 3}}, Session::Kind::stream);
  std::vector<float> x(kIn, 0.5f), y(12);
  session.run(x.data(), y.data());
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(7);
    for (int i = 0; i < 1000; ++i) {
      session.run(x.data(), y.data());
      stream.step(x.data(), y.data());
    }
    syscall(SYS_exit, 0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 7) {
    MESSAGE("this system has no seccomp");
    return;
  }
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

#endif

TEST_CASE("eight threads predict with one model, each what one alone does") {
  const TemporaryFolder folder;
  const Model model = Model::load(Network().save(folder / "model"));
  std::vector<float> inputs = test::Numbers(3).vector<float>(100 * kIn), wanted(100);
  Session alone(model, {{1, kIn}});
  for (std::size_t i = 0; i < 100; ++i) alone.run(inputs.data() + i * kIn, &wanted[i]);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      Session session(model, {{1, kIn}});
      for (std::size_t i = 0; i < 10000; ++i) {
        float y = 0;
        session.run(inputs.data() + i % 100 * kIn, &y);
        wrong += std::memcmp(&y, &wanted[i % 100], sizeof y) != 0;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("signatures that do not fit their programs are refused") {
  const TemporaryFolder folder;
  const std::string path = Network().save(folder / "model");
  const std::vector<std::uint8_t> json = bytes_of(path + "/model.json"), weights = bytes_of(weights_file(path));
  const std::string whole(json.begin(), json.end());
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    return message_of([&] { Model::load(text, weights); });
  };
  CHECK(changed(R"("outputs":["score"])", R"("outputs":[])") ==
        "signature of program 'predict': 0 outputs are named; the program has 1");
  CHECK(changed(R"("targets":1)", R"("targets":3)").find("'targets' is 3") != std::string::npos);
  CHECK(changed(R"("targets":1)", R"("targets":-1)").find("'targets' is -1") != std::string::npos);
  CHECK(changed(R"("predict":{"inputs":["x"])", R"("predikt":{"inputs":["x"])").find("'predict' is missing") !=
        std::string::npos);
  const std::span<const std::uint8_t> few(weights.data(), weights.size() - 1);
  CHECK_THROWS_AS(Model::load(whole, few), Error);
  std::vector<std::uint8_t> more = weights;
  more.push_back(0);
  CHECK_THROWS_AS(Model::load(whole, more), Error);
}
