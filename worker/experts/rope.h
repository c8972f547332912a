// SPDX-License-Identifier: MIT
// rope.h - rotary positions, with YaRN's stretching.
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
    double *frequency; // [n / 2]
    float *table;      // [n_positions][n / 2] cosine, sine
    uint32_t n_positions;
};

void rope_init(struct rope *r, const struct model *m);
void rope_fini(struct rope *r);
void rope_reach(struct rope *r, uint32_t n_positions); // before positions below it are turned
void rope_turn(const struct rope *r, uint32_t position, float *x); // n numbers
// What attention scores are multiplied with.
float rope_score_scale(const struct model *m);

#endif
