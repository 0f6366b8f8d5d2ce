// without_exceptions FOLDER INPUT OUTPUT: consumer.cpp for an app that is compiled with -fno-exceptions -fno-rtti and
// ADDAX_NO_EXCEPTIONS: what fails gives a status.
#include <addax/addax.h>

#include <cstdio>
#include <vector>

namespace {

constexpr std::int64_t kRows = 4, kSide = 12, kClasses = 10;

int explain(const addax::Status& status) {
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}

std::vector<float> read_floats(const char* path, std::size_t count) {
  std::vector<float> values(count);
  if (std::FILE* file = std::fopen(path, "rb")) {
    values.resize(std::fread(values.data(), sizeof(float), count, file));
    std::fclose(file);
  }
  return values;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return 2;
  addax::Expected<addax::Model> model = addax::Model::try_load(arguments[1]);
  if (!model) return explain(model.status());
  for (const addax::Port& input : model->inputs())
    std::printf("%s has %zu dimensions\n", input.name.c_str(), input.shape.size());

  addax::Expected<addax::Session> unfit = addax::Session::try_make(*model, {{kRows, kSide, kSide}});
  if (unfit) return 3;
  std::printf("%s\n", unfit.status().message().c_str());

  addax::Expected<addax::Session> session = addax::Session::try_make(*model, {{kRows, kSide, kSide, 1}});
  if (!session) return explain(session.status());
  const std::vector<float> x = read_floats(arguments[2], kRows * kSide * kSide);
  std::vector<float> y(kRows * kClasses);
  const void* const in = x.data();
  void* const out = y.data();
  if (session->try_run({}, {}).ok() || session->try_step({&in, 1}, {&out, 1}).ok()) return 3;
  if (const addax::Status status = session->try_run({&in, 1}, {&out, 1}); !status) return explain(status);
  std::FILE* file = std::fopen(arguments[3], "wb");
  if (file == nullptr || std::fwrite(y.data(), sizeof(float), y.size(), file) != y.size()) return 3;
  return std::fclose(file);
}
