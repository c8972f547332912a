// SPDX-License-Identifier: MIT
// rope.h - rotary positions, plain, stretched evenly or as YaRN does (Peng et al. 2023).
//
// Angles, cosines and sines in double by common/math, rounded to float once.
//
// Ownership  In the caller's storage; fini frees the table.
// Threads    Confined to the owner's thread.

#ifndef WORKER_EXPERTS_ROPE_H
#define WORKER_EXPERTS_ROPE_H

#include <stdint.h>

#include "worker/experts/model.h"

struct rope {
    enum arch_pairs pairs;
    uint32_t n;        // rotated numbers
    double gain;       // of cosines and sines
    double *frequency; // [n / 2]
    float *table;      // [n_positions][n / 2] cosine, sine
    uint32_t n_positions;
};

// `divisors` [n / 2]: what frequencies are divided by, or NULL.
void rope_init(struct rope *r, const struct model *m, const float *divisors);
void rope_fini(struct rope *r);
void rope_reach(struct rope *r, uint32_t n_positions); // before positions below it are turned
void rope_turn(const struct rope *r, uint32_t position, float *x); // n numbers
// What attention scores are multiplied with.
float rope_score_scale(const struct model *m);

#endif
