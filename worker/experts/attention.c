// SPDX-License-Identifier: MIT
// attention.c - queries, keys and values of a layer's tokens, plain or latent.
//
// A rank makes its query heads and the key heads that they look at; where ranks
// share a key head, each makes it for itself.
#include <string.h>

#include "worker/experts/engine_state.h"
#include "worker/experts/norm.h"
#include "worker/tensor/kernels.h"

static struct range times(struct range r, uint32_t unit)
{
    return (struct range){r.from * unit, r.to * unit};
}

// Rows of the heads in `heads`, with bias.
static float *project(struct engine *e,
                      const struct gguf_tensor *w,
                      const struct gguf_tensor *bias,
                      struct range rows,
                      const float *x,
                      uint32_t n)
{
    float *y = engine_rows(e, w, 0, rows, x, n);
    const float *add = engine_floats(e, bias);
    for (uint32_t t = 0; add && t < n; t++)
        kernels_add(y + t * range_n(rows), add + rows.from, range_n(rows));
    return y;
}

static void norm_heads(const float *w, float *x, size_t n, uint32_t key, float eps)
{
    for (size_t i = 0; i < n; i++)
        norm_rms(x + i * key, w, key, eps, x + i * key);
}

static float squares_of(const float *x, uint32_t n)
{
    return kernels_dot(x, x, n);
}

// Sums of squares per query head, and of the key head it looks at, side by side.
static float *
head_squares(struct engine *e, const float *q, const float *k, uint32_t n, uint32_t per)
{
    uint32_t key = e->m->h.key;
    size_t nq = range_n(e->heads), nk = range_n(e->kv_heads);
    float *s = engine_matrix(e, n, 2 * nq);
    for (uint32_t t = 0; t < n; t++)
        for (uint32_t i = 0; i < nq; i++) {
            uint32_t head = (e->heads.from + i) / per - e->kv_heads.from;
            float *at = s + 2 * (t * nq + i);
            at[0] = squares_of(q + (t * nq + i) * key, key);
            at[1] = squares_of(k + (t * nk + head) * key, key);
        }
    return e->replicate ? s : engine_gather(e, s, n, e->m->h.n_heads, 2);
}

// One norm over all heads of a token: the heads' sums of squares are added in
// ascending order, whoever made them.
static void norm_whole(struct engine *e, const struct layer *l, float *q, float *k, uint32_t n)
{
    const struct hyper *h = &e->m->h;
    uint32_t per = h->n_heads / h->n_kv_heads;
    size_t nq = range_n(e->heads) * h->key, nk = range_n(e->kv_heads) * h->key;
    const float *squares = head_squares(e, q, k, n, per);
    const float *wq = engine_floats(e, l->q_norm), *wk = engine_floats(e, l->k_norm);
    for (uint32_t t = 0; t < n; t++) {
        float sq = 0, sk = 0;
        for (uint32_t i = 0; i < h->n_heads; i++) {
            const float *s = squares + 2 * ((size_t)t * h->n_heads + i);
            sq += s[0];
            sk += i % per ? 0 : s[1];
        }
        float fq = norm_factor(sq, (size_t)h->n_heads * h->key, h->eps);
        float fk = norm_factor(sk, (size_t)h->n_kv_heads * h->key, h->eps);
        norm_apply(q + t * nq, wq + (size_t)e->heads.from * h->key, nq, fq, q + t * nq);
        norm_apply(k + t * nk, wk + (size_t)e->kv_heads.from * h->key, nk, fk, k + t * nk);
    }
}

static void
turn_heads(struct engine *e, const struct batch *b, float *x, size_t heads, size_t offset)
{
    for (uint32_t t = 0; t < b->n; t++)
        for (size_t i = 0; i < heads; i++)
            rope_turn(&e->rope, b->position[t], x + (t * heads + i) * e->m->h.key + offset);
}

static void store(struct engine *e,
                  const struct batch *b,
                  uint32_t layer,
                  const float *k,
                  const float *v,
                  struct range widths)
{
    size_t heads = e->m->arch->mla ? 1 : range_n(e->kv_heads);
    for (uint32_t r = 0; r < b->n_runs; r++)
        for (uint32_t i = 0; i < b->runs[r].n; i++)
            for (uint32_t head = 0; head < heads; head++) {
                struct kv_place at = {b->runs[r].sequence, layer, head};
                size_t row = (b->first[r] + i) * heads + head;
                kv_put(e->kv, at, b->position[b->first[r] + i], k + row * widths.from,
                       v ? v + row * widths.to : NULL);
            }
}

// Every run, every head of ours.
static float *attend_all(struct engine *e,
                         const struct batch *b,
                         uint32_t layer,
                         const float *q,
                         uint32_t key,
                         uint32_t value)
{
    const struct hyper *h = &e->m->h;
    size_t heads = range_n(e->heads);
    bool latent = e->m->arch->mla;
    uint32_t per = h->n_heads / h->n_kv_heads;
    float *out = engine_matrix(e, b->n, heads * value);
    for (uint32_t r = 0; r < b->n_runs; r++)
        for (uint32_t i = 0; i < heads && b->runs[r].n; i++) {
            uint32_t kv_head = latent ? 0 : (e->heads.from + i) / per - e->kv_heads.from;
            uint32_t first = b->first[r];
            struct attend a = {
                .at = {b->runs[r].sequence, layer, kv_head},
                .n = b->runs[r].n,
                .position = b->position[first],
                .key = key,
                .value = value,
                .q = q + (first * heads + i) * key,
                .q_stride = heads * key,
                .out = out + (first * heads + i) * value,
                .out_stride = heads * value,
                .latent = latent,
            };
            engine_attend(e, &a);
        }
    return out;
}

static float *plain(struct engine *e, const struct batch *b, uint32_t layer, const float *x)
{
    const struct hyper *h = &e->m->h;
    const struct layer *l = &e->m->layers[layer];
    size_t nq = range_n(e->heads), nk = range_n(e->kv_heads);
    float *q = project(e, l->q, l->q_bias, times(e->heads, h->key), x, b->n);
    float *k = project(e, l->k, l->k_bias, times(e->kv_heads, h->key), x, b->n);
    float *v = project(e, l->v, l->v_bias, times(e->kv_heads, h->value), x, b->n);
    if (e->m->arch->qk_norm == ARCH_NORM_WHOLE)
        norm_whole(e, l, q, k, b->n);
    if (e->m->arch->qk_norm == ARCH_NORM_HEAD) {
        norm_heads(engine_floats(e, l->q_norm), q, b->n * nq, h->key, h->eps);
        norm_heads(engine_floats(e, l->k_norm), k, b->n * nk, h->key, h->eps);
    }
    turn_heads(e, b, q, nq, 0);
    turn_heads(e, b, k, nk, 0);
    store(e, b, layer, k, v, (struct range){h->key, h->value});
    return attend_all(e, b, layer, q, h->key, h->value);
}

// Per head: the query's unrotated part through k_b, then its rotated part.
static float *
latent_queries(struct engine *e, const struct batch *b, const struct layer *l, const float *q)
{
    const struct hyper *h = &e->m->h;
    size_t heads = range_n(e->heads), row = h->kv_rank + h->n_rot;
    float *out = engine_matrix(e, b->n, heads * row);
    for (uint32_t i = 0; i < heads; i++) {
        struct arena_mark mark = arena_mark(e->step);
        float *nope = engine_matrix(e, b->n, h->nope);
        for (uint32_t t = 0; t < b->n; t++)
            memcpy(nope + (size_t)t * h->nope, q + (t * heads + i) * h->key,
                   h->nope * sizeof *nope);
        struct range all = {0, h->kv_rank};
        const float *y = engine_rows(e, l->k_b, e->heads.from + i, all, nope, b->n);
        for (uint32_t t = 0; t < b->n; t++) {
            float *to = out + (t * heads + i) * row;
            memcpy(to, y + (size_t)t * h->kv_rank, h->kv_rank * sizeof *to);
            memcpy(to + h->kv_rank, q + (t * heads + i) * h->key + h->nope,
                   h->n_rot * sizeof *to);
        }
        arena_release(e->step, mark);
    }
    return out;
}

// Per head: the weighted latent vectors through v_b.
static float *
latent_values(struct engine *e, const struct batch *b, const struct layer *l, const float *mix)
{
    const struct hyper *h = &e->m->h;
    size_t heads = range_n(e->heads);
    float *out = engine_matrix(e, b->n, heads * h->value);
    for (uint32_t i = 0; i < heads; i++) {
        struct arena_mark mark = arena_mark(e->step);
        float *c = engine_matrix(e, b->n, h->kv_rank);
        for (uint32_t t = 0; t < b->n; t++)
            memcpy(c + (size_t)t * h->kv_rank, mix + (t * heads + i) * h->kv_rank,
                   h->kv_rank * sizeof *c);
        struct range all = {0, h->value};
        const float *y = engine_rows(e, l->v_b, e->heads.from + i, all, c, b->n);
        for (uint32_t t = 0; t < b->n; t++)
            memcpy(out + (t * heads + i) * h->value, y + (size_t)t * h->value,
                   h->value * sizeof *out);
        arena_release(e->step, mark);
    }
    return out;
}

static float *latent(struct engine *e, const struct batch *b, uint32_t layer, const float *x)
{
    const struct hyper *h = &e->m->h;
    const struct layer *l = &e->m->layers[layer];
    uint32_t row = h->kv_rank + h->n_rot;
    const struct gguf_tensor *wq = l->q;
    const float *from = x;
    if (h->q_rank) {
        float *a = engine_product(e, l->q_a, x, b->n);
        norm_heads(engine_floats(e, l->q_a_norm), a, b->n, h->q_rank, h->eps);
        from = a;
        wq = l->q_b;
    }
    float *q = engine_rows(e, wq, 0, times(e->heads, h->key), from, b->n);
    turn_heads(e, b, q, range_n(e->heads), h->nope);
    float *c = engine_product(e, l->kv_a, x, b->n);
    const float *w = engine_floats(e, l->kv_a_norm);
    for (uint32_t t = 0; t < b->n; t++) {
        float *at = c + (size_t)t * row;
        norm_rms(at, w, h->kv_rank, h->eps, at);
        rope_turn(&e->rope, b->position[t], at + h->kv_rank);
    }
    store(e, b, layer, c, NULL, (struct range){row, 0});
    q = latent_queries(e, b, l, q);
    return latent_values(e, b, l, attend_all(e, b, layer, q, row, h->kv_rank));
}

void engine_attention(struct engine *e, struct batch *b, uint32_t layer)
{
    const struct hyper *h = &e->m->h;
    const struct layer *l = &e->m->layers[layer];
    float *x = engine_normed(e, b, l->attn_norm);
    float *mix = e->m->arch->mla ? latent(e, b, layer, x) : plain(e, b, layer, x);
    if (!e->replicate)
        mix = engine_gather(e, mix, b->n, h->n_heads, h->value);
    kernels_add(b->h, engine_product(e, l->o, mix, b->n), (size_t)b->n * h->d);
}
