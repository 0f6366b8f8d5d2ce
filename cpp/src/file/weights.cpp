#include "file/weights.h"

#include <bit>
#include <cstring>
#include <optional>
#include <set>

#include "base/checked.h"
#include "file/quantization.h"

namespace addax::file {
namespace {

static_assert(std::endian::native == std::endian::little, "weights files are little-endian");

constexpr std::int64_t kMaxSize = (std::int64_t{1} << 31) - 1;
// Smaller weights are copied: a few bytes, which then lie well.
constexpr std::int64_t kBorrowed = 4096;

struct WeightSpec {
  std::string name, group;
  DType dtype;
  Shape shape;
  std::optional<Quantization> quantization;
  std::int64_t bytes = 0;
};

WeightSpec read_spec(const Json& json) {
  WeightSpec spec;
  spec.name = string(member(json, "name", Json::value_t::string, "weightsManifest"), "weightsManifest");
  const std::string what = "weight '" + spec.name.substr(0, 120) + "'";
  const std::string& dtype = string(member(json, "dtype", Json::value_t::string, what), what);
  const auto parsed = parse_dtype(dtype);
  if (!parsed) fail(ErrorKind::value, what, ": dtype '", dtype.substr(0, 40), "' is not supported");
  spec.dtype = *parsed;
  const Json& sizes = member(json, "shape", Json::value_t::array, what);
  if (sizes.size() > kMaxRank) fail(ErrorKind::value, what, ": rank ", sizes.size(), " is above ", kMaxRank);
  for (const Json& size : sizes) {
    const std::int64_t n = integer(size, what);
    if (n < 0 || n > kMaxSize) fail(ErrorKind::value, what, ": a size of ", n);
    spec.shape.push_back(n);
  }
  if (json.contains("group")) spec.group = string(json.at("group"), what);
  if (json.contains("quantization") && !json.at("quantization").is_null())
    spec.quantization = read_quantization(json.at("quantization"), spec.dtype, what);
  spec.bytes = checked_mul(spec.shape.elements(), spec.quantization ? spec.quantization->item() : size_of(spec.dtype));
  return spec;
}

Tensor unpack(const WeightSpec& spec, const Bytes& data, std::int64_t offset, Memory memory) {
  const std::uint8_t* const bytes = data.view.data() + offset;
  const bool aligned = reinterpret_cast<std::uintptr_t>(bytes) % static_cast<std::uintptr_t>(size_of(spec.dtype)) == 0;
  const bool as_in_memory = aligned && !spec.quantization && spec.dtype != DType::boolean;
  if (memory == Memory::borrowed && as_in_memory && spec.bytes >= kBorrowed)
    return Tensor(spec.dtype, spec.shape, Storage::borrow(const_cast<std::uint8_t*>(bytes), spec.bytes, data.owner));
  Tensor tensor(spec.dtype, spec.shape);
  if (spec.quantization) {
    decode(bytes, *spec.quantization, tensor);
  } else if (spec.dtype == DType::boolean) {
    for (std::int64_t i = 0; i < tensor.elements(); ++i) tensor.data_as<bool>()[i] = bytes[i] != 0;
  } else if (spec.bytes > 0) {
    std::memcpy(tensor.data(), bytes, static_cast<std::size_t>(spec.bytes));
  }
  return tensor;
}

class Reader {
 public:
  Reader(const FindShard& find, Memory memory) : find_(find), memory_(memory) {}

  void read(const Json& group) {
    std::vector<WeightSpec> specs;
    std::int64_t total = 0;
    for (const Json& json : member(group, "weights", Json::value_t::array, "weightsManifest")) {
      specs.push_back(read_spec(json));
      if (!names_.insert(specs.back().name).second)
        fail(ErrorKind::value, "weight '", specs.back().name.substr(0, 120), "' is declared twice");
      total = checked_add(total, specs.back().bytes);
    }
    // Shards are cut at any byte: the group's data are their concatenation, in the order of the paths.
    const Bytes data = joined(shards(member(group, "paths", Json::value_t::array, "weightsManifest"), total));
    const auto size = static_cast<std::int64_t>(data.view.size());
    std::int64_t offset = 0;
    for (const WeightSpec& spec : specs) {
      const std::int64_t end = checked_add(offset, spec.bytes);
      if (end > size)
        fail(ErrorKind::value, "the weights files have ", size, " bytes; weight '", spec.name.substr(0, 120),
             "' ends at byte ", end, " of ", total);
      result.weights.push_back({spec.name, unpack(spec, data, offset, memory_), spec.group});
      offset = end;
    }
    if (offset != size)
      fail(ErrorKind::value, "the weights files have ", size, " bytes; the manifest accounts for ", offset);
  }

  ReadWeights result;

 private:
  std::vector<Bytes> shards(const Json& paths, std::int64_t total) {
    std::vector<Bytes> files;
    for (const Json& path : paths) {
      std::string name = string(path, "weightsManifest, paths");
      if (name.starts_with("./")) name.erase(0, 2);  // as TF.js's browser handlers write them
      check_relative(name);
      if (!paths_.insert(name).second)
        fail(ErrorKind::value, "weights file '", name.substr(0, 120), "' is listed twice");
      files.push_back(find_(name, total));
      total -= static_cast<std::int64_t>(files.back().view.size());
      result.files.push_back(files.back());
    }
    return files;
  }

  const FindShard& find_;
  Memory memory_;
  std::set<std::string> names_, paths_;
};

}  // namespace

ReadWeights read_weights(const Json& manifest, const FindShard& find, Memory memory) {
  Reader reader(find, memory);
  for (const Json& group : array(manifest, "weightsManifest")) reader.read(group);
  return std::move(reader.result);
}

Packed pack_weights(const std::vector<NamedTensor>& weights, Quantize quantize) {
  Packed packed{{}, Json::array()};
  std::int64_t total = 0;
  for (const NamedTensor& w : weights) total = checked_add(total, w.tensor.bytes());
  packed.bytes.reserve(static_cast<std::size_t>(total));
  for (const NamedTensor& w : weights) {
    Json spec{{"name", w.name}, {"shape", Json::array()}, {"dtype", std::string(name_of(w.tensor.dtype()))}};
    for (const std::int64_t size : w.tensor.shape()) spec["shape"].push_back(size);
    if (!w.group.empty()) spec["group"] = w.group;
    if (const auto quantization = choose_quantization(w, quantize)) {
      spec["quantization"] = to_json(*quantization);
      const std::size_t begin = packed.bytes.size();
      packed.bytes.resize(begin + static_cast<std::size_t>(w.tensor.elements() * quantization->item()));
      encode(w.tensor, *quantization, packed.bytes.data() + begin);
    } else {
      const auto* data = static_cast<const std::uint8_t*>(w.tensor.data());
      packed.bytes.insert(packed.bytes.end(), data, data + w.tensor.bytes());
    }
    packed.specs.push_back(std::move(spec));
  }
  return packed;
}

}  // namespace addax::file
