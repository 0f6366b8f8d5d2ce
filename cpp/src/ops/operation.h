// What an operation is: one table entry with its shape rule, kernel and gradient rule. `apply` is the only door.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "addax/attributes.h"
#include "addax/error.h"
#include "addax/value.h"
#include "base/build.h"

namespace addax {

// ---- Attributes (addax/attributes.h) as an operation declares them.

enum class AttributeKind { flag, integer, number, text, integers, numbers, dims, dtype, program };

// A declared attribute. Without a default it must be given. Dims accept plain integers, numbers accept integers,
// dtypes accept names; anything else is an error that names the operation.
struct AttributeSpec {
  const char* name;
  AttributeKind kind;
  std::optional<Attribute> fallback = std::nullopt;
};

// ---- Shape rule: the inputs' specs and the (mutable) attributes in, the outputs' specs out. Dims may be symbolic. The
// same rule runs on recording, on planning (all dims known) and on a program read from a file: it is the only check
// between a hostile file and a kernel, so it verifies everything that the kernel relies on.

struct Operation;

class Infer {
 public:
  Infer(const Operation& operation, std::span<const Spec> inputs, Attributes& attributes)
      : operation_(operation), inputs_(inputs), attributes_(attributes) {}

  int count() const { return static_cast<int>(inputs_.size()); }
  const Spec& operator[](int i) const { return inputs_[static_cast<std::size_t>(i)]; }
  const Dims& dims(int i) const { return (*this)[i].dims; }
  DType dtype(int i) const { return (*this)[i].dtype; }
  int rank(int i) const { return static_cast<int>(dims(i).size()); }
  Attributes& attributes() const { return attributes_; }
  const char* name() const;

  // Errors begin with the operation's name and end with the inputs' specs.
  template <class... Parts>
  [[noreturn]] void error(const Parts&... parts) const {
    fail(ErrorKind::value, name(), ": ", parts..., ". Inputs: ", describe());
  }
  template <class... Parts>
  [[noreturn]] void type_error(const Parts&... parts) const {
    fail(ErrorKind::type, name(), ": ", parts..., ". Inputs: ", describe());
  }
  void require_rank(int i, int wanted) const;
  void require_rank_at_least(int i, int wanted) const;
  void require_floating(int i) const;  // float32 or float64
  void require_number(int i) const;    // uint8, int32, int64, float32 or float64
  void require_indices(int i) const;   // int32 or int64
  void require_dtype(int i, DType wanted) const;
  void require_same_dtypes() const;
  // Two dims that must agree: an unknown agrees with anything, planning asks again with real sizes.
  void require_equal(const Dim& a, const Dim& b, std::string_view what) const;
  int normalize_axis(std::string_view attribute, int rank) const;                        // writes it back, in [0, rank)
  std::vector<std::int64_t> normalize_axes(std::string_view attribute, int rank) const;  // sorted, without repetition
  std::string describe() const;

 private:
  const Operation& operation_;
  std::span<const Spec> inputs_;
  Attributes& attributes_;
};

// ---- Kernel call: buffers of known shape. `run` may not allocate: what it needs beyond its outputs it asks for
// through `workspace`. Inputs and outputs do not overlap unless the operation is marked in_place.

struct Buffer {
  void* data = nullptr;
  DType dtype = DType::float32;
  Shape shape;
  std::int64_t elements() const { return shape.elements(); }
  std::int64_t bytes() const { return elements() * size_of(dtype); }
};

class Run {
 public:
  Run(const Operation& operation, const Attributes& attributes, std::span<const Buffer> inputs,
      std::span<const Buffer> outputs, void* workspace = nullptr, void* prepared = nullptr)
      : operation_(operation),
        attributes_(attributes),
        inputs_(inputs),
        outputs_(outputs),
        workspace_(workspace),
        prepared_(prepared) {}

  int input_count() const { return static_cast<int>(inputs_.size()); }
  int output_count() const { return static_cast<int>(outputs_.size()); }
  const Buffer& input(int i) const { return inputs_[static_cast<std::size_t>(i)]; }
  const Buffer& output(int i) const { return outputs_[static_cast<std::size_t>(i)]; }
  // An output that nobody reads, but for the first, has no memory (data is null) if the operation says
  // optional_outputs.
  bool wants(int i) const { return output(i).data != nullptr; }
  template <class T>
  const T* in(int i) const {
    return static_cast<const T*>(input(i).data);
  }
  template <class T>
  T* out(int i) const {
    return static_cast<T*>(output(i).data);
  }
  const Attributes& attributes() const { return attributes_; }
  const Operation& operation() const { return operation_; }
  void* workspace() const { return workspace_; }  // 64-byte aligned, as many bytes as `workspace` asked for
  template <class T>
  T& prepared() const {  // what the operation's `prepare` made
    return *static_cast<T*>(prepared_);
  }

 private:
  const Operation& operation_;
  const Attributes& attributes_;
  std::span<const Buffer> inputs_;
  std::span<const Buffer> outputs_;
  void* workspace_;
  void* prepared_;
};

// ---- Gradient rule: one Value per input; an empty one where there is no gradient. Written in operations
// (addax/ops.h).

class Gradient {
 public:
  Gradient(const Operation& operation, const Attributes& attributes, std::span<const Value> inputs,
           std::span<const Value> outputs, std::span<const Value> upstream, const std::vector<bool>& wanted)
      : operation_(operation),
        attributes_(attributes),
        inputs_(inputs),
        outputs_(outputs),
        upstream_(upstream),
        wanted_(wanted) {}

  int count() const { return static_cast<int>(inputs_.size()); }
  const Value& input(int i) const { return inputs_[static_cast<std::size_t>(i)]; }
  const Value& output(int i) const { return outputs_[static_cast<std::size_t>(i)]; }
  int output_count() const { return static_cast<int>(outputs_.size()); }
  bool has_upstream(int i) const { return static_cast<bool>(upstream_[static_cast<std::size_t>(i)]); }
  Value upstream(int i = 0) const;  // zeros where nothing came back
  // Whether anybody needs the gradient of input i: leave the others empty.
  bool wanted(int i) const { return wanted_[static_cast<std::size_t>(i)]; }
  const Attributes& attributes() const { return attributes_; }
  const Operation& operation() const { return operation_; }

 private:
  const Operation& operation_;
  const Attributes& attributes_;
  std::span<const Value> inputs_;
  std::span<const Value> outputs_;
  std::span<const Value> upstream_;
  const std::vector<bool>& wanted_;
};

// ---- The table entry.

// What becomes of float16 and bfloat16 (halves.h): `apply` computes in float32 and rounds each result once; the
// operation moves values whatever they are; it has a kernel for bfloat16.
enum class Halves { widened, moved, bfloat16 };

struct Traits {
  bool elementwise = false;       // output i depends on element i of the (broadcast) inputs alone
  bool in_place = false;          // an output may share the memory of an input of the same size and dtype
  bool view = false;              // output 0 is input 0's memory with another shape (reshape)
  bool optional_outputs = false;  // outputs but the first may be left out where nobody reads them
  bool may_fail = false;          // `run` throws on some data: an index out of range
  bool internal = false;          // made by passes only, after differentiation
  Halves halves = Halves::widened;
};

struct Operation {
  const char* name;
  int min_inputs;
  int max_inputs;  // kAnyNumber: no bound
  std::vector<AttributeSpec> attributes = {};
  Specs (*infer)(const Infer&);
  void (*run)(const Run&);  // throws only if the traits say so, and then before it writes anything
  std::int64_t (*workspace)(const Run&) = nullptr;  // bytes; the buffers have shapes but no data
  // Floating-point operations of a run, multiplications and additions apart, for profiles; the buffers have shapes but
  // no data. Without it: one for each element of the first output if the operation is elementwise, else unknown (0).
  std::int64_t (*flops)(const Run&) = nullptr;
  // Made once per planned step and kept with it: replays of nested programs, packed weights. May allocate.
  std::shared_ptr<void> (*prepare)(const Run&) = nullptr;
  Values (*gradient)(const Gradient&) = nullptr;
  const char* no_gradient = nullptr;  // why there is no gradient rule
  Traits traits = {};
};
inline constexpr int kAnyNumber = 1 << 20;

// Every file of cpp/src/ops/ gives its operations as one span of a static array, `<file>_family()`; registry.cpp lists
// the families. (No static registration: a static library would drop it.)
namespace ops {
std::span<const Operation> control_family();
std::span<const Operation> creation_family();
std::span<const Operation> elementwise_family();
std::span<const Operation> fused_family();
std::span<const Operation> broadcast_family();
std::span<const Operation> random_family();
std::span<const Operation> reduce_family();
std::span<const Operation> cumulative_family();
std::span<const Operation> softmax_family();
std::span<const Operation> norm_channels_family();
std::span<const Operation> norm_rows_family();
std::span<const Operation> attention_family();
std::span<const Operation> reshape_family();
std::span<const Operation> slice_family();
std::span<const Operation> pad_family();
std::span<const Operation> gather_family();
std::span<const Operation> gather_mean_family();
std::span<const Operation> scatter_family();
std::span<const Operation> sort_family();
std::span<const Operation> matmul_family();
std::span<const Operation> conv_family();
std::span<const Operation> conv_chain_family();
std::span<const Operation> pool_family();
std::span<const Operation> resize_family();
std::span<const Operation> recurrent_family();
}  // namespace ops

const std::vector<const Operation*>& operations();        // the whole table (registry.cpp)
const Operation* find_operation(std::string_view name);   // nullptr if there is none
const Operation& operation_named(std::string_view name);  // throws ValueError

// Completes and converts the attributes as declared; throws TypeError/ValueError naming the operation.
Attributes normalize(const Operation& operation, Attributes attributes);
// The shape rule with the number of inputs checked first.
Specs infer(const Operation& operation, std::span<const Spec> inputs, Attributes& attributes);

// Whether running the step may throw on some data; a step with nested programs may if one of theirs may.
bool may_fail(const Operation& operation, const Attributes& attributes);

// Runs the operation if all inputs are concrete, else records it; writes it on the open gradient tapes that watch an
// input.
Values apply(const Operation& operation, std::span<const Value> inputs, Attributes attributes = {});
Value apply_one(const Operation& operation, std::initializer_list<Value> inputs, Attributes attributes = {});

}  // namespace addax
