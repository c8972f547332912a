// SPDX-License-Identifier: MIT
// dense_attention.h - multi-head attention of short sequences; a part of dense_body.h.
//
// Queries lie in lanes, so that softmax's sums are ascending chains over the keys and
// never cross lanes.  Queries are padded to whole lanes; what stands in the padding is
// computed and dropped.
//
// Threads    Any; pure.

#ifndef WORKER_TENSOR_DENSE_ATTENTION_H
#define WORKER_TENSOR_DENSE_ATTENTION_H

#include "worker/tensor/dense_curves.h"
#include "worker/tensor/dense_matrix.h"

#define HIDDEN (-1e30F) // a score that leaves e^score = 0 beside any other

// 16 queries of one head of one sequence: the first is i0.
struct attention_head {
    const float *q, *k, *v;
    float *p;      // [n_k][lanes of n_q], at i0
    size_t n, row; // queries here; floats from key to key in p
    const uint8_t *mask;
};

static struct attention_head
head_at(const struct dense_attention *a, size_t b, size_t head, size_t i0)
{
    size_t row = dense_lanes(a->n_q), column = head * a->size;
    return (struct attention_head){
        .q = a->q + (b * a->n_q + i0) * a->q_stride + column,
        .k = a->k + b * a->n_k * a->k_stride + column,
        .v = a->v + b * a->n_k * a->v_stride + column,
        .p = a->p + (b * a->heads + head) * a->n_k * row + i0,
        .n = a->n_q - i0 < DENSE_LANES ? a->n_q - i0 : DENSE_LANES,
        .row = row,
        .mask = a->mask ? a->mask + b * a->n_k : NULL,
    };
}

// Columns of up to 16 rows into lanes; the rest of a lane is 0.
static void
to_lanes(float to[][DENSE_LANES], const float *x, size_t stride, size_t n, size_t size)
{
    if (n < DENSE_LANES)
        memset(to, 0, size * sizeof *to);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < size; c++)
            to[c][i] = x[i * stride + c];
}

// All lanes as vectors, which the compiler does not make of an array by itself.
enum { PARTS = DENSE_LANES / LANES };
#define EACH_PART _Pragma("GCC unroll 16") for (size_t u = 0; u < PARTS; u++)

// acc = fma(x[row][lane], y[row], acc), row after row, of both so many floats on.
ALWAYS void
lanes_chain(vf *acc, const float *x, size_t x_step, const float *y, size_t y_step, size_t rows)
{
    for (; rows > 0; rows--, x += x_step, y += y_step) {
        vf by = vf_of(*y);
        EACH_PART acc[u] = vf_fma(vf_load(x + u * LANES), by, acc[u]);
    }
}

static void
scores(const struct dense_attention *a, const struct attention_head *h, float q[][DENSE_LANES])
{
    for (size_t j = 0; j < a->n_k; j++) {
        vf s[PARTS];
        float *p = h->p + j * h->row;
        bool hides = h->mask && !h->mask[j];
        EACH_PART s[u] = vf_of(0);
        lanes_chain(s, q[0], DENSE_LANES, h->k + j * a->k_stride, 1, a->size);
        EACH_PART
        {
            vf score = s[u] * vf_of(a->scale);
            if (hides)
                score = vf_of(HIDDEN);
            vf_store(p + u * LANES, score);
        }
    }
}

static void softmax(const struct dense_attention *a, const struct attention_head *h)
{
    float most[DENSE_LANES];
    vf sum[PARTS];
    memcpy(most, h->p, sizeof most);
    for (size_t j = 1; j < a->n_k; j++)
        for (size_t i = 0; i < DENSE_LANES; i++) {
            float s = h->p[j * h->row + i];
            most[i] = most[i] < s ? s : most[i];
        }
    for (size_t j = 0; j < a->n_k; j++) {
        float *p = h->p + j * h->row;
        for (size_t i = 0; i < DENSE_LANES; i++)
            p[i] = exp_one(p[i] - most[i]);
    }
    EACH_PART sum[u] = vf_of(0);
    for (size_t j = 0; j < a->n_k; j++)
        EACH_PART sum[u] = sum[u] + vf_load(h->p + j * h->row + u * LANES);
    for (size_t j = 0; j < a->n_k; j++) {
        float *p = h->p + j * h->row;
        EACH_PART vf_store(p + u * LANES, vf_load(p + u * LANES) / sum[u]);
    }
}

static void mixed(const struct dense_attention *a, const struct attention_head *h, float *y)
{
    float out[DENSE_HEAD_MAX][DENSE_LANES];
    for (size_t c = 0; c < a->size; c++) {
        vf o[PARTS];
        EACH_PART o[u] = vf_of(0);
        lanes_chain(o, h->p, h->row, h->v + c, a->v_stride, a->n_k);
        EACH_PART vf_store(out[c] + u * LANES, o[u]);
    }
    for (size_t i = 0; i < h->n; i++)
        for (size_t c = 0; c < a->size; c++)
            y[i * a->y_stride + c] = out[c][i];
}

static void attention(const struct dense_attention *a)
{
    float q[DENSE_HEAD_MAX][DENSE_LANES];
    for (size_t b = 0; b < a->n_batch; b++)
        for (size_t head = 0; head < a->heads; head++)
            for (size_t i0 = 0; i0 < a->n_q; i0 += DENSE_LANES) {
                struct attention_head h = head_at(a, b, head, i0);
                to_lanes(q, h.q, a->q_stride, h.n, a->size);
                scores(a, &h, q);
                softmax(a, &h);
                mixed(a, &h, a->y + (b * a->n_q + i0) * a->y_stride + head * a->size);
            }
}

// y[c] = fma(x, r[c], y[c])
ALWAYS void add_row(float *restrict y, float x, const float *restrict r, size_t n)
{
    for (size_t c = 0; c < n; c++)
        y[c] = fused(x, r[c], y[c]);
}

// Of 16 queries: with P = softmax(S), O = P V:  dV = P^T dO, dP = dO V^T,
// dS = P (dP - sum_j P dP) scale, dQ = dS K, dK = dS^T Q.
struct back {
    const float *dy;
    float *dq, *dk, *dv;
    float d[DENSE_HEAD_MAX][DENSE_LANES]; // dO, then dQ, in lanes
    float sum[DENSE_LANES];
};

// Two sweeps over the keys: the first for the sum, with dV; the second makes dS.
static void head_back(const struct dense_attention *a,
                      const struct attention_head *h,
                      struct back *b,
                      float *ds)
{
    to_lanes(b->d, b->dy, a->y_stride, h->n, a->size);
    memset(b->sum, 0, sizeof b->sum);
    for (size_t j = 0; j < a->n_k; j++) {
        const float *p = h->p + j * h->row, *v = h->v + j * a->v_stride;
        vf dp[PARTS];
        EACH_PART dp[u] = vf_of(0);
        lanes_chain(dp, b->d[0], DENSE_LANES, v, 1, a->size);
        EACH_PART
        {
            float *sum = b->sum + u * LANES;
            vf_store(sum, vf_fma(vf_load(p + u * LANES), dp[u], vf_load(sum)));
            vf_store(ds + j * DENSE_LANES + u * LANES, dp[u]);
        }
        for (size_t i = 0; i < h->n; i++)
            add_row(b->dv + j * a->v_stride, p[i], b->dy + i * a->y_stride, a->size);
    }
    for (size_t j = 0; j < a->n_k; j++) {
        const float *p = h->p + j * h->row;
        float *s = ds + j * DENSE_LANES;
        for (size_t i = 0; i < DENSE_LANES; i++)
            s[i] = p[i] * (s[i] - b->sum[i]) * a->scale;
        for (size_t i = 0; i < h->n; i++)
            add_row(b->dk + j * a->k_stride, s[i], h->q + i * a->q_stride, a->size);
        for (size_t i = 0; i < h->n; i++)
            add_row(b->dq + i * a->q_stride, s[i], h->k + j * a->k_stride, a->size);
    }
}

static void attention_back(const struct dense_attention *a,
                           const struct dense_attention_grad *g)
{
    enum { KEYS_MAX = 1024 }; // tape_attention's limit
    static _Thread_local float ds[KEYS_MAX * DENSE_LANES];
    static _Thread_local struct back b;
    for (size_t n = 0; n < a->n_batch; n++)
        for (size_t head = 0; head < a->heads; head++)
            for (size_t i0 = 0; i0 < a->n_q; i0 += DENSE_LANES) {
                struct attention_head h = head_at(a, n, head, i0);
                size_t column = head * a->size;
                b.dy = g->dy + (n * a->n_q + i0) * a->y_stride + column;
                b.dq = g->dq + (n * a->n_q + i0) * a->q_stride + column;
                b.dk = g->dk + n * a->n_k * a->k_stride + column;
                b.dv = g->dv + n * a->n_k * a->v_stride + column;
                head_back(a, &h, &b, ds);
            }
}

#endif
