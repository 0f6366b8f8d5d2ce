// The operation table: every family by name, but for those that the build leaves out.
#include "base/build.h"
#include "base/left_out.h"
#include "ops/operation.h"

namespace addax {
namespace {

using Family = std::span<const Operation> (*)();

constexpr Family unless_left_out(std::string_view name, Family family) { return is_left_out(name) ? nullptr : family; }

// clang-format off: one a line
constexpr Family kFamilies[] = {
    unless_left_out("control", ops::control_family),
    ops::creation_family,
    ops::elementwise_family,
    ops::fused_family,
    ops::broadcast_family,
    unless_left_out("random", ops::random_family),
    ops::reduce_family,
    unless_left_out("cumulative", ops::cumulative_family),
    ops::softmax_family,
    unless_left_out("norm_channels", ops::norm_channels_family),
    unless_left_out("norm_rows", ops::norm_rows_family),
    unless_left_out("attention", ops::attention_family),
    unless_left_out("recurrent", ops::recurrent_family),
    ops::reshape_family,
    ops::slice_family,
    ops::pad_family,
    unless_left_out("gather", ops::gather_family),
    unless_left_out("gather", ops::gather_mean_family),
    unless_left_out("scatter", ops::scatter_family),
    unless_left_out("sort", ops::sort_family),
    ops::matmul_family,
    unless_left_out("conv", ops::conv_family),
    unless_left_out("conv", ops::conv_chain_family),
    unless_left_out("pool", ops::pool_family),
    unless_left_out("resize", ops::resize_family),
};
// clang-format on

// Operations that gradient rules record. A data gradient is also a transposed convolution.
bool is_of_training(std::string_view name) {
  return name.ends_with("_gradient") && !name.ends_with("_data_gradient") && name != "stop_gradient";
}

}  // namespace

const std::vector<const Operation*>& operations() {
  static const auto* const table = [] {
    auto* all = new std::vector<const Operation*>;
    for (const Family family : kFamilies) {
      if (family == nullptr) continue;
      for (const Operation& operation : family())
        if (kTraining || !is_of_training(operation.name)) all->push_back(&operation);
    }
    return all;
  }();
  return *table;
}

}  // namespace addax
