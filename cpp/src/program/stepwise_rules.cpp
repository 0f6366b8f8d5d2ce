#include "program/stepwise_rules.h"

#include <functional>
#include <map>

namespace addax::stepwise {
namespace {

// Where the axes of a result come from: `from[i]` is the input's axis that axis i goes on with; -1: none.
Layout moved(const Reading& r, int input, const std::vector<int>& from, const Dims& out) {
  const Layout& layout = r.in[at(input)].layout;
  Layout result = plain(out);
  std::vector<bool> kept(layout.size(), false);
  for (const int axis : from)
    if (axis >= 0) kept[at(axis)] = true;
  for (std::size_t axis = 0; axis < layout.size(); ++axis)
    if (!kept[axis] && r.timed(layout[axis])) r.refuse("works along time");
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (from[i] < 0) {
      if (r.timed(out[i])) r.refuse("makes an axis of time");
      continue;
    }
    const Axis& axis = layout[at(from[i])];
    if (!r.timed(axis)) continue;
    if (!(out[i] == product(axis))) r.refuse("changes the number of steps");
    result[i] = axis;
  }
  return result;
}

// Several inputs' layouts of one result: where two have time, they have it in the same way.
Layout together(const Reading& r, const std::vector<Layout>& layouts) {
  Layout result = layouts.front();
  for (const Layout& other : layouts)
    for (std::size_t axis = 0; axis < result.size(); ++axis) {
      if (!r.timed(other[axis])) continue;
      if (r.timed(result[axis]) && !(result[axis] == other[axis])) r.refuse("joins axes of time that differ");
      result[axis] = other[axis];
    }
  return result;
}

// Axes from `first` of `rank` on, counted from the last: as broadcasting aligns them.
std::vector<int> aligned(std::size_t out_rank, int rank) {
  std::vector<int> from(out_rank);
  for (std::size_t i = 0; i < out_rank; ++i)
    from[i] = std::max(static_cast<int>(i) - static_cast<int>(out_rank) + rank, -1);
  return from;
}

std::vector<int> all_but(int rank, int axis) {
  std::vector<int> from(at(rank));
  for (int i = 0; i < rank; ++i) from[at(i)] = i == axis ? -1 : i;
  return from;
}

// ---- One rule for each kind of operation: the layouts of the outputs.

Layouts aligned_inputs(const Reading& r) {
  std::vector<Layout> layouts;
  const Dims& out = r.out_dims(0);
  for (int i = 0; i < static_cast<int>(r.in.size()); ++i)
    if (r.timed(i)) layouts.push_back(moved(r, i, aligned(out.size(), r.rank(i)), out));
  return {together(r, layouts)};
}

Layouts reduction(const Reading& r) {
  const bool keep = r.attributes().flag("keepdims");
  const std::vector<std::int64_t> axes = r.attributes().has("axes")
                                             ? r.attributes().integers("axes")
                                             : std::vector<std::int64_t>{r.attributes().integer("axis")};
  std::vector<int> from;
  for (int axis = 0; axis < r.rank(0); ++axis) {
    const bool reduced = std::find(axes.begin(), axes.end(), axis) != axes.end();
    if (!reduced || keep) from.push_back(reduced ? -1 : axis);
  }
  return {moved(r, 0, from, r.out_dims(0))};
}

// Along one axis, which stays or takes another size.
Layouts along_axis(const Reading& r) {
  return {moved(r, 0, all_but(r.rank(0), r.attributes().axis("axis")), r.out_dims(0))};
}

Layouts top_k(const Reading& r) {
  const std::vector<int> from = all_but(r.rank(0), r.rank(0) - 1);
  return {moved(r, 0, from, r.out_dims(0)), moved(r, 0, from, r.out_dims(1))};
}

Layouts normalization(const Reading& r) {
  if (!r.timed(0)) r.refuse("has parameters that change in time");
  for (std::size_t i = 1; i < r.in.size(); ++i)
    if (r.timed(static_cast<int>(i))) r.refuse("has parameters that change in time");
  Layouts layouts{moved(r, 0, all_but(r.rank(0), r.rank(0) - 1), r.out_dims(0))};
  const Layout rows(layouts[0].begin(), layouts[0].end() - 1);
  layouts.resize(r.step.outputs.size(), rows);
  return layouts;
}

Layouts matmul(const Reading& r) {
  if (!r.timed(0) || r.timed(1)) r.refuse("has a second operand that changes in time");
  if (r.attributes().flag("transpose_a")) r.refuse("sums over rows");
  const Dims& out = r.out_dims(0);
  std::vector<int> from = aligned(out.size(), r.rank(0));
  from.back() = -1;
  return {moved(r, 0, from, out)};
}

// Windows over (batch, …spatial, channels): along an axis where they are single pixels, one by one, they keep it.
Layout windowed(const Reading& r, const std::function<bool(int)>& single) {
  const int rank = r.rank(0);
  std::vector<int> from = all_but(rank, rank - 1);
  for (int i = 0; i < rank - 2; ++i)
    if (!single(i)) from[at(1 + i)] = -1;
  return moved(r, 0, from, r.out_dims(0));
}

bool is_one(const Sizes& sizes, int i) { return sizes.empty() || sizes[at(i)] == 1; }

Layouts conv(const Reading& r) {
  if (!r.timed(0) || r.timed(1)) r.refuse("has a kernel that changes in time");
  const Sizes &strides = r.attributes().integers("strides"), &pads = r.attributes().integers("pads");
  return {windowed(r, [&](int i) {
    const bool padded = !pads.empty() && (pads[at(2 * i)] != 0 || pads[at(2 * i + 1)] != 0);
    return r.in_dims(1)[at(i)] == 1 && is_one(strides, i) && !padded;
  })};
}

Layouts pool(const Reading& r) {
  const Sizes &size = r.attributes().integers("pool_size"), &strides = r.attributes().integers("strides");
  const Layout layout = windowed(r, [&](int i) { return is_one(size, i) && is_one(strides, i); });
  return Layouts(r.step.outputs.size(), layout);
}

// Rows and columns take new sizes.
Layouts resize(const Reading& r) {
  return {windowed(r, [](int) { return false; })};
}

Layouts transpose(const Reading& r) {
  std::vector<int> from;
  for (const std::int64_t axis : r.attributes().integers("perm")) from.push_back(static_cast<int>(axis));
  return {moved(r, 0, from, r.out_dims(0))};
}

// The smallest groups of old and new sizes with equal products; in one with time, sizes are merged or stay.
Layouts reshape(const Reading& r) {
  Axis old;
  for (const Axis& axis : r.in[0].layout)
    std::copy_if(axis.begin(), axis.end(), std::back_inserter(old), [](const Dim& dim) { return !(dim == 1); });
  const Dims& out = r.out_dims(0);
  Layout result;
  std::size_t used = 0;
  const auto group = [&](std::size_t olds, std::size_t news) {
    if (used + olds > old.size() || result.size() + news > out.size()) return false;
    const auto from = old.begin() + static_cast<std::ptrdiff_t>(used);
    const auto to = out.begin() + static_cast<std::ptrdiff_t>(result.size());
    const Axis before(from, from + static_cast<std::ptrdiff_t>(olds));
    const Dims after(to, to + static_cast<std::ptrdiff_t>(news));
    if (!(product(before) == product(after))) return false;
    if (news > 1 && r.timed(before)) r.refuse("cuts steps in pieces");
    used += olds;
    if (news == 1) {
      result.push_back(before);
    } else {
      for (const Dim& dim : after) result.push_back({dim});
    }
    return true;
  };
  const auto smallest = [&] {
    const std::size_t most = old.size() - used + out.size() - result.size();
    for (std::size_t size = 2; size <= most; ++size)
      for (std::size_t olds = 1; olds < size; ++olds)
        if (group(olds, size - olds)) return true;
    return false;
  };
  while (result.size() < out.size()) {
    if (out[result.size()] == 1) {
      result.push_back({Dim(1)});
    } else if (!smallest()) {
      r.refuse("mixes steps with other axes");
    }
  }
  if (used != old.size()) r.refuse("mixes steps with other axes");
  return {result};
}

Layouts gather(const Reading& r) {
  const int axis = r.attributes().axis("axis"), indices = r.rank(1);
  std::vector<int> of_table, of_indices;
  for (int i = 0; i < static_cast<int>(r.out_dims(0).size()); ++i) {
    const bool from_indices = i >= axis && i < axis + indices;
    of_indices.push_back(from_indices ? i - axis : -1);
    of_table.push_back(i < axis ? i : from_indices ? -1 : i - indices + 1);
  }
  if (r.timed(0) && r.timed(1)) r.refuse("looks into the sequence");
  return {r.timed(0) ? moved(r, 0, of_table, r.out_dims(0)) : moved(r, 1, of_indices, r.out_dims(0))};
}

Layouts one_hot(const Reading& r) {
  std::vector<int> from;
  const int axis = r.attributes().axis("axis"), rank = r.rank(0) + 1, made = axis < 0 ? axis + rank : axis;
  for (int i = 0; i < rank; ++i) from.push_back(i == made ? -1 : i - (i > made));
  return {moved(r, 0, from, r.out_dims(0))};
}

Layouts concatenate(const Reading& r) {
  std::vector<Layout> layouts;
  for (int i = 0; i < static_cast<int>(r.in.size()); ++i) {
    if (!r.timed(i)) r.refuse("joins the sequence with what has no time");
    layouts.push_back(moved(r, i, all_but(r.rank(i), r.attributes().axis("axis")), r.out_dims(0)));
  }
  return {together(r, layouts)};
}

Layouts slice(const Reading& r) {
  const Attributes& a = r.attributes();
  std::vector<int> from;
  for (int axis = 0; axis < r.rank(0); ++axis) {
    const bool whole = a.dims("start")[at(axis)] == 0 && a.dims("stop")[at(axis)] == r.in_dims(0)[at(axis)] &&
                       a.integers("step")[at(axis)] == 1;
    from.push_back(whole ? axis : -1);
  }
  return {moved(r, 0, from, r.out_dims(0))};
}

Layouts pad(const Reading& r) {
  std::vector<int> from;
  for (int axis = 0; axis < r.rank(0); ++axis) {
    const bool none = r.attributes().dims("low")[at(axis)] == 0 && r.attributes().dims("high")[at(axis)] == 0;
    from.push_back(none ? axis : -1);
  }
  return {moved(r, 0, from, r.out_dims(0))};
}

}  // namespace

Rule rule_of(const Operation& operation) {
  if (operation.traits.elementwise) return aligned_inputs;
  static const std::map<std::string_view, Rule> rules = {
      {"sum", reduction},
      {"mean", reduction},
      {"max", reduction},
      {"min", reduction},
      {"prod", reduction},
      {"any", reduction},
      {"all", reduction},
      {"logsumexp", reduction},
      {"argmax", reduction},
      {"argmin", reduction},
      {"softmax", along_axis},
      {"log_softmax", along_axis},
      {"sort", along_axis},
      {"argsort", along_axis},
      {"cumsum", along_axis},
      {"cumprod", along_axis},
      {"top_k", top_k},
      {"layer_normalization", normalization},
      {"matmul", matmul},
      {"conv", conv},
      {"depthwise_conv", conv},
      {"max_pool", pool},
      {"average_pool", pool},
      {"resize", resize},
      {"rms_normalization", normalization},
      {"transpose", transpose},
      {"reshape", reshape},
      {"broadcast_to", aligned_inputs},
      {"gather", gather},
      {"one_hot", one_hot},
      {"concatenate", concatenate},
      {"slice", slice},
      {"pad", pad},
  };
  const auto it = rules.find(operation.name);
  return it == rules.end() ? nullptr : it->second;
}

}  // namespace addax::stepwise
