// SPDX-License-Identifier: MIT
#include "worker/experts/rope.h"

#include <math.h>

#include "common/math.h"
#include "common/mem.h"

#define PI 0x1.921fb54442d18p+1

// The pair that turns `turns` times within YaRN's original context.
static double pair_of(const struct hyper *h, double turns)
{
    return h->n_rot * math_log(h->yarn_context / (2 * PI * turns))
           / (2 * math_log(h->rope_base));
}

// 1 where a pair keeps its frequency, 0 where positions are squeezed.
static double kept(const struct hyper *h, uint32_t i)
{
    double low = fmax(0, floor(pair_of(h, h->yarn_fast)));
    double high = fmin(h->n_rot - 1, ceil(pair_of(h, h->yarn_slow)));
    double at = (i - low) / fmax(0.001, high - low);
    return 1 - fmin(1, fmax(0, at));
}

void rope_init(struct rope *r, const struct model *m, const float *divisors)
{
    const struct hyper *h = &m->h;
    *r = (struct rope){.pairs = m->arch->pairs, .n = h->n_rot, .gain = h->rope_gain};
    r->frequency = mem_alloc(r->n / 2 * sizeof *r->frequency);
    for (uint32_t i = 0; i < r->n / 2; i++) {
        double f = math_pow(h->rope_base, -2.0 * i / h->n_rot);
        if (divisors)
            f /= (double)divisors[i];
        double keep = h->yarn && h->rope_factor > 1 ? kept(h, i) : 0;
        f *= (1 - keep) / h->rope_factor + keep;
        r->frequency[i] = f;
    }
}

void rope_fini(struct rope *r)
{
    mem_free(r->frequency);
    mem_free(r->table);
}

void rope_reach(struct rope *r, uint32_t n_positions)
{
    uint32_t half = r->n / 2, from = r->n_positions;
    if (n_positions <= from)
        return;
    uint32_t to = n_positions > 2 * from ? n_positions : 2 * from;
    r->table = mem_realloc(r->table, (size_t)to * r->n * sizeof *r->table);
    for (uint32_t p = from; p < to; p++)
        for (uint32_t i = 0; i < half; i++) {
            float *t = r->table + (size_t)p * r->n + 2 * (size_t)i;
            t[0] = (float)(r->gain * math_cos(p * r->frequency[i]));
            t[1] = (float)(r->gain * math_sin(p * r->frequency[i]));
        }
    r->n_positions = to;
}

void rope_turn(const struct rope *r, uint32_t position, float *x)
{
    const float *t = r->table + (size_t)position * r->n;
    uint32_t half = r->n / 2;
    for (uint32_t i = 0; i < half; i++) {
        uint32_t a = r->pairs == ARCH_NEIGHBOURS ? 2 * i : i;
        uint32_t b = r->pairs == ARCH_NEIGHBOURS ? 2 * i + 1 : i + half;
        float u = x[a], v = x[b], c = t[2 * (size_t)i], s = t[2 * (size_t)i + 1];
        x[a] = u * c - v * s;
        x[b] = u * s + v * c;
    }
}

float rope_score_scale(const struct model *m)
{
    const struct hyper *h = &m->h;
    bool scaled = h->yarn && m->arch->mla;
    double stretch = scaled ? 1 + h->yarn_log_multiplier * math_log(h->rope_factor) : 1;
    return (float)(stretch * stretch / math_sqrt(h->key));
}
