/* A C program loads a saved model, runs it, steps it, trains it, saves it and loads it again.
 *
 *   c_api_test tests/golden/stream folder-for-what-it-saves */
#include <addax/c_api.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 3, TIME = 6, FEATURES = 2 };

static void fail(const char* what, int line) {
  fprintf(stderr, "line %d: %s: %s\n", line, what, addax_last_error());
  exit(1);
}

#define CHECK(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))
#define OK(call) CHECK((call) == ADDAX_OK)

static addax_shape shape3(int64_t a, int64_t b, int64_t c) {
  addax_shape shape = {3, {0}};
  shape.sizes[0] = a;
  shape.sizes[1] = b;
  shape.sizes[2] = c;
  return shape;
}

static addax_tensor floats(const float* data, addax_shape shape) {
  addax_tensor tensor;
  tensor.data = data;
  tensor.dtype = ADDAX_FLOAT32;
  tensor.shape = shape;
  return tensor;
}

static addax_buffer room(float* data, size_t count) {
  addax_buffer buffer;
  buffer.data = data;
  buffer.bytes = count * sizeof(float);
  return buffer;
}

static void inspect(const addax_model* model) {
  addax_port input, output;
  addax_layer layer;
  addax_weight weight;
  double difference = -1;
  CHECK(addax_c_api_version() == ADDAX_C_API_VERSION);
  CHECK(strcmp(addax_model_name(model), "stream") == 0);
  CHECK(addax_model_input_count(model) == 1 && addax_model_output_count(model) == 1);
  OK(addax_model_input(model, 0, &input));
  OK(addax_model_output(model, 0, &output));
  CHECK(strcmp(input.name, "x") == 0 && input.dtype == ADDAX_FLOAT32 && output.dtype == ADDAX_FLOAT32);
  CHECK(input.shape.rank == 3 && input.shape.sizes[0] == -1 && input.shape.sizes[1] == -1);
  CHECK(input.shape.sizes[2] == FEATURES);
  OK(addax_model_layer(model, addax_model_layer_count(model) - 1, &layer));
  CHECK(strcmp(layer.class_name, "Dense") == 0);
  OK(addax_model_weight(model, 0, &weight));
  CHECK(weight.shape.rank == 2 && weight.shape.sizes[0] == FEATURES && strcmp(weight.group, "") == 0);
  CHECK(addax_model_streams(model) == 1 && addax_model_trains(model) == 1);
  OK(addax_model_verify(model, &difference));
  CHECK(difference < 1e-5); /* the file may come from another instruction set */
}

static void predict(const addax_model* model, const float* x, float* y) {
  const addax_shape shape = shape3(BATCH, TIME, FEATURES);
  const addax_tensor input = floats(x, shape);
  const addax_buffer output = room(y, BATCH * TIME);
  addax_session* session = NULL;
  OK(addax_session_create(model, ADDAX_PREDICT, &shape, 1, &session));
  OK(addax_session_run(session, &input, 1, &output, 1));
  addax_session_free(session);
}

/* One time step a call: what the whole sequence gives. */
static void stream(const addax_model* model, const float* x, const float* whole) {
  const addax_shape shape = shape3(1, 1, FEATURES);
  addax_session* session = NULL;
  int round, row, time;
  OK(addax_session_create(model, ADDAX_STREAM, &shape, 1, &session));
  for (round = 0; round < 2; ++round)
    for (row = 0; row < BATCH; ++row) {
      for (time = 0; time < TIME; ++time) {
        float y = -1;
        OK(addax_session_step_floats(session, x + (row * TIME + time) * FEATURES, &y));
        CHECK(memcmp(&y, whole + row * TIME + time, sizeof y) == 0);
      }
      OK(addax_session_reset(session));
    }
  addax_session_free(session);
}

static double train(addax_model* model, const float* x, int steps) {
  float target[BATCH * TIME];
  const addax_tensor input = floats(x, shape3(BATCH, TIME, FEATURES));
  const addax_tensor wanted = floats(target, shape3(BATCH, TIME, 1));
  double loss = -1;
  const char* name;
  int i;
  for (i = 0; i < BATCH * TIME; ++i) target[i] = x[i * FEATURES] * 0.5f;
  OK(addax_model_reset_metrics(model));
  for (i = 0; i < steps; ++i) OK(addax_model_train_on_batch(model, &input, 1, &wanted, 1, NULL, 0));
  name = addax_model_metric_name(model, 0);
  OK(addax_model_reset_metrics(model));
  OK(addax_model_test_on_batch(model, &input, 1, &wanted, 1, NULL, 0));
  CHECK(addax_model_metric_count(model) == 2);
  CHECK(strcmp(addax_model_metric_name(model, 0), "loss") == 0);
  CHECK(addax_model_metric_name(model, 0) == name); /* names live as long as the model */
  OK(addax_model_metric_value(model, 0, &loss));
  return loss;
}

static void refuse(const addax_model* model) {
  const addax_shape wrong = shape3(BATCH, TIME, FEATURES + 1);
  addax_session* session = NULL;
  addax_model* none = NULL;
  CHECK(addax_session_create(model, ADDAX_PREDICT, &wrong, 1, &session) == ADDAX_ERROR_VALUE);
  CHECK(session == NULL && strstr(addax_last_error(), "(3, 6, 3)") != NULL);
  CHECK(addax_model_load("/nowhere/at/all", &none) == ADDAX_ERROR_IO && none == NULL);
  CHECK(addax_model_load(NULL, &none) == ADDAX_ERROR_VALUE);
  CHECK(addax_model_name(NULL) == NULL && addax_model_input_count(NULL) == -1);
  addax_model_free(NULL);
  addax_session_free(NULL);
}

int main(int argc, char** argv) {
  float x[BATCH * TIME * FEATURES], before[BATCH * TIME], after[BATCH * TIME], again[BATCH * TIME];
  addax_model *model = NULL, *saved = NULL;
  double rate = 0, first, last;
  int i;
  CHECK(argc == 3);
  for (i = 0; i < BATCH * TIME * FEATURES; ++i) x[i] = (float)sin(i);

  OK(addax_model_load(argv[1], &model));
  inspect(model);
  refuse(model);
  predict(model, x, before);
  stream(model, x, before);

  OK(addax_model_get_learning_rate(model, &rate));
  CHECK(fabs(rate - 0.05) < 1e-6);
  OK(addax_model_set_learning_rate(model, 0.1));
  first = train(model, x, 1);
  last = train(model, x, 30);
  CHECK(last < 0.5 * first);

  predict(model, x, after);
  CHECK(memcmp(before, after, sizeof after) != 0);
  OK(addax_model_save(model, argv[2]));
  OK(addax_model_load(argv[2], &saved));
  predict(saved, x, again);
  CHECK(memcmp(after, again, sizeof after) == 0);
  OK(addax_model_get_learning_rate(saved, &rate));
  CHECK(fabs(rate - 0.1) < 1e-6);

  addax_model_free(saved);
  addax_model_free(model);
  addax_stop_threads();
  return 0;
}
