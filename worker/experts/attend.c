// SPDX-License-Identifier: MIT
// attend.c - blocked attention with online softmax.
//
// The canonical order: blocks of KV_PAGE positions ascend; within one, scores are
// dots, the new maximum is taken, sum and result are scaled by e^(old - new), the
// block's weights are summed in 16 lanes, its values added one position after the
// other by a fused multiply-add.  A query sees nothing of its neighbours.
#include <math.h>
#include <string.h>

#include "worker/experts/engine_state.h"
#include "worker/tensor/curves.h"
#include "worker/tensor/kernels.h"

struct softmax {
    float most, sum;
    float *out;
};

// `score` is of the first n positions of the block, those that this query sees.
static void add_block(
    struct softmax *s, const struct attend *a, const float *values, float *score, uint32_t n)
{
    size_t stride = a->latent ? a->key : a->value;
    float most = s->most;
    for (uint32_t i = 0; i < n; i++)
        most = score[i] > most ? score[i] : most;
    float shrink = curves_exp(s->most - most);
    s->sum = s->sum * shrink + curves_exp_from(score, score, most, n);
    s->most = most;
    kernels_mix(&(struct kernels_mix){.y = s->out,
                                      .shrink = shrink,
                                      .w = score,
                                      .rows = values,
                                      .stride = stride,
                                      .n = n,
                                      .width = a->value});
}

static void score_block(const struct attend *a,
                        uint32_t first,
                        uint32_t n,
                        const float *keys,
                        float scale,
                        float *scores)
{
    for (uint32_t i = first; i < a->n; i++)
        kernels_dots(a->q + i * a->q_stride, keys, a->key, n, a->key, scores + i * KV_PAGE);
    kernels_scale(scores + (size_t)first * KV_PAGE, scale, (size_t)(a->n - first) * KV_PAGE);
}

size_t engine_attend_room(const struct attend *a)
{
    size_t n = (size_t)KV_PAGE * (a->key + a->value + a->n)
               + a->n * sizeof(struct softmax) / sizeof(float);
    return (n + 15) / 16 * 16; // rooms side by side are aligned
}

void engine_attend(const struct engine *e, const struct attend *a, float *room)
{
    uint32_t end = a->position + a->n;
    struct softmax *state = (void *)room;
    float *scores = room + a->n * sizeof *state / sizeof *room;
    float *rows_room = scores + (size_t)a->n * KV_PAGE;

    for (uint32_t i = 0; i < a->n; i++) {
        state[i] = (struct softmax){.most = -INFINITY, .out = a->out + i * a->out_stride};
        memset(state[i].out, 0, a->value * sizeof *a->out);
    }
    for (uint32_t from = 0; from < end; from += KV_PAGE) {
        uint32_t n = end - from < KV_PAGE ? end - from : KV_PAGE;
        uint32_t first = from > a->position ? from - a->position : 0;
        struct kv_rows rows = kv_get(e->kv, a->at, from / KV_PAGE, n, rows_room);
        score_block(a, first, n, rows.keys, e->score_scale, scores);
        for (uint32_t i = first; i < a->n; i++) {
            uint32_t seen = a->position + i + 1 - from;
            add_block(&state[i], a, rows.values, scores + (size_t)i * KV_PAGE,
                      seen < n ? seen : n);
        }
    }
    for (uint32_t i = 0; i < a->n; i++)
        kernels_scale(state[i].out, 1 / state[i].sum, a->value);
}
