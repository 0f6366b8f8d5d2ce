# Every family is one file <family>.cpp here, compiled once per instruction set.
set(ADDAX_KERNEL_FAMILIES
  microkernel
  matmul
  matmul_bf16
  gather_mean
  peak
  conv
  conv_bf16
  conv_listed
  conv_narrow
  conv_walk
  conv_weights
  conv_kernel_gradient
  depthwise
  depthwise_kernel_gradient
  depthwise_row
  winograd
  winograd_kernel_gradient
  elementwise
  fused_steps
  random
  pool
  resize
  transpose
  recurrent
  recurrent_gradient
  reduce
  attention
  norm_channels
  norm_rows
  softmax
)

# Those of them that are worth their length on old machines, too: products, and sums of all types.
set(ADDAX_QUICK_KERNELS
  microkernel
  matmul
  conv
  conv_listed
  conv_narrow
  conv_walk
  conv_kernel_gradient
  depthwise
  depthwise_kernel_gradient
  depthwise_row
  winograd
  winograd_kernel_gradient
  reduce
)

# Those that -O3 makes faster by more than a few percent.
set(ADDAX_LONG_KERNELS
  conv_narrow
  depthwise_row
  elementwise
  fused_steps
  norm_channels
  reduce
)

# Kernels that wider vectors do not make faster: compiled once.
set(ADDAX_PLAIN_KERNELS
  broadcast
  copy
  fused
  fused_code
  fused_segments
  index
  plain_elementwise
  plain_random
  scan
  sort
  sparse_update
  winograd_choice
)
