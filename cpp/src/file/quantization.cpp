#include "file/quantization.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "kernels/elementwise.h"

namespace addax {
namespace file {
namespace {

constexpr double kLargestHalf = 65504;

const char* title_of(Quantize kind) {
  return kind == Quantize::uint8 ? "uint8" : kind == Quantize::uint16 ? "uint16" : "float16";
}

double highest_code(Quantize kind) { return kind == Quantize::uint8 ? 255 : 65535; }

std::span<const float> floats(const Tensor& tensor) {
  return {tensor.data_as<float>(), static_cast<std::size_t>(tensor.elements())};
}

double finite(const Json& object, std::string_view key, std::string_view what) {
  const auto it = object.find(std::string(key));
  if (it == object.end()) fail(ErrorKind::value, what, ": quantization needs 'scale' and 'min'");
  if (!it->is_number() || !std::isfinite(it->get<double>()))
    fail(ErrorKind::value, what, ": '", key, "' must be a finite number");
  return it->get<double>();
}

}  // namespace

Quantization read_quantization(const Json& json, DType dtype, std::string_view what) {
  const std::string& stored = string(member(json, "dtype", Json::value_t::string, what), what);
  if (dtype != DType::float32 && dtype != DType::int32)
    fail(ErrorKind::value, what, ": only float32 and int32 weights are quantized");
  if (stored == "float16") {
    if (dtype != DType::float32) fail(ErrorKind::value, what, ": float16 stands for float32 only");
    return {Quantize::float16};
  }
  if (stored != "uint8" && stored != "uint16")
    fail(ErrorKind::value, what, ": unknown quantization '", stored.substr(0, 40), "'");
  const Quantization read{stored == "uint8" ? Quantize::uint8 : Quantize::uint16, finite(json, "scale", what),
                          finite(json, "min", what)};
  if (!(read.scale > 0)) fail(ErrorKind::value, what, ": 'scale' must be above 0; found ", read.scale);
  const double last = highest_code(read.kind) * read.scale + read.min;
  const double most = dtype == DType::float32 ? std::numeric_limits<float>::max() : 2147483648.0;
  if (std::abs(read.min) > most || !(std::abs(last) <= most))
    fail(ErrorKind::value, what, ": codes from ", read.min, " to ", last, " are no ", addax::name_of(dtype));
  const auto original = json.find("original_dtype");
  if (original != json.end() && (!original->is_string() || *original != std::string(addax::name_of(dtype))))
    fail(ErrorKind::value, what, ": 'original_dtype' is ", original->dump().substr(0, 40), ", the weight is ",
         addax::name_of(dtype));
  return read;
}

Json to_json(const Quantization& quantization) {
  Json json{{"dtype", title_of(quantization.kind)}, {"original_dtype", "float32"}};
  if (quantization.kind != Quantize::float16) {
    json["scale"] = quantization.scale;
    json["min"] = quantization.min;
  }
  return json;
}

std::optional<Quantization> choose_quantization(const NamedTensor& weight, Quantize kind) {
  if (kind == Quantize::none || weight.tensor.dtype() != DType::float32 || !weight.group.empty()) return {};
  double low = 0, high = 0;
  bool first = true;
  for (const float x : floats(weight.tensor)) {
    if (!std::isfinite(x) || (kind == Quantize::float16 && std::abs(x) > kLargestHalf))
      fail(ErrorKind::value, "weight '", weight.name, "' has the value ", x, ", for which ", title_of(kind),
           " has no code; save it without `quantize`");
    low = first ? x : std::min<double>(low, x);
    high = first ? x : std::max<double>(high, x);
    first = false;
  }
  if (kind == Quantize::float16) return Quantization{kind};
  if (low == high) return Quantization{kind, 1, low};
  const double scale = (high - low) / highest_code(kind);
  if (low > 0 || high < 0) return Quantization{kind, scale, low};
  return Quantization{kind, scale, -std::nearbyint(-low / scale) * scale};
}

void encode(const Tensor& tensor, const Quantization& quantization, std::uint8_t* codes) {
  if (quantization.kind == Quantize::float16) {
    kernels::cast_row(kernels::Element::float32, kernels::Element::float16)(tensor.data(), codes, tensor.elements());
    return;
  }
  const double highest = highest_code(quantization.kind);
  for (const float x : floats(tensor)) {
    const double code = std::nearbyint((x - quantization.min) / quantization.scale);
    const auto bounded = static_cast<unsigned>(std::clamp(code, 0.0, highest));
    *codes++ = static_cast<std::uint8_t>(bounded & 255);
    if (quantization.item() == 2) *codes++ = static_cast<std::uint8_t>(bounded >> 8);
  }
}

void decode(const std::uint8_t* codes, const Quantization& quantization, const Tensor& tensor) {
  const std::int64_t n = tensor.elements();
  if (quantization.kind == Quantize::float16) {
    kernels::cast_row(kernels::Element::float16, kernels::Element::float32)(codes, tensor.data(), n);
    return;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const double code = quantization.item() == 1 ? codes[i] : codes[2 * i] | codes[2 * i + 1] << 8;
    const double value = code * quantization.scale + quantization.min;
    if (tensor.dtype() == DType::float32) {
      tensor.data_as<float>()[i] = static_cast<float>(value);
    } else {
      tensor.data_as<std::int32_t>()[i] =
          static_cast<std::int32_t>(std::clamp(std::round(value), -2147483648.0, 2147483647.0));
    }
  }
}

}  // namespace file

Tensor quantized(const NamedTensor& weight, Quantize kind) {
  const auto quantization = file::choose_quantization(weight, kind);
  if (!quantization) return weight.tensor;
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(weight.tensor.elements() * quantization->item()));
  file::encode(weight.tensor, *quantization, codes.data());
  Tensor numbers(DType::float32, weight.tensor.shape());
  file::decode(codes.data(), *quantization, numbers);
  return numbers;
}

}  // namespace addax
