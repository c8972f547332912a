// SPDX-License-Identifier: MIT
// model_state.h - what model.c and model_hyper.c share; private to them.
//
// Threads    Any.

#ifndef WORKER_EXPERTS_MODEL_STATE_H
#define WORKER_EXPERTS_MODEL_STATE_H

#include "worker/experts/model.h"

enum { MODEL_WIDTH_MAX = 1 << 20 };

// What the metadata says; widths that it may leave out are 0.  Errors as model_open.
MUST_CHECK enum error model_read_hyper(const struct gguf *f,
                                       const struct arch *a,
                                       struct hyper *h,
                                       struct errtext *t);

#endif
