// SPDX-License-Identifier: MIT
// tape_state.h - for tape*.c only: the notes of a tape.
//
// Threads    As tape.h.

#ifndef WORKER_TENSOR_TAPE_STATE_H
#define WORKER_TENSOR_TAPE_STATE_H

#include <stdbool.h>

#include "worker/tensor/dense.h"
#include "worker/tensor/tape.h"

struct tape_note {
    void (*back)(const struct tape_note *n, struct arena *scratch);
    struct tape_var *y, *in[3];
    const void *data; // the operator's own
    size_t n, m;
    struct tape_note *before;
};

struct tape {
    struct arena *arena;
    struct tape_note *last;
    bool plain;
};

// A new variable with a gradient of zeros (none on a plain tape).
struct tape_var *tape_new(struct tape *t, size_t rows, size_t cols);
struct tape_note *tape_note(struct tape *t,
                            void (*back)(const struct tape_note *n, struct arena *scratch),
                            struct tape_var *y,
                            struct tape_var *x);

#endif
