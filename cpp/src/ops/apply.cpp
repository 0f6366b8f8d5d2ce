// The only door: shape rule, then run or record, then the tapes.
#include <algorithm>
#include <optional>

#include "addax/program.h"
#include "addax/tape.h"
#include "base/aligned.h"
#include "base/checked.h"
#include "ops/halves.h"
#include "ops/operation.h"

namespace addax {
namespace {

bool symbolic_attributes(const Attributes& attributes) {
  for (const auto& [name, attribute] : attributes.entries()) {
    const Dims* dims = std::get_if<Dims>(&attribute);
    if (dims != nullptr && !all_known(*dims)) return true;
  }
  return false;
}

Buffer buffer_of(const Tensor& tensor) { return {tensor.data(), tensor.dtype(), tensor.shape()}; }

Values run_now(const Operation& operation, std::span<const Value> inputs, const Attributes& attributes,
               const Specs& specs) {
  if (operation.traits.view) return {Value(inputs[0].tensor().reshaped(to_shape(specs[0].dims)))};
  std::vector<Buffer> in, out;
  for (const Value& value : inputs) in.push_back(buffer_of(value.tensor()));
  for (const Spec& spec : specs) out.push_back({nullptr, spec.dtype, to_shape(spec.dims)});
  const Run shapes(operation, attributes, in, out);
  const std::shared_ptr<void> prepared = operation.prepare != nullptr ? operation.prepare(shapes) : nullptr;
  const std::int64_t bytes = operation.workspace != nullptr ? operation.workspace(shapes) : 0;
  const std::shared_ptr<Storage> workspace =
      bytes > 0 ? Storage::allocate(bytes, [&] { return text("the workspace of ", operation.name); }) : nullptr;

  Values results;
  for (Buffer& buffer : out) {
    const auto purpose = [&] {
      return text("the output of ", operation.name, ", of shape ", buffer.shape, " and dtype ", buffer.dtype);
    };
    const std::int64_t size = checked_mul(buffer.shape.elements(), size_of(buffer.dtype));
    Tensor tensor(buffer.dtype, buffer.shape, Storage::allocate(size, purpose));
    buffer.data = tensor.data();
    results.emplace_back(std::move(tensor));
  }
  operation.run(Run(operation, attributes, in, out, workspace ? workspace->data() : nullptr, prepared.get()));
  return results;
}

Specs specs_of(const Operation& operation, std::span<const Value> inputs) {
  Specs specs;
  specs.reserve(inputs.size());
  for (const Value& value : inputs) {
    if (!value) fail(ErrorKind::type, operation.name, ": an input is empty");
    specs.push_back(value.spec());
  }
  return specs;
}

}  // namespace

Values run_or_record(const Operation& operation, std::span<const Value> inputs, Attributes& attributes) {
  const Specs specs = infer(operation, specs_of(operation, inputs), attributes);
  const bool symbolic = std::any_of(inputs.begin(), inputs.end(), [](const Value& v) { return v.symbolic(); });
  if (!symbolic && !symbolic_attributes(attributes)) return run_now(operation, inputs, attributes, specs);
  const std::shared_ptr<Recording> recording = Recording::current();
  if (recording == nullptr)
    fail(ErrorKind::type, operation.name, ": a symbolic value is used outside of the recording that it belongs to");
  return recording->record(operation, inputs, attributes, specs);
}

Values apply(const Operation& operation, std::span<const Value> inputs, Attributes attributes) {
  attributes = normalize(operation, std::move(attributes));
  const std::optional<DType> half = widened_half(operation, specs_of(operation, inputs), attributes);
  if (half && !operation.traits.elementwise) return apply_widened(operation, inputs, attributes, *half);
  Values outputs =
      half ? run_widened(operation, inputs, attributes, *half) : run_or_record(operation, inputs, attributes);
  Tape::write(operation, attributes, inputs, outputs);
  return outputs;
}

Value apply_one(const Operation& operation, std::initializer_list<Value> inputs, Attributes attributes) {
  return apply(operation, std::span(inputs.begin(), inputs.size()), std::move(attributes))[0];
}

}  // namespace addax
