// All of Addax that a native app may include.
#pragma once

#include "addax/attributes.h"
#include "addax/batch_loop.h"
#include "addax/control.h"
#include "addax/dtype.h"
#include "addax/error.h"
#include "addax/model_file.h"
#include "addax/ops.h"
#include "addax/program.h"
#include "addax/replay.h"
#include "addax/shape.h"
#include "addax/tape.h"
#include "addax/tensor.h"
#include "addax/value.h"
#include "addax/variable.h"
