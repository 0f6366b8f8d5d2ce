// The table of kernels for this machine: one struct of function pointers per family, filled from the instruction set
// that `active_isa()` chose. A family is a header <family>.h with its struct and a `fill` per instruction set, a source
// <family>.cpp, a line in families.cmake, a member here and a line in dispatch.cpp.
#pragma once

#include "kernels/attention.h"
#include "kernels/conv.h"
#include "kernels/depthwise.h"
#include "kernels/elementwise.h"
#include "kernels/fused_steps.h"
#include "kernels/gather_mean.h"
#include "kernels/matmul.h"
#include "kernels/matmul_bf16.h"
#include "kernels/norm_channels.h"
#include "kernels/norm_rows.h"
#include "kernels/peak.h"
#include "kernels/pool.h"
#include "kernels/random.h"
#include "kernels/recurrent.h"
#include "kernels/reduce.h"
#include "kernels/resize.h"
#include "kernels/softmax.h"
#include "kernels/transpose.h"
#include "kernels/winograd.h"

namespace addax::kernels {

struct Kernels {
  AttentionKernels attention;
  MatmulKernels matmul;
  Bf16MatmulKernels matmul_bf16;
  ConvKernels conv;
  DepthwiseKernels depthwise;
  ElementwiseKernels elementwise;
  FusedStepKernels fused_steps;
  PeakKernels peak;
  GatherMeanKernels gather_mean;
  ChannelNormKernels norm_channels;
  RowNormKernels norm_rows;
  PoolKernels pool;
  RandomKernels random;
  RecurrentKernels recurrent;
  ReduceKernels reduce;
  ResizeKernels resize;
  SoftmaxKernels softmax;
  TransposeKernels transpose;
  WinogradKernels winograd;
};

// Chosen at the first call and kept; safe from any thread.
const Kernels& kernels();

}  // namespace addax::kernels
