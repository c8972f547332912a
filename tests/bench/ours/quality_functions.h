// SPDX-License-Identifier: MIT
// quality_functions.h - the functions of the optimiser fixtures as jobs.
//
// Ownership  What is made lives in the given arena.
// Threads    One.

#ifndef TESTS_BENCH_OURS_QUALITY_FUNCTIONS_H
#define TESTS_BENCH_OURS_QUALITY_FUNCTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/value.h"

struct quality_function {
    const char *name; // in baselines.json
    const char *body; // space and objectives
    const char *const *metrics;
    uint32_t n_metrics;
    const double *reference; // of the hypervolume; NULL: one objective
    void *ctx;               // for quality_evaluate
};

// The i-th of one objective, of several; false: there are no more.
bool quality_function_at(uint32_t i, struct quality_function *q, struct arena *a);
bool quality_front_at(uint32_t i, struct quality_function *q, struct arena *a);
bool quality_evaluate(void *ctx, const struct value *params, double *y);

#endif
