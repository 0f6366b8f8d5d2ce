// What a build may go without for the sake of its size, beside families of operations: `training` and `float64` in
// ADDAX_LEAVE_OUT.
#pragma once

namespace addax {

#if defined(ADDAX_NO_FLOAT64)
inline constexpr bool kFloat64 = false;
#else
inline constexpr bool kFloat64 = true;
#endif

#if defined(ADDAX_NO_TRAINING)
inline constexpr bool kTraining = false;
#else
inline constexpr bool kTraining = true;
#endif

// A function that only training calls: null in a build without training, so that nothing of it is linked.
template <class Function>
constexpr Function* for_training(Function* function) {
  return kTraining ? function : nullptr;
}

}  // namespace addax
