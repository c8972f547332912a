// SPDX-License-Identifier: MIT
// sample.h - from a row of logits to the next token.
//
// In this order: the repetition penalty (Keskar et al., "CTRL", 2019: logits of
// tokens seen so far are divided by it, or multiplied when negative), the
// temperature, top-k, top-p (Holtzman et al., "The curious case of neural text
// degeneration", 2020: the fewest of the likeliest tokens that have so much of
// the probability together), min-p (tokens at least so likely beside the
// likeliest).  Temperature 0 takes the largest logit.  Ties go to the lower id.
//
// The draw is Philox by address (draw 0, entity: position, stream, item) under the job's
// seed, so that a token depends on its sequence alone and on no other draw.
//
// Ownership  A sampler keeps scratch memory; its creator destroys it.
// Threads    Confined to the holder's thread.

#ifndef WORKER_EXPERTS_SAMPLE_H
#define WORKER_EXPERTS_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/value.h"

struct sample_options {
    double temperature;        // 0: greedy
    double top_p;              // 0 to 1; 1: all
    double min_p;              // 0 to 1; 0: all
    double repetition_penalty; // above 0; 1: none
    uint32_t top_k;            // 0: all
};

// A map of the names above, all optional (NULL or null: greedy).  ERR_INVALID
// with a line that names the key.
MUST_CHECK enum error
sample_read(const struct value *map, struct sample_options *out, struct errtext *t);

struct sampler;

struct sampler *sampler_create(uint32_t n_vocab);
void sampler_destroy(struct sampler *s); // NULL is fine

// The sequence so far, and where in [0, 1) the draw fell.
struct sample_context {
    const int32_t *seen; // each below n_vocab
    size_t n_seen;
    double draw;
};

// logits[n_vocab]; one that is NaN is never taken while another is not.
int32_t sampler_pick(struct sampler *s,
                     const struct sample_options *o,
                     const float *logits,
                     const struct sample_context *c);

double sample_draw(uint64_t seed, uint64_t item, uint32_t position);

// ln of the sum of e^logit: a logit minus it is the token's log-probability.
double sample_log_sum(const float *logits, uint32_t n);
// The n likeliest tokens, best first.
void sampler_top(struct sampler *s, const float *logits, uint32_t n, int32_t *ids);

#endif
