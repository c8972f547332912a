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

static void add_bias(struct engine *e, const struct gguf_tensor *bias, const struct product *p)
{
    size_t width = range_n(p->rows);
    const float *add = engine_floats(e, bias);
    for (uint32_t t = 0; add && t < p->x.n; t++)
        kernels_add(p->y + t * width, add + p->rows.from, width);
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

// What stands between the projections of a layer's tokens and their attention.
struct place {
    struct engine *e;
    const struct batch *b;
    uint32_t layer;
    float *q, *k, *v;
    const float *q_norm, *k_norm; // of each head, or NULL
};

// The run that token t is in.
static uint32_t run_of(const struct batch *b, uint32_t t)
{
    uint32_t r = b->n_runs - 1;
    while (b->first[r] > t)
        r--;
    return r;
}

static void place_tokens(void *arg, uint32_t from, uint32_t to)
{
    const struct place *a = arg;
    const struct engine *e = a->e;
    const struct hyper *h = &e->m->h;
    size_t nq = range_n(e->heads), nk = range_n(e->kv_heads);
    for (uint32_t t = from; t < to; t++) {
        uint32_t position = a->b->position[t];
        float *q = a->q + t * nq * h->key, *k = a->k + t * nk * h->key;
        if (a->q_norm) {
            norm_heads(a->q_norm, q, nq, h->key, h->eps);
            norm_heads(a->k_norm, k, nk, h->key, h->eps);
        }
        for (size_t i = 0; i < nq; i++)
            rope_turn(&e->rope, position, q + i * h->key);
        for (size_t i = 0; i < nk; i++) {
            struct kv_place at = {a->b->runs[run_of(a->b, t)].sequence, a->layer, (uint32_t)i};
            rope_turn(&e->rope, position, k + i * h->key);
            kv_put(e->kv, at, position, k + i * h->key, a->v + (t * nk + i) * h->value);
        }
    }
}

// Every run, every head of ours.
struct attention {
    const struct engine *e;
    const struct batch *b;
    uint32_t layer, key, value;
    const float *q;
    float *out, *room;
    size_t room_each; // of a member
};

static struct attend one_of(const struct attention *a, uint32_t r, uint32_t i)
{
    const struct engine *e = a->e;
    const struct batch *b = a->b;
    size_t heads = range_n(e->heads), first = b->first[r];
    uint32_t per = e->m->h.n_heads / e->m->h.n_kv_heads;
    bool latent = e->m->arch->mla;
    uint32_t kv_head = latent ? 0 : (e->heads.from + i) / per - e->kv_heads.from;
    return (struct attend){
        .at = {b->runs[r].sequence, a->layer, kv_head},
        .n = b->runs[r].n,
        .position = b->runs[r].n ? b->position[first] : 0,
        .key = a->key,
        .value = a->value,
        .q = a->q + (first * heads + i) * a->key,
        .q_stride = heads * a->key,
        .out = a->out + (first * heads + i) * a->value,
        .out_stride = heads * a->value,
        .latent = latent,
    };
}

static void attend_part(void *arg, uint32_t part, uint32_t member)
{
    const struct attention *a = arg;
    uint32_t heads = (uint32_t)range_n(a->e->heads);
    struct attend one = one_of(a, part / heads, part % heads);
    if (one.n)
        engine_attend(a->e, &one, a->room + member * a->room_each);
}

static float *attend_all(struct engine *e, struct attention *a)
{
    size_t heads = range_n(e->heads);
    a->out = engine_matrix(e, a->b->n, heads * a->value);
    if (!heads)
        return a->out;
    for (uint32_t r = 0; r < a->b->n_runs; r++) {
        struct attend one = one_of(a, r, 0);
        size_t need = engine_attend_room(&one);
        a->room_each = need > a->room_each ? need : a->room_each;
    }
    a->room = engine_matrix(e, team_size(e->team), a->room_each);
    team_run(e->team, attend_part, a, a->b->n_runs * (uint32_t)heads);
    return a->out;
}

static float *
plain(struct engine *e, const struct batch *b, uint32_t layer, const struct operand *x)
{
    const struct hyper *h = &e->m->h;
    const struct layer *l = &e->m->layers[layer];
    struct product p[3] = {
        engine_part_of(e, l->q, 0, times(e->heads, h->key), x),
        engine_part_of(e, l->k, 0, times(e->kv_heads, h->key), x),
        engine_part_of(e, l->v, 0, times(e->kv_heads, h->value), x),
    };
    engine_products(e, p, 3);
    add_bias(e, l->q_bias, &p[0]);
    add_bias(e, l->k_bias, &p[1]);
    add_bias(e, l->v_bias, &p[2]);
    struct place a = {.e = e, .b = b, .layer = layer, .q = p[0].y, .k = p[1].y, .v = p[2].y};
    if (e->m->arch->qk_norm == ARCH_NORM_WHOLE)
        norm_whole(e, l, a.q, a.k, b->n);
    if (e->m->arch->qk_norm == ARCH_NORM_HEAD) {
        a.q_norm = engine_floats(e, l->q_norm);
        a.k_norm = engine_floats(e, l->k_norm);
    }
    engine_share(e, b->n, 4, place_tokens, &a);
    return attend_all(
        e, &(struct attention){
               .e = e, .b = b, .layer = layer, .key = h->key, .value = h->value, .q = a.q});
}

// One product a head, of its numbers from `at` on of rows of `width` a head.
static struct product *
by_head(struct engine *e, const struct gguf_tensor *w, const float *x, size_t width, uint32_t n)
{
    size_t heads = range_n(e->heads), n_in = w->dims[0];
    struct product *list = arena_room(e->step, heads * sizeof *list + 1);
    for (uint32_t i = 0; i < heads; i++) {
        float *in = engine_matrix(e, n, n_in);
        for (uint32_t t = 0; t < n; t++)
            memcpy(in + t * n_in, x + (t * heads + i) * width, n_in * sizeof *in);
        struct operand o = engine_operand(e, in, n_in, n);
        struct range rows = {0, (uint32_t)w->dims[1]};
        list[i] = engine_part_of(e, w, e->heads.from + i, rows, &o);
    }
    engine_products(e, list, (uint32_t)heads);
    return list;
}

// Per head: the query's unrotated part through k_b, then its rotated part.
static float *
latent_queries(struct engine *e, const struct batch *b, const struct layer *l, const float *q)
{
    const struct hyper *h = &e->m->h;
    size_t heads = range_n(e->heads), row = h->kv_rank + h->n_rot;
    float *out = engine_matrix(e, b->n, heads * row);
    struct arena_mark mark = arena_mark(e->step);
    const struct product *p = by_head(e, l->k_b, q, h->key, b->n);
    for (uint32_t i = 0; i < heads; i++)
        for (uint32_t t = 0; t < b->n; t++) {
            float *to = out + (t * heads + i) * row;
            memcpy(to, p[i].y + (size_t)t * h->kv_rank, h->kv_rank * sizeof *to);
            memcpy(to + h->kv_rank, q + (t * heads + i) * h->key + h->nope,
                   h->n_rot * sizeof *to);
        }
    arena_release(e->step, mark);
    return out;
}

// Per head: the weighted latent vectors through v_b.
static float *
latent_values(struct engine *e, const struct batch *b, const struct layer *l, const float *mix)
{
    const struct hyper *h = &e->m->h;
    size_t heads = range_n(e->heads);
    float *out = engine_matrix(e, b->n, heads * h->value);
    struct arena_mark mark = arena_mark(e->step);
    const struct product *p = by_head(e, l->v_b, mix, h->kv_rank, b->n);
    for (uint32_t i = 0; i < heads; i++)
        for (uint32_t t = 0; t < b->n; t++)
            memcpy(out + (t * heads + i) * h->value, p[i].y + (size_t)t * h->value,
                   h->value * sizeof *out);
    arena_release(e->step, mark);
    return out;
}

// The turned parts of all queries; the key and value of each token.
static void place_latent(void *arg, uint32_t from, uint32_t to)
{
    const struct place *a = arg;
    const struct engine *e = a->e;
    const struct hyper *h = &e->m->h;
    size_t nq = range_n(e->heads), row = h->kv_rank + h->n_rot;
    for (uint32_t t = from; t < to; t++) {
        uint32_t position = a->b->position[t];
        struct kv_place at = {a->b->runs[run_of(a->b, t)].sequence, a->layer, 0};
        float *c = a->k + t * row;
        for (size_t i = 0; i < nq; i++)
            rope_turn(&e->rope, position, a->q + (t * nq + i) * h->key + h->nope);
        norm_rms(c, a->k_norm, h->kv_rank, h->eps, c);
        rope_turn(&e->rope, position, c + h->kv_rank);
        kv_put(e->kv, at, position, c, NULL);
    }
}

static float *
latent(struct engine *e, const struct batch *b, uint32_t layer, const struct operand *x)
{
    const struct hyper *h = &e->m->h;
    const struct layer *l = &e->m->layers[layer];
    const struct gguf_tensor *wq = l->q;
    struct operand from = *x;
    if (h->q_rank) {
        float *a = engine_product(e, l->q_a, x);
        norm_heads(engine_floats(e, l->q_a_norm), a, b->n, h->q_rank, h->eps);
        from = engine_operand(e, a, h->q_rank, b->n);
        wq = l->q_b;
    }
    struct place a = {.e = e,
                      .b = b,
                      .layer = layer,
                      .q = engine_rows(e, wq, times(e->heads, h->key), &from),
                      .k = engine_product(e, l->kv_a, x),
                      .k_norm = engine_floats(e, l->kv_a_norm)};
    engine_share(e, b->n, 4, place_latent, &a);
    struct attention all = {.e = e,
                            .b = b,
                            .layer = layer,
                            .key = h->kv_rank + h->n_rot,
                            .value = h->kv_rank,
                            .q = latent_queries(e, b, l, a.q)};
    return latent_values(e, b, l, attend_all(e, &all));
}

void engine_attention(struct engine *e, struct batch *b, uint32_t layer)
{
    const struct hyper *h = &e->m->h;
    const struct layer *l = &e->m->layers[layer];
    struct operand x = engine_operand(e, engine_normed(e, b, l->attn_norm), h->d, b->n);
    float *mix = e->m->arch->mla ? latent(e, b, layer, &x) : plain(e, b, layer, &x);
    if (!e->replicate)
        mix = engine_gather(e, mix, b->n, h->n_heads, h->value);
    struct operand o = engine_operand(e, mix, (size_t)h->n_heads * h->value, b->n);
    kernels_add(b->h, engine_product(e, l->o, &o), (size_t)b->n * h->d);
}
