# Every family is one file <family>.cpp here, compiled once per instruction set.
set(ADDAX_KERNEL_FAMILIES
  microkernel
  matmul
  conv
  depthwise
  pool
  resize
  transpose
)
