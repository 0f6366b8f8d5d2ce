// The operation table: every family by name.
#include <algorithm>

#include "ops/operation.h"

namespace addax {
namespace {

// clang-format off: one a line
constexpr std::span<const Operation> (*kFamilies[])() = {
    ops::control_family,
    ops::creation_family,
    ops::elementwise_family,
    ops::fused_family,
    ops::broadcast_family,
    ops::random_family,
    ops::reduce_family,
    ops::cumulative_family,
    ops::softmax_family,
    ops::norm_channels_family,
    ops::norm_rows_family,
    ops::attention_family,
    ops::recurrent_family,
    ops::reshape_family,
    ops::slice_family,
    ops::pad_family,
    ops::gather_family,
    ops::gather_mean_family,
    ops::scatter_family,
    ops::sort_family,
    ops::matmul_family,
    ops::conv_family,
    ops::conv_chain_family,
    ops::pool_family,
    ops::resize_family,
};
// clang-format on

}  // namespace

const std::vector<const Operation*>& operations() {
  static const auto* const table = [] {
    auto* all = new std::vector<const Operation*>;
    for (const auto family : kFamilies)
      for (const Operation& operation : family()) all->push_back(&operation);
    return all;
  }();
  return *table;
}

}  // namespace addax
