#include "addax/replay.h"

#include <algorithm>
#include <atomic>

#include "base/checked.h"
#include "base/cpu.h"
#include "base/parallel.h"
#include "program/bound_plan.h"
#include "program/pieces.h"
#include "program/prologue.h"

namespace addax {
namespace {

constexpr std::int64_t kPageBytes = 4096;  // lanes share none

// What the arena is for, in words of its largest value.
std::string largest_value(const Program& program, const Plan& plan) {
  const Shape* largest = nullptr;
  const Operation* operation = nullptr;
  for (const PlannedStep& step : plan.steps) {
    for (const int slot : step.outputs) {
      const Shape& shape = plan.shapes[static_cast<std::size_t>(slot)];
      if (plan.places[static_cast<std::size_t>(slot)].home != Home::arena) continue;
      if (largest != nullptr && shape.elements() <= largest->elements()) continue;
      largest = &shape;
      operation = step.operation;
    }
  }
  if (largest == nullptr) return "the values of a program";
  return text("the values of a program, the largest of them the output of ", operation->name, ", of shape ", *largest,
              "; a smaller batch needs less");
}

// The place of a plan at which pieces of a batch run, one after the other, and where the present one's data lie.
struct Lane {
  std::unique_ptr<BoundPlan> plan;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
};

}  // namespace

struct Replay::Impl {
  ProgramPtr program;
  std::vector<Shape> output_shapes;
  std::int64_t pieces = 1;
  std::vector<std::int64_t> input_bytes, output_bytes;  // of a piece
  std::int64_t arena_bytes = 0;
  std::shared_ptr<Storage> arena;
  std::vector<Lane> lanes;
  std::vector<bool> assigned;                  // per variable
  std::vector<void*> variable_data;            // as bound last
  std::uint64_t variables_version = 0;         // of their addresses
  std::vector<std::shared_ptr<Storage>> held;  // the variables' memory while a run lasts

  Impl(ProgramPtr p, std::span<const Shape> shapes, const Impl* other) : program(std::move(p)) {
    Plan plan = make_plan(*program, shapes);
    for (const int slot : program->outputs) output_shapes.push_back(plan.shapes[static_cast<std::size_t>(slot)]);
    assigned.assign(program->variables.size(), false);
    for (const Assignment& a : program->assignments) assigned[static_cast<std::size_t>(a.variable)] = true;
    variable_data.assign(program->variables.size(), nullptr);
    held.resize(program->variables.size());
    pieces = count_pieces(*program, plan);
    if (pieces > 1) plan = plan_of_piece(shapes);
    input_bytes = bytes_of(plan, program->inputs);
    output_bytes = bytes_of(plan, program->outputs);
    make_lanes(plan, other);
  }

  Plan plan_of_piece(std::span<const Shape> shapes) const {
    std::vector<Shape> piece(shapes.begin(), shapes.end());
    for (Shape& shape : piece) shape[0] /= pieces;
    return make_plan(*program, piece);
  }

  std::vector<std::int64_t> bytes_of(const Plan& plan, const std::vector<int>& slots) const {
    std::vector<std::int64_t> bytes;
    for (const int slot : slots) {
      const auto i = static_cast<std::size_t>(slot);
      bytes.push_back(plan.shapes[i].elements() * size_of(program->slots[i].spec.dtype));
    }
    return bytes;
  }

  // As many as there may be threads; memory that none of them comes to use is never touched.
  void make_lanes(const Plan& plan, const Impl* other) {
    const auto count = std::clamp<std::int64_t>(std::max(available_cpus(), thread_count()), 1, pieces);
    const std::int64_t bytes =
        count == 1 ? plan.arena_bytes : checked_add(plan.arena_bytes, kPageBytes - 1) / kPageBytes * kPageBytes;
    arena_bytes = checked_mul(bytes, count);
    arena = other != nullptr && other->arena->bytes() >= arena_bytes
                ? other->arena
                : Storage::allocate(arena_bytes, [&] { return largest_value(*program, plan); });
    for (std::int64_t i = 0; i < count; ++i) {
      char* const memory = static_cast<char*>(arena->data()) + i * bytes;
      lanes.push_back({std::make_unique<BoundPlan>(*program, plan, memory),
                       std::vector<const void*>(input_bytes.size()), std::vector<void*>(output_bytes.size())});
    }
  }

  // While a run lasts the variables' memory stays, whoever assigns them meanwhile.
  struct Release {
    std::vector<std::shared_ptr<Storage>>& held;
    ~Release() { std::fill(held.begin(), held.end(), nullptr); }
  };

  void bind_variables() {
    bool moved = variables_version == 0;
    for (std::size_t i = 0; i < variable_data.size(); ++i) {
      Variable& variable = *program->variables[i];
      held[i] = assigned[i] ? variable.hold_for_writing() : variable.hold();
      void* data = held[i]->data();
      moved = moved || data != variable_data[i];
      variable_data[i] = data;
    }
    if (moved) ++variables_version;
  }

  void run(std::span<const void* const> in, std::span<void* const> out) {
    if (in.size() != input_bytes.size() || out.size() != output_bytes.size())
      fail(ErrorKind::value, "the replay takes the addresses of ", input_bytes.size(), " inputs and ",
           output_bytes.size(), " outputs; received ", in.size(), " and ", out.size());
    if (program->prologue != nullptr) program->prologue->refresh();
    const FlushDenormals flush;
    const Release release{held};
    bind_variables();
    if (pieces == 1) {
      lanes[0].plan->run({in.data(), out.data(), variable_data.data(), variables_version});
    } else {
      run_pieces(in, out);
    }
    for (std::size_t i = 0; i < assigned.size(); ++i)
      if (assigned[i]) program->variables[i]->note_written();
  }

  // Each thread that comes takes a lane and pieces as long as there are any. In a lane, which is part of a parallel
  // region, the kernels' own regions are serial.
  void run_pieces(std::span<const void* const> in, std::span<void* const> out) {
    std::atomic<std::int64_t> next{0};
    parallel_for(static_cast<std::int64_t>(lanes.size()), 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t lane = first; lane < last; ++lane)
        for (std::int64_t piece; (piece = next.fetch_add(1, std::memory_order_relaxed)) < pieces;)
          run_piece(lanes[static_cast<std::size_t>(lane)], piece, in, out);
    });
  }

  void run_piece(Lane& lane, std::int64_t piece, std::span<const void* const> in, std::span<void* const> out) {
    for (std::size_t i = 0; i < in.size(); ++i)
      lane.inputs[i] = static_cast<const char*>(in[i]) + piece * input_bytes[i];
    for (std::size_t i = 0; i < out.size(); ++i) lane.outputs[i] = static_cast<char*>(out[i]) + piece * output_bytes[i];
    lane.plan->run({lane.inputs.data(), lane.outputs.data(), variable_data.data(), variables_version});
  }
};

Replay::Replay(ProgramPtr program, std::span<const Shape> input_shapes)
    : impl_(std::make_unique<Impl>(std::move(program), input_shapes, nullptr)) {}
Replay::Replay(ProgramPtr program, std::span<const Shape> input_shapes, const Replay& other)
    : impl_(std::make_unique<Impl>(std::move(program), input_shapes, other.impl_.get())) {}
Replay::~Replay() = default;
Replay::Replay(Replay&&) noexcept = default;

const Shape& Replay::output_shape(int i) const { return impl_->output_shapes[static_cast<std::size_t>(i)]; }

DType Replay::output_dtype(int i) const {
  return impl_->program->slots[static_cast<std::size_t>(impl_->program->outputs[static_cast<std::size_t>(i)])]
      .spec.dtype;
}

int Replay::output_count() const { return static_cast<int>(impl_->program->outputs.size()); }
std::int64_t Replay::arena_bytes() const { return impl_->arena_bytes; }
bool Replay::shares_memory_with(const Replay& other) const { return impl_->arena == other.impl_->arena; }
void Replay::run(std::span<const void* const> inputs, std::span<void* const> outputs) { impl_->run(inputs, outputs); }

}  // namespace addax
