#include "kernels/index.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "base/parallel.h"

using namespace addax::kernels;

TEST_CASE("the first index out of range is found wherever it stands") {
  for (const std::int64_t n : {1, 5, 1023, 1024, 1025, 3000}) {
    std::vector<std::int32_t> indices(static_cast<std::size_t>(n), 3);
    CHECK(first_out_of_range(indices.data(), n, -4, 4) == -1);
    for (const std::int64_t at : {std::int64_t{0}, n / 2, n - 1}) {
      auto bad = indices;
      bad[static_cast<std::size_t>(at)] = 4;
      CHECK(first_out_of_range(bad.data(), n, -4, 4) == at);
      bad[static_cast<std::size_t>(at)] = -5;
      CHECK(first_out_of_range(bad.data(), n, -4, 4) == at);
    }
  }
  CHECK(first_out_of_range(static_cast<const std::int64_t*>(nullptr), 0, 0, 0) == -1);
}

TEST_CASE("gather takes rows of any width, negative indices from the end") {
  for (const std::int64_t width : {1, 2, 3, 16, 1000}) {
    const std::int64_t outer = 2, size = 5;
    std::vector<float> x(static_cast<std::size_t>(outer * size * width));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
    const std::vector<std::int64_t> indices = {4, 0, -1, -5, 2, 2};
    std::vector<float> out(static_cast<std::size_t>(outer * 6 * width));
    gather(x.data(), indices.data(), out.data(), outer, size, 6, width * 4);
    bool right = true;
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t i = 0; i < 6; ++i) {
        const std::int64_t from = (indices[static_cast<std::size_t>(i)] + size) % size;
        for (std::int64_t k = 0; k < width; ++k) {
          right &= out[static_cast<std::size_t>((o * 6 + i) * width + k)] ==
                   x[static_cast<std::size_t>((o * size + from) * width + k)];
        }
      }
    }
    CHECK(right);
  }
}

TEST_CASE("scatter_add adds repeated indices in order, with the same bits for any number of threads") {
  const std::int64_t size = 1000, count = 20000, inner = 17;
  std::vector<std::int32_t> indices(static_cast<std::size_t>(count));
  std::vector<float> updates(static_cast<std::size_t>(count * inner)), wanted(static_cast<std::size_t>(size * inner));
  for (std::size_t i = 0; i < indices.size(); ++i)
    indices[i] = static_cast<std::int32_t>(i * 7919 % 1000) - (i % 3 == 0 ? 1000 : 0);
  for (std::size_t i = 0; i < updates.size(); ++i) updates[i] = 1.0f / static_cast<float>(i + 1);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t to = (indices[static_cast<std::size_t>(i)] + size) % size;
    for (std::int64_t k = 0; k < inner; ++k)
      wanted[static_cast<std::size_t>(to * inner + k)] += updates[static_cast<std::size_t>(i * inner + k)];
  }
  const int before = addax::thread_count();
  for (const int threads : {1, 2, 3}) {
    addax::set_thread_count(threads);
    std::vector<float> out(wanted.size(), 9);
    scatter_add(indices.data(), updates.data(), out.data(), 1, size, count, inner);
    CHECK(out == wanted);
  }
  addax::set_thread_count(before);
}

TEST_CASE("take_along_axis and put_along_axis_add are each other's transpose") {
  const std::int64_t outer = 3, size = 4, count = 5, inner = 2;
  std::vector<std::int32_t> indices(static_cast<std::size_t>(outer * count * inner));
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<std::int32_t>(i * 5 % 8) - 4;
  std::vector<double> x(static_cast<std::size_t>(outer * size * inner)), taken(indices.size()), dy(indices.size()),
      dx(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i * i % 11);
  for (std::size_t i = 0; i < dy.size(); ++i) dy[i] = static_cast<double>(i % 7) - 2;
  take_along_axis(x.data(), indices.data(), taken.data(), 8, outer, size, count, inner);
  put_along_axis_add(indices.data(), dy.data(), dx.data(), outer, size, count, inner);
  double left = 0, right = 0;
  for (std::size_t i = 0; i < dy.size(); ++i) left += taken[i] * dy[i];
  for (std::size_t i = 0; i < x.size(); ++i) right += x[i] * dx[i];
  CHECK(left == doctest::Approx(right));
}

TEST_CASE("one_hot gives zeros for indices outside") {
  const std::int64_t indices[] = {1, -1, 3, 0};
  float out[12];
  one_hot(indices, out, 4, 3, 1);
  const std::vector<float> wanted = {0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0};
  CHECK(std::vector<float>(out, out + 12) == wanted);
  bool columns[12];
  one_hot(indices, columns, 1, 3, 4);
  const std::vector<bool> flags = {false, false, false, true, true, false, false, false, false, false, false, false};
  CHECK(std::vector<bool>(columns, columns + 12) == flags);
}

TEST_CASE("gather_nd reads what scatter_nd writes") {
  const std::int32_t places[] = {0, 1, 2, -1, 0, 1};
  const std::int64_t sizes[] = {3, 2};
  const std::int64_t values[] = {10, 11, 20, 21, 30, 31};
  std::int64_t out[12], back[6];
  scatter_nd(places, values, out, sizes, 2, 3, 2, 12);
  const std::vector<std::int64_t> wanted = {0, 0, 40, 42, 0, 0, 0, 0, 0, 0, 20, 21};
  CHECK(std::vector<std::int64_t>(out, out + 12) == wanted);
  gather_nd(out, places, back, sizes, 2, 3, 16);
  CHECK(std::vector<std::int64_t>(back, back + 6) == std::vector<std::int64_t>{40, 42, 20, 21, 40, 42});
}
