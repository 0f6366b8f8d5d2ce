# Every family is one file <family>.cpp here, compiled once per instruction set.
set(ADDAX_KERNEL_FAMILIES
  microkernel
  matmul
  peak
  conv
  conv_listed
  conv_narrow
  conv_walk
  conv_weights
  conv_kernel_gradient
  depthwise
  winograd
  winograd_kernel_gradient
  elementwise
  fused_steps
  random
  pool
  resize
  transpose
  reduce
  softmax
)

# Kernels that wider vectors do not make faster: compiled once.
set(ADDAX_PLAIN_KERNELS
  broadcast
  copy
  fused
  fused_code
  index
  plain_elementwise
  plain_random
  scan
  sort
  winograd_choice
)
