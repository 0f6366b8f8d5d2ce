#include "kernels/conv.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "base/parallel.h"
#include "kernels/kernels.h"
#include "numbers.h"

using namespace addax::kernels;

namespace {

enum class Kind { direct, depthwise };

template <class T>
const ConvFunctions<T>& functions(Kind kind) {
  return kind == Kind::direct ? kernels().conv.of<T>() : kernels().depthwise.of<T>();
}

std::int64_t volume(const std::int64_t (&size)[kSpatial]) { return size[0] * size[1] * size[2]; }

std::string describe(const ConvShape& s) {
  std::ostringstream out;
  const auto list = [&](const char* name, const std::int64_t(&f)[kSpatial]) {
    out << ' ' << name << ' ' << f[0] << 'x' << f[1] << 'x' << f[2];
  };
  out << "batch " << s.batch << " channels " << s.in_channels << "->" << s.out_channels << " groups " << s.groups;
  list("in", s.in);
  list("out", s.out);
  list("kernel", s.kernel);
  list("stride", s.stride);
  list("dilation", s.dilation);
  list("pad", s.pad_low);
  return out.str();
}

// Any geometry: one to three dimensions, strides, dilation, the three paddings.
ConvShape random_shape(test::Numbers& r, Kind kind) {
  constexpr std::int64_t kChannels[] = {1, 2, 3, 4, 5, 8, 15, 16, 17, 20, 32, 33, 48, 64, 70};
  ConvShape s{};
  s.batch = r.one_in(20) ? 0 : r.between(1, 3);
  const int rank = static_cast<int>(r.between(1, 3));
  const std::int64_t largest[] = {60, 16, 7};
  for (int d = 0; d < kSpatial; ++d) {
    s.in[d] = s.out[d] = s.kernel[d] = s.stride[d] = s.dilation[d] = 1;
    if (d < kSpatial - rank) continue;
    do {
      s.in[d] = r.between(1, largest[rank - 1]);
      s.kernel[d] = r.between(1, rank == 3 ? 3 : 5);
      s.stride[d] = r.between(1, 3);
      s.dilation[d] = r.one_in(3) ? r.between(1, 3) : 1;
      const std::int64_t reach = (s.kernel[d] - 1) * s.dilation[d] + 1;
      if (r.one_in(2)) {  // same
        s.out[d] = (s.in[d] + s.stride[d] - 1) / s.stride[d];
        s.pad_low[d] = std::max<std::int64_t>(0, (s.out[d] - 1) * s.stride[d] + reach - s.in[d]) / 2;
      } else {
        s.pad_low[d] = r.one_in(2) ? 0 : r.between(0, 3);
        const std::int64_t room = s.in[d] + s.pad_low[d] + r.between(0, s.pad_low[d]) - reach;
        s.out[d] = room < 0 ? -1 : room / s.stride[d] + 1;
      }
    } while (s.out[d] < 0);
  }
  s.groups = kind == Kind::direct && r.one_in(4) ? r.between(2, 4) : 1;
  const std::int64_t kinds = s.groups > 1 || rank == 3 ? 8 : 14;
  s.in_channels = kChannels[r.between(0, kinds)] * s.groups;
  s.out_channels = kind == Kind::depthwise ? s.in_channels * (r.one_in(3) ? r.between(2, 4) : 1)
                                           : kChannels[r.between(0, kinds)] * s.groups;
  return s;
}

// Calls body(y index, x index, w index) for every product of the definition.
template <class Body>
void for_each_product(const ConvShape& s, Kind kind, const Body& body) {
  const std::int64_t in = kind == Kind::depthwise ? 1 : s.in_channels / s.groups;
  for (std::int64_t pixel = 0; pixel < s.batch * volume(s.out); ++pixel) {
    const std::int64_t n = pixel / volume(s.out);
    const std::int64_t o[kSpatial] = {pixel / s.out[2] / s.out[1] % s.out[0], pixel / s.out[2] % s.out[1],
                                      pixel % s.out[2]};
    for (std::int64_t tap = 0; tap < volume(s.kernel); ++tap) {
      const std::int64_t t[kSpatial] = {tap / s.kernel[2] / s.kernel[1], tap / s.kernel[2] % s.kernel[1],
                                        tap % s.kernel[2]};
      std::int64_t at = n;
      bool inside = true;
      for (int d = 0; d < kSpatial; ++d) {
        const std::int64_t i = o[d] * s.stride[d] + t[d] * s.dilation[d] - s.pad_low[d];
        inside = inside && i >= 0 && i < s.in[d];
        at = at * s.in[d] + i;
      }
      if (!inside) continue;
      for (std::int64_t c = 0; c < s.out_channels; ++c) {
        for (std::int64_t i = 0; i < in; ++i) {
          const std::int64_t channel =
              kind == Kind::depthwise ? c / (s.out_channels / s.in_channels) : c / (s.out_channels / s.groups) * in + i;
          body(pixel * s.out_channels + c, at * s.in_channels + channel, (tap * in + i) * s.out_channels + c);
        }
      }
    }
  }
}

template <class T>
struct Problem {
  ConvShape shape;
  Kind kind;
  bool bias;
  Activation activation;
  std::int64_t x_size, y_size, w_size;
  std::vector<T> x, w, dy, biases;

  Problem(test::Numbers& r, const ConvShape& s, Kind kind) : shape(s), kind(kind) {
    bias = r.one_in(2);
    activation = static_cast<Activation>(r.between(0, 2));
    x_size = s.batch * volume(s.in) * s.in_channels;
    y_size = s.batch * volume(s.out) * s.out_channels;
    w_size = volume(s.kernel) * (kind == Kind::depthwise ? 1 : s.in_channels / s.groups) * s.out_channels;
    x = r.vector<T>(x_size);
    w = r.vector<T>(w_size);
    dy = r.vector<T>(y_size);
    biases = r.vector<T>(s.out_channels);
  }

  // The weights packed once, if the kernels pack them.
  std::vector<T> packed(bool transposed) const {
    if (functions<T>(kind).packed_size == nullptr) return {};
    std::vector<T> values(static_cast<std::size_t>(functions<T>(kind).packed_size(shape, transposed)), T(77));
    if (!values.empty()) functions<T>(kind).pack(shape, transposed, w.data(), values.data());
    return values;
  }

  void forward(T* y, const T* packed = nullptr) const {
    Conv<T> job{};
    job.packed = packed;
    job.shape = shape;
    job.x = x.data();
    job.w = w.data();
    job.result = y;
    job.bias = bias ? biases.data() : nullptr;
    job.activation = activation;
    const auto memory = test::workspace(functions<T>(kind).forward_workspace(shape));
    job.workspace = memory.get();
    functions<T>(kind).forward(job);
  }
  void data_gradient(T* dx, const T* packed = nullptr) const {
    Conv<T> job{};
    job.packed = packed;
    job.shape = shape;
    job.y = dy.data();
    job.w = w.data();
    job.result = dx;
    const auto memory = test::workspace(functions<T>(kind).data_gradient_workspace(shape));
    job.workspace = memory.get();
    functions<T>(kind).data_gradient(job);
  }
  void kernel_gradient(T* dw) const {
    Conv<T> job{};
    job.shape = shape;
    job.x = x.data();
    job.y = dy.data();
    job.result = dw;
    const auto memory = test::workspace(functions<T>(kind).kernel_gradient_workspace(shape));
    job.workspace = memory.get();
    functions<T>(kind).kernel_gradient(job);
  }

  void check() const {
    std::vector<double> y(static_cast<std::size_t>(y_size)), dx(static_cast<std::size_t>(x_size)),
        dw(static_cast<std::size_t>(w_size));
    const auto u = [](std::int64_t i) { return static_cast<std::size_t>(i); };
    for_each_product(shape, kind, [&](std::int64_t out, std::int64_t in, std::int64_t weight) {
      y[u(out)] += static_cast<double>(x[u(in)]) * static_cast<double>(w[u(weight)]);
      dx[u(in)] += static_cast<double>(dy[u(out)]) * static_cast<double>(w[u(weight)]);
      dw[u(weight)] += static_cast<double>(dy[u(out)]) * static_cast<double>(x[u(in)]);
    });
    for (std::int64_t i = 0; i < y_size; ++i) {
      if (bias) y[u(i)] += static_cast<double>(biases[u(i % shape.out_channels)]);
      if (activation != Activation::none) y[u(i)] = std::max(y[u(i)], 0.0);
      if (activation == Activation::relu6) y[u(i)] = std::min(y[u(i)], 6.0);
    }
    INFO(describe(shape), " float", 8 * sizeof(T));
    test::Guarded<T> got_y(y_size), got_dx(x_size), got_dw(w_size);
    forward(got_y.data());
    test::check_close(got_y, y, test::tolerance<T>(volume(shape.kernel) * shape.in_channels));
    data_gradient(got_dx.data());
    test::check_close(got_dx, dx, test::tolerance<T>(volume(shape.kernel) * shape.out_channels));
    if (const std::vector<T> weights = packed(false); !weights.empty()) {
      test::Guarded<T> again(y_size);
      forward(again.data(), weights.data());
      test::check_close(again, y, test::tolerance<T>(volume(shape.kernel) * shape.in_channels));
    }
    if (const std::vector<T> weights = packed(true); !weights.empty()) {
      test::Guarded<T> again(x_size);
      data_gradient(again.data(), weights.data());
      test::check_close(again, dx, test::tolerance<T>(volume(shape.kernel) * shape.out_channels));
    }
    kernel_gradient(got_dw.data());
    test::check_close(got_dw, dw, test::tolerance<T>(shape.batch * volume(shape.out)));
  }
};

template <class T>
void check_convolutions(Kind kind, int count, std::uint32_t seed) {
  test::Numbers numbers(seed);
  for (int i = 0; i < count; ++i) {
    const ConvShape shape = random_shape(numbers, kind);
    Problem<T>(numbers, shape, kind).check();
  }
}

}  // namespace

TEST_CASE("float32 convolutions and their gradients agree with the definition") {
  check_convolutions<float>(Kind::direct, 150, 1);
}
TEST_CASE("pointwise convolutions with many channels agree with the definition") {
  test::Numbers numbers(6);
  ConvShape s{};
  s.batch = 2;
  s.groups = 1;
  for (int d = 0; d < kSpatial; ++d) {
    s.in[d] = s.out[d] = d == 0 ? 1 : 5;
    s.kernel[d] = s.stride[d] = s.dilation[d] = 1;
  }
  s.in_channels = 130;
  s.out_channels = 140;
  Problem<float>(numbers, s, Kind::direct).check();
}
TEST_CASE("float64 convolutions and their gradients agree with the definition") {
  check_convolutions<double>(Kind::direct, 60, 2);
}
TEST_CASE("float32 depthwise convolutions agree with the definition") {
  check_convolutions<float>(Kind::depthwise, 150, 3);
}
TEST_CASE("float64 depthwise convolutions agree with the definition") {
  check_convolutions<double>(Kind::depthwise, 60, 4);
}

namespace {

// Two-dimensional, 3×3, `same`.
ConvShape square(std::int64_t batch, std::int64_t size, std::int64_t stride, std::int64_t in, std::int64_t out) {
  ConvShape s{};
  s.batch = batch;
  for (int d = 0; d < kSpatial; ++d) {
    s.in[d] = s.out[d] = s.kernel[d] = s.stride[d] = s.dilation[d] = s.groups = 1;
    if (d == 0) continue;
    s.in[d] = size;
    s.kernel[d] = 3;
    s.stride[d] = stride;
    s.out[d] = (size + stride - 1) / stride;
    s.pad_low[d] = ((s.out[d] - 1) * stride + 3 - size) / 2;
  }
  s.in_channels = in;
  s.out_channels = out;
  return s;
}

void check_any_number_of_threads(const ConvShape& s, Kind kind) {
  CAPTURE(describe(s));
  const int before = addax::thread_count();
  test::Numbers numbers(5);
  const Problem<float> problem(numbers, s, kind);
  std::vector<std::vector<float>> y, dx, dw;
  for (const int threads : {1, 2, 4}) {
    addax::set_thread_count(threads);
    y.emplace_back(static_cast<std::size_t>(problem.y_size));
    dx.emplace_back(static_cast<std::size_t>(problem.x_size));
    dw.emplace_back(static_cast<std::size_t>(problem.w_size));
    problem.forward(y.back().data());
    problem.data_gradient(dx.back().data());
    problem.kernel_gradient(dw.back().data());
  }
  for (std::size_t i = 1; i < 3; ++i) {
    CHECK(y[0] == y[i]);
    CHECK(dx[0] == dx[i]);
    CHECK(dw[0] == dw[i]);
  }
  addax::set_thread_count(before);
}

}  // namespace

TEST_CASE("convolutions have the same bits for any number of threads") {
  for (const Kind kind : {Kind::direct, Kind::depthwise}) check_any_number_of_threads(square(4, 30, 1, 24, 48), kind);
}

TEST_CASE("a single small image is shared between threads by channels or phases, with the same bits") {
  check_any_number_of_threads(square(1, 8, 1, 300, 300), Kind::depthwise);  // pieces of 80, 80, 80 and 60 channels
  check_any_number_of_threads(square(1, 14, 2, 300, 300), Kind::depthwise);
  check_any_number_of_threads(square(1, 14, 2, 32, 32), Kind::direct);  // the data gradient's four phases
  check_any_number_of_threads(square(1, 15, 3, 20, 40), Kind::direct);
}
