// Sequences, images and volumes: convolutions, poolings, borders and sizes. The computation is channels-last.
#include <algorithm>

#include "layers/layer.h"

namespace addax::layers {
namespace {

using namespace addax::ops;

std::size_t at(int i) { return static_cast<std::size_t>(i); }

// "Conv2D" → 2, the spatial axes of its input, which has a batch and channels besides.
int spatial_rank(const Layer& l, const Flow& x) {
  const int rank = l.class_name()[l.class_name().find_first_of("123")] - '0';
  l.require_rank(x, rank + 2);
  return rank;
}

struct Windows {
  Sizes kernel, strides, dilation;
  std::string padding;

  Windows(const Config& c, int rank)
      : kernel(c.sizes("kernel_size", rank, 1)),
        strides(c.sizes("strides", rank, 1)),
        dilation(c.sizes("dilation_rate", rank, 1)),
        padding(c.text("padding", "valid")) {
    if (!c.has("kernel_size")) c.error("its config lacks 'kernel_size'");
  }
  Attributes attributes() const {
    return {{"strides", strides}, {"padding", padding}, {"pads", Sizes{}}, {"dilation", dilation}};
  }
  Sizes kernel_shape(std::int64_t in, std::int64_t out) const {
    Sizes shape = kernel;
    shape.insert(shape.end(), {in, out});
    return shape;
  }
};

Value finish(const Layer& l, Value y, std::int64_t filters) {
  if (l.config().flag("use_bias", true)) y = y + l.weight("bias", {filters});
  return l.activate(y);
}

// ---- Convolutions

Flows conv(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  const int rank = spatial_rank(l, in[0]);
  Windows w(c, rank);
  const std::int64_t filters = c.size("filters"), groups = c.size("groups", 1);
  return {{with_channels_last(c, in[0].value, [&](Value x) {
    const std::int64_t channels = l.known(x, -1);
    if (channels % groups != 0)
      c.error(channels, " channels of the input cannot be shared out evenly among ", groups, " groups");
    if (w.padding == "causal" && rank == 1) {
      x = pad(x, {0, w.dilation[0] * (w.kernel[0] - 1), 0}, {0, 0, 0});
      w.padding = "valid";
    }
    Attributes attributes = w.attributes();
    attributes.set("groups", groups);
    return finish(l, apply("conv", {x, l.weight("kernel", w.kernel_shape(channels / groups, filters))}, attributes),
                  filters);
  })}};
}

Value depthwise(const Layer& l, const Windows& w, const Value& x, std::int64_t multiplier) {
  return apply("depthwise_conv", {x, l.weight("depthwise_kernel", w.kernel_shape(l.known(x, -1), multiplier))},
               w.attributes());
}

Flows depthwise_conv(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  const int rank = spatial_rank(l, in[0]);
  const Windows w(c, rank);
  const std::int64_t multiplier = c.size("depth_multiplier", 1);
  return {{with_channels_last(c, in[0].value, [&](const Value& x) {
    return finish(l, depthwise(l, w, x, multiplier), l.known(x, -1) * multiplier);
  })}};
}

Flows separable_conv(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  const int rank = spatial_rank(l, in[0]);
  const Windows w(c, rank);
  const std::int64_t filters = c.size("filters");
  return {{with_channels_last(c, in[0].value, [&](const Value& x) {
    // TensorFlow.js leaves the multiplier out of the config: the kernel knows it.
    const Value y = depthwise(l, w, x, c.size("depth_multiplier", kAnySize));
    Sizes pointwise(at(rank), 1);
    pointwise.insert(pointwise.end(), {l.known(y, -1), filters});
    const Sizes ones(at(rank), 1);
    const Value z = apply("conv", {y, l.weight("pointwise_kernel", pointwise)},
                          {{"strides", ones},
                           {"padding", std::string("valid")},
                           {"pads", Sizes{}},
                           {"dilation", ones},
                           {"groups", std::int64_t{1}}});
    return finish(l, z, filters);
  })}};
}

// The size of a transposed convolution, and the padding of the convolution whose gradient it is: Keras's sizes.
struct Transposed {
  Dim size;
  std::int64_t before, after;
};

Transposed transposed(const Dim& size, std::int64_t kernel, std::int64_t stride, bool same, const std::int64_t* added,
                      std::int64_t dilation) {
  const std::int64_t reach = (kernel - 1) * dilation + 1;
  std::int64_t extra, before = 0;
  if (same) {
    const std::int64_t total = added == nullptr ? reach + stride - 2 : reach + reach % 2 - 2 + *added;
    extra = added == nullptr ? stride : reach % 2 + *added;
    before = reach - 1 - std::min(total / 2 + total % 2, reach - 1);
  } else {
    extra = added == nullptr ? std::max(reach, stride) : reach + *added;
  }
  return {(size - 1) * Dim(stride) + Dim(extra), before, std::max<std::int64_t>(reach - before - extra, 0)};
}

Flows conv_transpose(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  const int rank = spatial_rank(l, in[0]);
  const Windows w(c, rank);
  const std::int64_t filters = c.size("filters");
  if (w.padding != "same" && w.padding != "valid") c.error("'padding' is '", w.padding.substr(0, 60), "'");
  const bool adds = c.has("output_padding");
  Sizes added = adds ? c.integers("output_padding") : Sizes(at(rank), 0);
  if (added.size() == 1) added.resize(at(rank), added[0]);
  if (added.size() != at(rank)) c.error("'output_padding' must have ", rank, " numbers");
  return {{with_channels_last(c, in[0].value, [&](const Value& x) {
    Dims shape{x.dim(0)};
    Sizes pads;
    for (int i = 0; i < rank; ++i) {
      if (added[at(i)] < 0 || (adds && added[at(i)] >= w.strides[at(i)]))
        c.error("'output_padding' must be less than the strides");
      const Transposed t = transposed(x.dim(1 + i), w.kernel[at(i)], w.strides[at(i)], w.padding == "same",
                                      adds ? &added[at(i)] : nullptr, w.dilation[at(i)]);
      shape.push_back(t.size);
      pads.insert(pads.end(), {t.before, t.after});
    }
    shape.emplace_back(filters);
    const Value y = apply("conv_data_gradient", {x, l.weight("kernel", w.kernel_shape(filters, l.known(x, -1)))},
                          {{"shape", shape},
                           {"strides", w.strides},
                           {"padding", std::string("explicit")},
                           {"pads", pads},
                           {"dilation", w.dilation},
                           {"groups", std::int64_t{1}}});
    return finish(l, y, filters);
  })}};
}

// ---- Poolings

template <bool kMax>
Flows pool(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  const int rank = spatial_rank(l, in[0]);
  const Sizes size = c.sizes("pool_size", rank, 2);
  const Sizes strides = c.has("strides") ? c.sizes("strides", rank, 1) : size;
  return {{with_channels_last(c, in[0].value, [&](const Value& x) {
    return apply(kMax ? "max_pool" : "average_pool", {x},
                 {{"pool_size", size}, {"strides", strides}, {"padding", c.text("padding", "valid")}});
  })}};
}

template <bool kMax>
Flows global_pool(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  const int rank = spatial_rank(l, in[0]);
  const Value& x = in[0].value;
  const int first = channels_first(c) ? 2 : 1;
  Axes axes;
  for (int i = 0; i < rank; ++i) axes.push_back(first + i);
  const KeepDims keep = c.flag("keepdims", false) ? KeepDims::yes : KeepDims::no;
  if (kMax) return {{max(x, axes, keep)}};
  if (!in[0].mask || rank > 1) return {{mean(x, axes, keep)}};
  const Value weights = expand_dims(cast(in[0].mask, x.dtype()), 3 - first);
  return {{sum(x * weights, axes, keep) / sum(weights, axes, keep)}};
}

// ---- Borders

Flows zero_padding(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  const int rank = spatial_rank(l, in[0]);
  const std::vector<Sizes> pairs = c.pairs("padding", rank, 1);
  const int first = rank > 1 && channels_first(c) ? 2 : 1;
  Dims low(at(rank + 2), Dim(0)), high = low;
  for (int i = 0; i < rank; ++i) {
    low[at(first + i)] = pairs[at(i)][0];
    high[at(first + i)] = pairs[at(i)][1];
  }
  return {{pad(in[0].value, low, high)}};
}

Value cut(const Value& x, const Dims& start, const Dims& stop) { return slice(x, start, stop, Axes(start.size(), 1)); }

Flows cropping(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  const int rank = spatial_rank(l, in[0]);
  const std::vector<Sizes> pairs = c.pairs("cropping", rank, rank == 1 ? 1 : 0);
  const int first = rank > 1 && channels_first(c) ? 2 : 1;
  const Value& x = in[0].value;
  Dims start(at(rank + 2), Dim(0)), stop = x.dims();
  for (int i = 0; i < rank; ++i) {
    start[at(first + i)] = pairs[at(i)][0];
    stop[at(first + i)] = stop[at(first + i)] - Dim(pairs[at(i)][1]);
  }
  return {{cut(x, start, stop)}};
}

// ---- Sizes

// Each element of an axis `times` times.
Value repeated(const Value& x, int axis, std::int64_t times) {
  if (times == 1) return x;
  Dims wide = x.dims(), joined = x.dims();
  wide.insert(wide.begin() + axis + 1, Dim(times));
  joined[at(axis)] = joined[at(axis)] * Dim(times);
  return reshape(broadcast_to(expand_dims(x, axis + 1), wide), joined);
}

Value resized(const Value& x, const Dims& size, const std::string& method) {
  const Value floats = is_floating(x.dtype()) ? x : cast(x, DType::float32);
  return apply("resize", {floats}, {{"size", size}, {"method", method}});
}

Flows up_sampling(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  const int rank = spatial_rank(l, in[0]);
  const Sizes size = c.sizes("size", rank, 2);
  const std::string method = c.text("interpolation", "nearest");
  if (method != "nearest" && (method != "bilinear" || rank != 2))
    c.unsupported("the interpolation '", method.substr(0, 60), "' is not known here");
  const bool first = rank > 1 && channels_first(c);
  Value x = first ? to_channels_last(in[0].value) : in[0].value;
  if (rank == 2) {
    x = resized(x, {x.dim(1) * Dim(size[0]), x.dim(2) * Dim(size[1])}, method);
  } else {
    for (int i = 0; i < rank; ++i) x = repeated(x, 1 + i, size[at(i)]);
  }
  return {{first ? to_channels_first(x) : x}};
}

Flows resizing(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  if (c.flag("crop_to_aspect_ratio", false) || c.flag("pad_to_aspect_ratio", false))
    c.unsupported("keeping the aspect ratio is not known here");
  if (c.flag("antialias", false)) c.unsupported("'antialias' is not known here");
  l.require_rank(in[0], 4);
  return {{with_channels_last(c, in[0].value, [&](const Value& x) {
    return resized(x, {c.size("height"), c.size("width")}, c.text("interpolation", "bilinear"));
  })}};
}

Flows center_crop(const Layer& l, const Flows& in) {
  const Config& c = l.config();
  l.require_rank(in[0], 4);
  return {{with_channels_last(c, in[0].value, [&](const Value& x) {
    const Sizes wanted{c.size("height"), c.size("width")};
    Dims start(4, Dim(0)), stop = x.dims();
    for (int i = 0; i < 2; ++i) {
      const std::int64_t size = l.known(x, 1 + i);
      if (size < wanted[at(i)]) c.unsupported("images smaller than the crop are not known here");
      start[at(1 + i)] = (size - wanted[at(i)]) / 2;
      stop[at(1 + i)] = (size - wanted[at(i)]) / 2 + wanted[at(i)];
    }
    return cut(x, start, stop);
  })}};
}

}  // namespace

std::span<const Builder> image_family() {
  static constexpr Builder table[] = {
      {"Conv1D", 1, 1, Masks::drop, conv},
      {"Conv2D", 1, 1, Masks::drop, conv},
      {"Conv3D", 1, 1, Masks::drop, conv},
      {"Conv1DTranspose", 1, 1, Masks::drop, conv_transpose},
      {"Conv2DTranspose", 1, 1, Masks::drop, conv_transpose},
      {"Conv3DTranspose", 1, 1, Masks::drop, conv_transpose},
      {"DepthwiseConv1D", 1, 1, Masks::drop, depthwise_conv},
      {"DepthwiseConv2D", 1, 1, Masks::drop, depthwise_conv},
      {"SeparableConv1D", 1, 1, Masks::drop, separable_conv},
      {"SeparableConv2D", 1, 1, Masks::drop, separable_conv},
      {"MaxPooling1D", 1, 1, Masks::drop, pool<true>},
      {"MaxPooling2D", 1, 1, Masks::drop, pool<true>},
      {"MaxPooling3D", 1, 1, Masks::drop, pool<true>},
      {"AveragePooling1D", 1, 1, Masks::drop, pool<false>},
      {"AveragePooling2D", 1, 1, Masks::drop, pool<false>},
      {"AveragePooling3D", 1, 1, Masks::drop, pool<false>},
      {"GlobalMaxPooling1D", 1, 1, Masks::drop, global_pool<true>},
      {"GlobalMaxPooling2D", 1, 1, Masks::drop, global_pool<true>},
      {"GlobalMaxPooling3D", 1, 1, Masks::drop, global_pool<true>},
      {"GlobalAveragePooling1D", 1, 1, Masks::drop, global_pool<false>},
      {"GlobalAveragePooling2D", 1, 1, Masks::drop, global_pool<false>},
      {"GlobalAveragePooling3D", 1, 1, Masks::drop, global_pool<false>},
      {"ZeroPadding1D", 1, 1, Masks::drop, zero_padding},
      {"ZeroPadding2D", 1, 1, Masks::drop, zero_padding},
      {"ZeroPadding3D", 1, 1, Masks::drop, zero_padding},
      {"Cropping1D", 1, 1, Masks::drop, cropping},
      {"Cropping2D", 1, 1, Masks::drop, cropping},
      {"Cropping3D", 1, 1, Masks::drop, cropping},
      {"UpSampling1D", 1, 1, Masks::drop, up_sampling},
      {"UpSampling2D", 1, 1, Masks::drop, up_sampling},
      {"UpSampling3D", 1, 1, Masks::drop, up_sampling},
      {"Resizing", 1, 1, Masks::drop, resizing},
      {"CenterCrop", 1, 1, Masks::drop, center_crop},
  };
  return table;
}

}  // namespace addax::layers
