#include "kernels/transpose.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "kernels/kernels.h"
#include "numbers.h"

using namespace addax::kernels;

namespace {

template <class T>
void check_permutation(const std::vector<std::int64_t>& sizes, const std::vector<int>& perm) {
  const int rank = static_cast<int>(sizes.size());
  std::int64_t total = 1;
  for (const std::int64_t size : sizes) total *= size;
  std::vector<T> x(static_cast<std::size_t>(total));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i * 7 + i / 251);
  test::Guarded<T> y(total);
  kernels().transpose.permute(x.data(), y.data(), sizeof(T), rank, sizes.data(), perm.data());
  std::vector<double> wanted;
  for (std::int64_t i = 0; i < total; ++i) {
    std::int64_t index[kMaxTransposeRank] = {}, rest = i, from = 0;
    for (int d = rank - 1; d >= 0; --d) {
      const int axis = perm[static_cast<std::size_t>(d)];
      index[axis] = rest % sizes[static_cast<std::size_t>(axis)];
      rest /= sizes[static_cast<std::size_t>(axis)];
    }
    for (int d = 0; d < rank; ++d) from = from * sizes[static_cast<std::size_t>(d)] + index[d];
    wanted.push_back(static_cast<double>(x[static_cast<std::size_t>(from)]));
  }
  test::check_close(y, wanted, 0);
}

}  // namespace

TEST_CASE("every permutation moves every item to its place") {
  test::Numbers r(1);
  constexpr std::int64_t kSizes[] = {1, 2, 3, 5, 8, 16, 17, 33};
  for (int round = 0; round < 150; ++round) {
    const int rank = static_cast<int>(r.between(0, 5));
    std::vector<std::int64_t> sizes;
    std::vector<int> perm;
    for (int d = 0; d < rank; ++d) {
      sizes.push_back(r.one_in(40) ? 0 : kSizes[r.between(0, rank < 4 ? 7 : 4)]);
      perm.insert(perm.begin() + r.between(0, d), d);
    }
    check_permutation<std::uint8_t>(sizes, perm);
    check_permutation<std::uint16_t>(sizes, perm);
    check_permutation<float>(sizes, perm);
    check_permutation<double>(sizes, perm);
  }
}

TEST_CASE("a large plane is transposed by several tasks") {
  check_permutation<float>({700, 333}, {1, 0});
  check_permutation<float>({2, 130, 70, 9}, {0, 3, 1, 2});
}
