/* run, step and reset allocate nothing: every way to the heap is counted. Works where a program's own malloc takes the
 * place of the C library's also for shared libraries, as with glibc.
 *
 *   allocations_test tests/golden/stream */
#include <addax/c_api.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);

static volatile long allocations = 0;

void* malloc(size_t bytes) {
  ++allocations;
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  ++allocations;
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, size_t bytes) {
  ++allocations;
  return __libc_realloc(memory, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  ++allocations;
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, size_t alignment, size_t bytes);
int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  ++allocations;
  *memory = __libc_memalign(alignment, bytes);
  return *memory == NULL ? ENOMEM : 0;
}

static void check(addax_status status) {
  if (status == ADDAX_OK) return;
  fprintf(stderr, "%s\n", addax_last_error());
  exit(1);
}

int main(int argc, char** argv) {
  static float x[3 * 5 * 2], y[3 * 5];
  const addax_shape least = {3, {1, 1, 2}}, most = {3, {3, 5, 2}};
  const addax_shape one = {3, {1, 1, 2}}, five = {3, {1, 5, 2}};
  addax_tensor input = {x, ADDAX_FLOAT32, {3, {0, 0, 2}}};
  const addax_buffer output = {y, sizeof y};
  addax_model* model;
  addax_session *bounded, *fixed, *stream;
  long before, made;
  int i;

  check(addax_model_load(argc > 1 ? argv[1] : "", &model));
  made = allocations;
  check(addax_session_create_bounded(model, ADDAX_PREDICT, &least, &most, 1, &bounded));
  check(addax_session_create(model, ADDAX_PREDICT, &one, 1, &fixed));
  check(addax_session_create_bounded(model, ADDAX_STREAM, &one, &five, 1, &stream));
  if (allocations == made) return fprintf(stderr, "allocations are not counted\n"), 1;

  /* The first work on a thread reserves that thread's scratch. */
  check(addax_session_run_floats(fixed, x, y));

  before = allocations;
  for (i = 0; i < 100; ++i) {
    input.shape.sizes[0] = 1 + i % 3;
    input.shape.sizes[1] = 1 + i % 5;
    check(addax_session_run(bounded, &input, 1, &output, 1));
    check(addax_session_run_floats(fixed, x, y));
    input.shape.sizes[0] = 1;
    check(addax_session_step(stream, &input, 1, &output, 1));
    check(addax_session_reset(stream));
  }
  if (allocations != before) return fprintf(stderr, "%ld allocations\n", allocations - before), 1;

  addax_session_free(stream);
  addax_session_free(fixed);
  addax_session_free(bounded);
  addax_model_free(model);
  return 0;
}
