// SPDX-License-Identifier: MIT
// generate_model.h - models that are open, by file: several jobs share one, and the
// one used last stays when its jobs have gone.
//
// A file is known by device, inode, size and time of change, so that an attachment
// is the same model under whatever name a job's directory has it.
//
// Ownership  Who opens closes; the cache frees.
// Threads    Main thread.

#ifndef WORKER_EVALUATE_GENERATE_MODEL_H
#define WORKER_EVALUATE_GENERATE_MODEL_H

#include "common/error.h"
#include "worker/experts/model.h"
#include "worker/experts/tokenizer.h"

struct generate_model {
    struct model *model;
    struct tokenizer *tokenizer;
};

// What gguf_open, model_open and tokenizer_from_gguf return.
MUST_CHECK enum error
generate_model_open(const char *path, const struct generate_model **out, struct errtext *t);
void generate_model_close(const struct generate_model *m); // NULL is fine

#endif
