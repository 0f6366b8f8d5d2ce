// The passes: each takes a program apart and puts an equal one together. The list and its order stand in optimize.cpp.
#pragma once

#include "addax/program.h"
#include "ops/operation.h"

namespace addax::passes {

// Drops steps whose results nobody reads, and inputs of constants and variables that nobody reads.
Program dead_code(Program program);
// Equal operations on equal inputs are done once. Operations are functions of their inputs and attributes, random ones
// of their key, so this needs no list of exceptions.
Program common_subexpressions(Program program);
// Values that an operation passes on unchanged (identity, a reshape to the same shape) are read where they come from.
Program forwarding(Program program);
// Steps on constants alone are done now, unless the result is large.
Program constant_folding(Program program);
// A transpose of the last two axes in front of a product becomes a flag of the product.
Program transpose_folding(Program program);
// Zeros around an image become the padding of the convolution that reads it.
Program padding_folding(Program program);
// Fixed factors and offsets along the channels of a product with fixed weights go into its weights and bias.
Program affine_folding(Program program);
// Masks and sums of the gradient of a max pooling are taken before it spreads over the image.
Program pooled_gradients(Program program);
// A shortcut and relu after batch normalization in training, and relu's mask in its gradient, join its passes.
Program norm_fusion(Program program);
// Conversions to 16-bit floats and back that need not be made are left out.
Program conversions(Program program);
// The mean of gathered rows is taken where they lie.
Program gather_fusion(Program program);
// A bias and an activation after a product or a convolution become its epilogue.
Program epilogue_fusion(Program program);
// Products and convolutions of float32 multiply bfloat16: not among the passes of every program.
Program brain_products(Program program);
// Recurrent layers with weights that the program does not assign read them packed, and take their inputs' product in.
Program recurrent_prepacking(Program program);
// Products with weights that the program does not assign read them packed.
Program prepacking(Program program);
// Convolutions with weights that the program does not assign read them packed.
Program conv_prepacking(Program program);
// Every elementwise reader of a widened bfloat16 array widens it itself.
Program widening(Program program);
// Elementwise steps over one shape become one step that runs tile by tile.
Program elementwise_fusion(Program program);
// Elementwise steps on the result of a product become the product's tail.
Program tail_fusion(Program program);
// Convolutions that read each other's results alone run band by band, where that keeps an image out of memory.
Program conv_chains(Program program);
// The gradient of an embedding goes into the table's update row by row.
Program sparse_updates(Program program);
// Equal fused lists on small independent arrays become one step.
Program horizontal_fusion(Program program);
// Steps that depend on state alone become the program's prologue.
Program hoisting(Program program);

// ---- What passes share.

// Per slot: whether its value depends on constants and on variables that the program does not assign, and on nothing
// else, and its shape is known.
std::vector<bool> state_only(const Program& program);
// How often each slot is read: by steps, outputs and assignments.
std::vector<int> count_reads(const Program& program);
// Per slot: the step that alone reads it, once; -1 if there is none, or an output or a variable reads it too.
std::vector<int> only_readers(const Program& program);
// Drops the steps that are gone, for others have taken them in, and then what nobody uses any more.
Program without(Program program, const std::vector<bool>& gone);
// Reads of `from` become reads of `to`, everywhere.
void replace_slots(Program& program, const std::vector<int>& replacement);
// Renumbers slots so that only those in use remain, in order of definition.
Program compact(const Program& program);

}  // namespace addax::passes
