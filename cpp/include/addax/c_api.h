/* The C API: load, inspect, run, stream and train a saved model, from C99 and from whatever calls C.
 *
 *   addax_model* model;
 *   if (addax_model_load("digits", &model) != ADDAX_OK) return complain(addax_last_error());
 *
 * Errors. A function that returns a status says ADDAX_OK or what kind of error it was; one that returns a count or a
 * truth value says -1, one that returns text says NULL. addax_last_error() then has the words, the same as in Python
 * and C++. NULL where something is needed is an error, too, and no exception ever comes out. What a failed function
 * would have written is left alone.
 *
 * Ownership. Handles are freed with the function of their name; NULL may be freed. Text and names belong to the handle
 * that gave them and live as long. Data that are passed in are only read during the call.
 *
 * Threads. One thread at a time per handle, with one exception: any number may inspect a model and make sessions of it
 * at once, and sessions of one model run in different threads. */
#ifndef ADDAX_C_API_H
#define ADDAX_C_API_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define ADDAX_C_API
#else
#define ADDAX_C_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when something is added. A library whose addax_c_api_version() is at least this has all that stands here. */
#define ADDAX_C_API_VERSION 1
ADDAX_C_API int32_t addax_c_api_version(void);

typedef enum addax_status {
  ADDAX_OK = 0,
  ADDAX_ERROR_VALUE = 1,       /* a file, shape, size or name that is wrong */
  ADDAX_ERROR_TYPE = 2,        /* a dtype that is wrong */
  ADDAX_ERROR_INDEX = 3,       /* an index out of range, also one in the data */
  ADDAX_ERROR_MEMORY = 4,      /* not to be had */
  ADDAX_ERROR_IO = 5,          /* a file that cannot be read or written */
  ADDAX_ERROR_UNSUPPORTED = 6, /* what this model or file cannot do */
  ADDAX_ERROR_RUNTIME = 7
} addax_status;

/* What the last failure on this thread was; "" if there was none. Valid until the thread's next failure. */
ADDAX_C_API const char* addax_last_error(void);

/* ---- Values */

typedef enum addax_dtype {
  ADDAX_BOOL = 0, /* one byte, 0 or 1 */
  ADDAX_UINT8 = 1,
  ADDAX_INT32 = 2,
  ADDAX_INT64 = 3,
  ADDAX_FLOAT16 = 4,
  ADDAX_BFLOAT16 = 5,
  ADDAX_FLOAT32 = 6,
  ADDAX_FLOAT64 = 7
} addax_dtype;

ADDAX_C_API const char* addax_dtype_name(addax_dtype dtype); /* "float32" */
ADDAX_C_API int64_t addax_dtype_size(addax_dtype dtype);     /* bytes per element */

#define ADDAX_MAX_RANK 8

/* The first `rank` sizes count. */
typedef struct addax_shape {
  int32_t rank;
  int64_t sizes[ADDAX_MAX_RANK];
} addax_shape;

/* Row-major values in the caller's memory. For run and step of a session they are aligned as their elements are, for
 * training and set_weight they need not be. */
typedef struct addax_tensor {
  const void* data;
  addax_dtype dtype;
  addax_shape shape;
} addax_tensor;

/* The caller's memory for what is written; it may be larger. A session's outputs are aligned as their elements are. */
typedef struct addax_buffer {
  void* data;
  size_t bytes;
} addax_buffer;

/* ---- Model */

typedef struct addax_model addax_model;

/* The folder that `model.save` wrote, or its model.json; also TensorFlow.js's own, for prediction alone
 * (layers_model.h). The weights are mapped: the file must not be shortened in place while the model lives. */
ADDAX_C_API addax_status addax_model_load(const char* path, addax_model** model);
/* The text of model.json and the bytes of the weights files, one after the other. The weights are borrowed: they must
 * outlive the model and its sessions. */
ADDAX_C_API addax_status addax_model_load_memory(const char* json, size_t json_bytes, const void* weights,
                                                 size_t weights_bytes, addax_model** model);
ADDAX_C_API void addax_model_free(addax_model* model); /* sessions of it live on */

/* An input, output or target. A size that the model leaves open (batch, time) is -1. */
typedef struct addax_port {
  const char* name;
  addax_dtype dtype;
  addax_shape shape;
} addax_port;

typedef struct addax_layer {
  const char* name;
  const char* class_name;
} addax_layer;

/* A weight, or a part of the optimizer's state. */
typedef struct addax_weight {
  const char* name;
  const char* group; /* "" of the model itself, "optimizer" of the optimizer */
  addax_dtype dtype;
  addax_shape shape;
} addax_weight;

ADDAX_C_API const char* addax_model_name(const addax_model* model);
ADDAX_C_API const char* addax_model_metadata(const addax_model* model); /* the user's, a JSON object */
ADDAX_C_API int64_t addax_model_parameters(const addax_model* model);   /* numbers in the model's own weights */
ADDAX_C_API int32_t addax_model_streams(const addax_model* model);      /* 1 if sessions can step it, else 0 */
ADDAX_C_API int32_t addax_model_trains(const addax_model* model);       /* 1 if it was saved compiled, else 0 */

ADDAX_C_API int32_t addax_model_input_count(const addax_model* model);
ADDAX_C_API int32_t addax_model_output_count(const addax_model* model);
ADDAX_C_API int32_t addax_model_target_count(const addax_model* model); /* 0 if it does not train */
ADDAX_C_API int32_t addax_model_layer_count(const addax_model* model);
ADDAX_C_API int32_t addax_model_weight_count(const addax_model* model);
ADDAX_C_API addax_status addax_model_input(const addax_model* model, int32_t index, addax_port* input);
ADDAX_C_API addax_status addax_model_output(const addax_model* model, int32_t index, addax_port* output);
ADDAX_C_API addax_status addax_model_target(const addax_model* model, int32_t index, addax_port* target);
ADDAX_C_API addax_status addax_model_layer(const addax_model* model, int32_t index, addax_layer* layer);
ADDAX_C_API addax_status addax_model_weight(const addax_model* model, int32_t index, addax_weight* weight);

/* Copies the present values of a weight. */
ADDAX_C_API addax_status addax_model_get_weight(const addax_model* model, const char* name, addax_buffer values);
ADDAX_C_API addax_status addax_model_set_weight(addax_model* model, const char* name, const addax_tensor* values);

/* Replays the pair of input and output in the file: the largest absolute difference of what comes out from what the
 * file says. ADDAX_ERROR_UNSUPPORTED if the file has no pair. */
ADDAX_C_API addax_status addax_model_verify(const addax_model* model, double* difference);

/* ---- Training. Arrays have a tensor per input, per target, and per target again or none for the sample weights. */

ADDAX_C_API addax_status addax_model_train_on_batch(addax_model* model, const addax_tensor* x, int32_t x_count,
                                                    const addax_tensor* y, int32_t y_count,
                                                    const addax_tensor* sample_weight, int32_t sample_weight_count);
ADDAX_C_API addax_status addax_model_test_on_batch(addax_model* model, const addax_tensor* x, int32_t x_count,
                                                   const addax_tensor* y, int32_t y_count,
                                                   const addax_tensor* sample_weight, int32_t sample_weight_count);
/* What the last of these two gave since the metrics were last reset: the loss first. A metric that is not one number
 * is NaN. */
ADDAX_C_API int32_t addax_model_metric_count(const addax_model* model);
ADDAX_C_API const char* addax_model_metric_name(const addax_model* model, int32_t index);
ADDAX_C_API addax_status addax_model_metric_value(const addax_model* model, int32_t index, double* value);
ADDAX_C_API addax_status addax_model_reset_metrics(addax_model* model);

/* ADDAX_ERROR_UNSUPPORTED if there is no optimizer, or its rate follows a schedule. */
ADDAX_C_API addax_status addax_model_get_learning_rate(const addax_model* model, double* rate);
ADDAX_C_API addax_status addax_model_set_learning_rate(addax_model* model, double rate);

/* Writes the same file again with the present weights and optimizer state: Python loads it and goes on. Safe against a
 * kill at any moment. */
ADDAX_C_API addax_status addax_model_save(const addax_model* model, const char* folder);

/* ---- Session: a model planned for sizes, with all the memory it needs. run, step and reset allocate nothing, but for
 * the scratch memory that each thread reserves when it first works. */

typedef struct addax_session addax_session;

typedef enum addax_session_kind {
  ADDAX_PREDICT = 0, /* run computes the outputs for whole inputs */
  ADDAX_STREAM = 1   /* step goes on where the step before stopped */
} addax_session_kind;

/* For inputs of these shapes, one per input of the model; of a stream, the second size is the time steps per call. */
ADDAX_C_API addax_status addax_session_create(const addax_model* model, addax_session_kind kind,
                                              const addax_shape* shapes, int32_t count, addax_session** session);
/* For all sizes between two bounds, both included, of the dimensions that the model leaves open. */
ADDAX_C_API addax_status addax_session_create_bounded(const addax_model* model, addax_session_kind kind,
                                                      const addax_shape* least, const addax_shape* most, int32_t count,
                                                      addax_session** session);
ADDAX_C_API void addax_session_free(addax_session* session);

/* The shape of an output for inputs of these shapes; shapes may be NULL (and count 0) for the largest. */
ADDAX_C_API addax_status addax_session_output_shape(const addax_session* session, int32_t output,
                                                    const addax_shape* shapes, int32_t count, addax_shape* shape);
ADDAX_C_API int64_t addax_session_bytes(const addax_session* session); /* of its memory, weights not counted */

/* Inputs must have the dtypes of the model's ports, outputs room for what is written; both are aligned as their
 * elements are, and do not overlap. A stream begins anew. Nothing is written and the stream is as before if an argument
 * is refused. */
ADDAX_C_API addax_status addax_session_run(addax_session* session, const addax_tensor* inputs, int32_t input_count,
                                           const addax_buffer* outputs, int32_t output_count);
/* The next time steps of a stream. All steps together give the bits of one run over the whole sequence. */
ADDAX_C_API addax_status addax_session_step(addax_session* session, const addax_tensor* inputs, int32_t input_count,
                                            const addax_buffer* outputs, int32_t output_count);
/* The same for a session of one shape with one input and one output of floats. */
ADDAX_C_API addax_status addax_session_run_floats(addax_session* session, const float* input, float* output);
ADDAX_C_API addax_status addax_session_step_floats(addax_session* session, const float* input, float* output);
/* Forgets what the stream has seen. */
ADDAX_C_API addax_status addax_session_reset(addax_session* session);

/* ---- Threads, for the whole process */

ADDAX_C_API int32_t addax_thread_count(void);
ADDAX_C_API addax_status addax_set_thread_count(int32_t count); /* 1 to 256 */
ADDAX_C_API void addax_stop_threads(void);                      /* before the library is unloaded */

#ifdef __cplusplus
}
#endif

#endif
