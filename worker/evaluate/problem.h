// SPDX-License-Identifier: MIT
// problem.h - problems that a program of the user's answers, and how an answer is judged.
//
// A problem is read from data, written as plain text for the program (whole numbers and
// decimals, separated by blanks and line ends, so that scanf reads it), and judges one
// answer for each of its instances.  A judge takes nothing on trust.  One file and one
// row of judge.c's table each.
//
// Ownership  What read() makes lives in the arena.
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_PROBLEM_H
#define WORKER_EVALUATE_PROBLEM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "common/value.h"

struct problem {
    const char *name;
    bool less_is_better;
    // ERR_INVALID, ERR_LIMIT with the place.
    enum error (*read)(const struct value *data,
                       struct arena *a,
                       void **state,
                       uint32_t *n,
                       struct errtext *t);
    void (*print)(const void *state, struct buf *out); // all instances
    // ERR_INVALID: the answer to instance i is none, and why.
    enum error (*judge)(const void *state,
                        uint32_t i,
                        const struct value *answer,
                        struct arena *scratch,
                        double *value,
                        struct errtext *t);
};

extern const struct problem problem_eplb;
extern const struct problem problem_prism;
extern const struct problem problem_txn;

#endif
