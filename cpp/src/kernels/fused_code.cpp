// From a list of steps to instructions. Each step's result is in the accumulator when the next one begins: it is stored
// only if anything else needs it.
#include <algorithm>

#include "kernels/fused.h"
#include "kernels/kernels.h"

namespace addax::kernels {
namespace {

using Streams = FusedStreamLayout;

bool commutes(Opcode o) { return o == Opcode::add || o == Opcode::multiply || o == Opcode::equal; }

}  // namespace

class FusedCompiler {
 public:
  explicit FusedCompiler(FusedCode& code) : code_(code), plan_(code.plan_) {
    std::fill_n(slot_, kValues, -1);
    list_items();
    find_uses();
  }

  void compile() {
    for (int t = 0; t < count(); ++t) {
      compute(items_[at(t)]);
      free_slots(t);
      keep_or_write(t);
    }
    for (int j = 0; j < plan_.outputs; ++j) {
      if (written_[j]) continue;
      load(plan_.output[j].value);
      write(j);
    }
    emit(&FusedFunctions::end);
  }

 private:
  // A step, or the conversion of a bool or bfloat16 operand to floats (no opcode) before the first step that reads it.
  struct Item {
    const Opcode* opcode;
    int argument[3];
    int value;
  };
  static constexpr int kValues = kMaxOperands + kMaxFusedImmediates + kMaxFusedSteps + kMaxOperands;

  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  int count() const { return static_cast<int>(items_.size()); }
  int widened(int operand) const { return plan_.first_step() + plan_.steps + operand; }

  void list_items() {
    bool wide[kMaxOperands] = {};
    for (int s = 0; s < plan_.steps; ++s) {
      Item item{&plan_.step[s].opcode, {}, plan_.first_step() + s};
      for (int i = 0; i < arity(*item.opcode); ++i) {
        int value = plan_.step[s].argument[i];
        if (value < plan_.operands && plan_.operand_type[value] != Element::float32) {
          if (!wide[value]) items_.push_back({nullptr, {value, 0, 0}, widened(value)});
          wide[value] = true;
          value = widened(value);
        }
        item.argument[i] = value;
      }
      shorten(item);
      items_.push_back(item);
    }
  }

  // Exponents that people write as numbers have short forms with the same results.
  void shorten(Item& item) const {
    static constexpr Opcode kSquare = Opcode::square, kIdentity = Opcode::identity, kReciprocal = Opcode::reciprocal;
    const int number = item.argument[1] - plan_.operands;
    if (*item.opcode != Opcode::power || number < 0 || number >= plan_.immediates) return;
    const float exponent = plan_.immediate[number];
    if (exponent == 2.0f) item.opcode = &kSquare;
    if (exponent == 1.0f) item.opcode = &kIdentity;
    if (exponent == -1.0f) item.opcode = &kReciprocal;
  }

  int arguments(const Item& item) const { return item.opcode == nullptr ? 1 : arity(*item.opcode); }

  void find_uses() {
    for (int t = 0; t < count(); ++t) {
      const Item& item = items_[at(t)];
      const int taken = t > 0 && item.opcode != nullptr ? position_of(item, items_[at(t - 1)].value) : -1;
      for (int i = 0; i < arguments(item); ++i) {
        last_use_[item.argument[i]] = t;
        if (i != taken) needed_[item.argument[i]] = true;
        if (item.argument[i] < plan_.operands) last_operand_ = t;
      }
    }
  }

  // The argument of the item that is `value`, or −1.
  int position_of(const Item& item, int value) const {
    for (int i = 0; i < arguments(item); ++i)
      if (item.argument[i] == value) return i;
    return -1;
  }

  // ---- Instructions

  std::uint32_t stream(int value) const {
    int index = value;  // an operand
    if (value >= plan_.first_step()) {
      index = Streams::kKept + slot_[value];
    } else if (value >= plan_.operands) {
      index = Streams::kNumbers + value - plan_.operands;
    }
    return static_cast<std::uint32_t>(index) * sizeof(FusedStream);
  }

  void emit(FusedFunction FusedFunctions::*function, std::uint32_t x = 0) {
    const FusedStepKernels& k = kernels().fused_steps;
    code_.block_.push_back({k.block.*function, x, 0});
    code_.tail_.push_back({k.tail.*function, x, 0});
  }
  using Table = FusedFunction (FusedFunctions::*)[kOpcodes];
  void emit(Table table, Opcode o, std::uint32_t x = 0, std::uint32_t y = 0) {
    const FusedStepKernels& k = kernels().fused_steps;
    code_.block_.push_back({(k.block.*table)[static_cast<int>(o)], x, y});
    code_.tail_.push_back({(k.tail.*table)[static_cast<int>(o)], x, y});
  }
  void emit_where(FusedFunction FusedFunctions::*function, int x, int y) {
    emit(function, stream(x));
    code_.block_.back().y = code_.tail_.back().y = stream(y);
  }

  void load(int value) {
    if (accumulator_ != value) emit(&FusedFunctions::load, stream(value));
    accumulator_ = value;
  }

  void compute(const Item& item) {
    const int* a = item.argument;
    if (item.opcode == nullptr) {
      emit(plan_.operand_type[a[0]] == Element::boolean ? &FusedFunctions::load_bool : &FusedFunctions::load_brain,
           stream(a[0]));
    } else if (arity(*item.opcode) == 1) {
      load(a[0]);
      emit(&FusedFunctions::unary, *item.opcode);
    } else if (arity(*item.opcode) == 2) {
      compute_binary(*item.opcode, a);
    } else {
      compute_where(a, position_of(item, accumulator_));
    }
    accumulator_ = item.value;
  }

  void compute_binary(Opcode o, const int* a) {
    const bool has_streams = kernels().fused_steps.block.streams[static_cast<int>(o)] != nullptr;
    if (a[0] != accumulator_ && a[1] == accumulator_) {
      emit(commutes(o) ? &FusedFunctions::accumulator_first : &FusedFunctions::accumulator_second, o, stream(a[0]));
    } else if (a[0] != accumulator_ && has_streams) {
      emit(&FusedFunctions::streams, o, stream(a[0]), stream(a[1]));
    } else {
      load(a[0]);
      emit(&FusedFunctions::accumulator_first, o, stream(a[1]));
    }
  }

  void compute_where(const int* a, int position) {
    if (position == 1) return emit_where(&FusedFunctions::where_first, a[0], a[2]);
    if (position == 2) return emit_where(&FusedFunctions::where_second, a[0], a[1]);
    load(a[0]);
    emit_where(&FusedFunctions::where_condition, a[1], a[2]);
  }

  // ---- Results that are needed later

  void free_slots(int t) {
    for (bool& taken : taken_) taken = false;
    for (int s = 0; s < t; ++s) {
      const int value = items_[at(s)].value;
      if (slot_[value] >= 0 && (last_use_[value] > t || waiting(value))) taken_[slot_[value]] = true;
    }
  }

  bool waiting(int value) const {
    for (int j = 0; j < plan_.outputs; ++j)
      if (plan_.output[j].value == value && !written_[j]) return true;
    return false;
  }

  // An output may lie over an operand: it is written when all operands have been read.
  void keep_or_write(int t) {
    const int value = items_[at(t)].value;
    if (t >= last_operand_) {
      for (int j = 0; j < plan_.outputs; ++j)
        if (plan_.output[j].value == value) write(j);
    }
    if (!needed_[value] && !waiting(value)) return;
    int slot = 0;
    while (taken_[slot]) ++slot;
    slot_[value] = slot;
    code_.slots_ = std::max(code_.slots_, slot + 1);
    emit(&FusedFunctions::store, stream(value));
  }

  void write(int j) {
    const Element type = plan_.output[j].type;
    emit(type == Element::boolean    ? &FusedFunctions::store_bool
         : type == Element::bfloat16 ? &FusedFunctions::store_brain
                                     : &FusedFunctions::store,
         static_cast<std::uint32_t>(Streams::kOutputs + j) * sizeof(FusedStream));
    written_[j] = true;
  }

  FusedCode& code_;
  const FusedPlan& plan_;
  std::vector<Item> items_;
  int accumulator_ = -1;        // the value in it
  int last_operand_ = 0;        // the last item that reads an operand
  int last_use_[kValues] = {};  // the last item that reads the value
  bool needed_[kValues] = {};   // by others than the next item as its accumulator
  bool written_[kMaxFusedOutputs] = {};
  bool taken_[kMaxFusedKept] = {};
  int slot_[kValues] = {};
};

FusedCode::FusedCode(const FusedPlan& plan)
    : plan_(plan), numbers_(make_aligned<float>(plan.immediates * kFusedBlock, "the numbers of a fused list")) {
  for (int k = 0; k < plan.immediates; ++k)
    std::fill_n(numbers_.get() + k * kFusedBlock, kFusedBlock, plan.immediate[k]);
  FusedCompiler(*this).compile();
}

}  // namespace addax::kernels
