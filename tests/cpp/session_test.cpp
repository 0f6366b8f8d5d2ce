// Sessions at their edges: bounds, addresses, arguments that are refused, models whose prediction changes variables.
#include "addax/session.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <thread>

#include "addax/model_file.h"
#include "addax/ops.h"
#include "allocations.h"
#include "models.h"
#include "programs.h"

using namespace addax;
using test::message_of;
using test::save_running_sum;
using test::TemporaryFolder;

namespace {

// y = 2·x for rows of three floats.
std::string save_doubling(const std::string& folder) {
  ModelFile file;
  file.programs["predict"] = test::record([](Recording& r) -> Values {
    const Value x = r.input("x", {DType::float32, {Dim::unknown("batch"), Dim(3)}});
    return {x + x};
  });
  file.json = R"({"userDefinedMetadata": {"addax": {"signatures": {"predict": {"inputs": ["x"], "outputs": ["y"]}}}}})";
  write_model(folder, file);
  return folder;
}

// y = count, which every prediction raises by one: eight copies, so that half a write would show.
std::string save_counter(const std::string& folder) {
  const auto count = test::variable({8}, std::vector<float>(8, 0), "count");
  ModelFile file;
  file.weights = {{"count", count->tensor(), ""}};
  file.programs["predict"] = test::record([&](Recording& r) -> Values {
    const Value x = r.input("x", {DType::float32, {Dim(8)}});
    const Value next = Variable::read(count) + x;
    Variable::assign(count, next);
    return {next};
  });
  // A run on ones says eight ones.
  file.json = R"({"userDefinedMetadata": {"addax": {
      "signatures": {"predict": {"inputs": ["x"], "outputs": ["y"]}}, "check": {
      "inputs": [{"dtype": "float32", "shape": [8], "data": "AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/AACAPwAAgD8="}],
      "outputs": [{"dtype": "float32", "shape": [8], "data": "AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/AACAPwAAgD8="}]}}}})";
  write_model(folder, file);
  return folder;
}

}  // namespace

TEST_CASE("bounds that ask for more plans than a session keeps are refused, however large they are") {
  const TemporaryFolder folder;
  const Model model = Model::load(save_doubling(folder / "model"));
  for (const std::int64_t most : {std::int64_t{Session::kMaxPlans}, std::numeric_limits<std::int64_t>::max()}) {
    const std::string message = message_of([&] { Session(model, {{0, 3}}, {{most, 3}}); });
    CHECK(message ==
          text("input 'x', axis 0: a session keeps at most 4096 plans; the bounds 0 and ", most, " ask for more"));
  }
  CHECK(Session(model, {{1, 3}}, {{Session::kMaxPlans, 3}}).output_shape(0) == Shape{4096, 3});
}

TEST_CASE("sizes far out of bounds are refused") {
  const TemporaryFolder folder;
  const Model model = Model::load(save_doubling(folder / "model"));
  Session session(model, {{2, 3}}, {{9, 3}});
  for (const std::int64_t rows : {std::numeric_limits<std::int64_t>::max(), std::int64_t{1}}) {
    const Shape shape{rows, 3};
    CHECK(message_of([&] { session.run({&shape, 1}, {}, {}); }).find("the session was made for inputs of (2, 3)") == 0);
  }
}

TEST_CASE("addresses that do not fit are refused by name, and nothing is written") {
  const TemporaryFolder folder;
  const Model model = Model::load(save_doubling(folder / "model"));
  Session session(model, {{1, 3}});
  alignas(8) unsigned char bytes[32] = {};
  float y[3] = {7, 7, 7};
  const auto run = [&](const void* in, void* out) { return message_of([&] { session.run({&in, 1}, {&out, 1}); }); };
  CHECK(run(bytes + 1, y) ==
        "the address of input 'x' is not aligned for float32: it must be a multiple of 4; received a multiple of 1");
  CHECK(run(bytes, bytes + 18) ==
        "the address of output 'y' is not aligned for float32: it must be a multiple of 4; received a multiple of 2");
  CHECK(run(nullptr, y) == "the address of input 'x' is null; its shape is (1, 3)");
  CHECK(run(bytes, nullptr) == "the address of output 'y' is null; its shape is (1, 3)");
  CHECK(y[0] == 7);
  CHECK(run(bytes + 4, y).empty());
  CHECK(y[0] == 0);
  Session none(model, {{0, 3}});
  none.run(nullptr, nullptr);  // no rows, no memory
}

TEST_CASE("a run that is refused leaves the stream where it was") {
  const TemporaryFolder folder;
  const Model model = Model::load(save_running_sum(folder / "model", 1));
  Session stream(model, {{1, 2, 1}}, Session::Kind::stream);
  const float x[] = {1, 2};
  float y[] = {0, 0};
  stream.step(x, y);
  CHECK_THROWS_AS(stream.run({}, {}), Error);
  CHECK_THROWS_AS(stream.run(x, nullptr), Error);
  stream.step(x, y);
  CHECK(y[1] == 6);
  stream.run(x, y);  // begins anew
  CHECK(y[1] == 3);
  stream.step(x, y);
  CHECK(y[1] == 6);
}

TEST_CASE("every run and step has its twin that does not throw") {
  const TemporaryFolder folder;
  const Model model = Model::load(save_running_sum(folder / "model", 1));
  Session stream(model, {{1, 1, 1}}, {{1, 2, 1}}, Session::Kind::stream);
  const float x[] = {1, 2};
  float y[] = {0, 0};
  const Shape shapes[] = {{1, 2, 1}};
  const void* const in[] = {x};
  void* const out[] = {y};
  CHECK(stream.try_step(shapes, in, out).ok());
  CHECK(stream.try_step(shapes, in, out).ok());
  CHECK(y[1] == 6);
  CHECK(stream.try_run(shapes, in, out).ok());
  CHECK(y[1] == 3);
  CHECK(stream.try_run(x, y).message().find("say which, with the shapes") != std::string::npos);
  CHECK_FALSE(stream.try_step(x, y).ok());
  Session one(model, {{1, 2, 1}}, Session::Kind::stream);
  CHECK(one.try_run(x, y).ok());
  CHECK(one.try_step(x, y).ok());
  CHECK(y[1] == 6);
}

TEST_CASE("the memory of a session is that of its largest plan and of its states") {
  const TemporaryFolder folder;
  const Model model = Model::load(save_running_sum(folder / "model", 1));
  const auto bytes = [&](std::int64_t least, std::int64_t most, Session::Kind kind) {
    return Session(model, {{1, least, 1}}, {{1, most, 1}}, kind).bytes();
  };
  CHECK(bytes(1, 9, Session::Kind::predict) == bytes(9, 9, Session::Kind::predict));
  CHECK(bytes(1, 9, Session::Kind::stream) == bytes(9, 9, Session::Kind::stream));
  CHECK(bytes(1, 9, Session::Kind::stream) >= static_cast<std::int64_t>(3 * sizeof(float)));
}

TEST_CASE("sessions of a model that counts its predictions take turns") {
  const TemporaryFolder folder;
  const Model model = Model::load(save_counter(folder / "model"));
  constexpr int kThreads = 4, kRuns = 2000;
  const std::vector<float> ones(8, 1);
  std::vector<std::vector<float>> seen(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      Session session(model, {{8}});
      float y[8];
      for (int i = 0; i < kRuns; ++i) {
        if (i % 2 == 0) {
          session.run(ones.data(), y);
        } else {
          std::memcpy(y, model.predict(Tensor::of<float>({8}, ones)).data(), sizeof y);
        }
        seen[static_cast<std::size_t>(t)].push_back(std::all_of(y, y + 8, [&](float c) { return c == y[0]; }) ? y[0]
                                                                                                              : -1);
      }
    });
  for (std::thread& thread : threads) thread.join();
  std::vector<float> all;
  for (const auto& part : seen) all.insert(all.end(), part.begin(), part.end());
  std::sort(all.begin(), all.end());
  bool each_once = true;
  for (std::size_t i = 0; i < all.size(); ++i) each_once = each_once && all[i] == static_cast<float>(i + 1);
  CHECK(each_once);
  CHECK(test::values(model.weight("count"))[7] == kThreads * kRuns);
}

TEST_CASE("verify leaves the variables that a prediction changes as they were, whoever predicts meanwhile") {
  const TemporaryFolder folder;
  const Model model = Model::load(save_counter(folder / "model"));
  CHECK(*model.verify() == 0);
  CHECK(test::values(model.weight("count")) == std::vector<float>(8, 0));
  constexpr int kRuns = 2000;
  std::thread other([&] {
    Session session(model, {{8}});
    const std::vector<float> ones(8, 1);
    float y[8];
    for (int i = 0; i < kRuns; ++i) session.run(ones.data(), y);
  });
  for (int i = 0; i < 500; ++i) static_cast<void>(model.verify());
  other.join();
  CHECK(test::values(model.weight("count")) == std::vector<float>(8, kRuns));
}

TEST_CASE("where memory ends, a failure is a status, too") {
  const TemporaryFolder folder;
  const Model model = Model::load(save_running_sum(folder / "model", 1));
  const std::string missing = folder / "a path that no short string holds";
  Session session(model, {{1, 2, 1}});
  int refused = 0;
  for (int calls = 0; calls < 40; ++calls) {
    const test::Starvation starvation(calls);
    refused += !Model::try_load(missing).ok() && !session.try_run(nullptr, nullptr).ok();
  }
  CHECK(refused == 40);
}
