// Small models in folders.
#pragma once

#include <cstdint>
#include <string>

#include "addax/model_file.h"
#include "addax/ops.h"
#include "programs.h"

namespace test {

// y[t] = x[0] + … + x[t] for each of so many features, whole and in pieces.
inline std::string save_running_sum(const std::string& folder, std::int64_t features) {
  using namespace addax;
  const Dim batch = Dim::unknown("batch"), time = Dim::unknown("time");
  const auto input = [&](Recording& r) { return r.input("x", {DType::float32, {batch, time, Dim(features)}}); };
  ModelFile file;
  file.programs["predict"] = record([&](Recording& r) -> Values { return {ops::cumsum(input(r), 1)}; });
  file.programs["stream"] = record([&](Recording& r) -> Values {
    const Value x = input(r);
    const Value before = r.input("state", {DType::float32, {batch, Dim(features)}});
    return {ops::cumsum(x, 1) + ops::expand_dims(before, 1), before + ops::sum(x, {1})};
  });
  file.json = R"({"userDefinedMetadata": {"addax": {"signatures": {
      "predict": {"inputs": ["x"], "outputs": ["y"]},
      "stream": {"inputs": ["x", "state"], "outputs": ["y", "state"], "states": 1}}}}})";
  write_model(folder, file);
  return folder;
}

}  // namespace test
