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

// What stands between the projections of a layer's tokens and their attention.
struct place {
    struct engine *e;
    const struct batch *b;
    uint32_t layer;
    float *q, *k, *v;
    const float *q_norm, *k_norm; // of each head, or of all of them; NULL: none
    const float *factors;         // [n][2] of all heads of q, of k; NULL: each head its own
    float *squares;               // [n][heads][2]
};

static uint32_t key_head_of(const struct engine *e, uint32_t i)
{
    return (e->heads.from + i) / (e->m->h.n_heads / e->m->h.n_kv_heads) - e->kv_heads.from;
}

// Sums of squares per query head, and of the key head it looks at, side by side.
static void square_tokens(void *arg, uint32_t from, uint32_t to)
{
    const struct place *a = arg;
    uint32_t key = a->e->m->h.key;
    size_t nq = range_n(a->e->heads), nk = range_n(a->e->kv_heads);
    for (uint32_t t = from; t < to; t++)
        for (uint32_t i = 0; i < nq; i++) {
            float *at = a->squares + 2 * (t * nq + i);
            at[0] = squares_of(a->q + (t * nq + i) * key, key);
            at[1] = squares_of(a->k + (t * nk + key_head_of(a->e, i)) * key, key);
        }
}

// One norm over all heads of a token: the heads' sums of squares are added in
// ascending order, whoever made them.
static const float *whole_factors(struct place *a)
{
    struct engine *e = a->e;
    const struct hyper *h = &e->m->h;
    uint32_t n = a->b->n, per = h->n_heads / h->n_kv_heads;
    a->squares = engine_matrix(e, n, 2 * range_n(e->heads));
    engine_share(e, n, 8, square_tokens, a);
    const float *s = e->replicate ? a->squares : engine_gather(e, a->squares, n, h->n_heads, 2);
    float *factors = engine_matrix(e, n, 2);
    for (uint32_t t = 0; t < n; t++) {
        float sq = 0, sk = 0;
        for (uint32_t i = 0; i < h->n_heads; i++, s += 2) {
            sq += s[0];
            sk += i % per ? 0 : s[1];
        }
        factors[2 * t] = norm_factor(sq, (size_t)h->n_heads * h->key, h->eps);
        factors[2 * t + 1] = norm_factor(sk, (size_t)h->n_kv_heads * h->key, h->eps);
    }
    return factors;
}

// The run that token t is in.
static uint32_t run_of(const struct batch *b, uint32_t t)
{
    uint32_t r = b->n_runs - 1;
    while (b->first[r] > t)
        r--;
    return r;
}

// Norms of some of our heads of token t: x is the first's, `all` their place among all
// heads' weights.
static void
norm_some(const struct place *a, float *x, size_t n, uint32_t all, float factor, bool of_q)
{
    const struct hyper *h = &a->e->m->h;
    const float *w = of_q ? a->q_norm : a->k_norm;
    if (a->factors)
        norm_apply(x, w + (size_t)all * h->key, n * h->key, factor, x);
    else if (w)
        norm_heads(w, x, n, h->key, h->eps);
}

// Some of our heads of token t: queries `qs`, keys and values `ks`.
static void place_heads(const struct place *a, uint32_t t, struct range qs, struct range ks)
{
    const struct engine *e = a->e;
    const struct hyper *h = &e->m->h;
    uint32_t position = a->b->position[t];
    float *q = a->q + t * range_n(e->heads) * h->key,
          *k = a->k + t * range_n(e->kv_heads) * h->key;
    const float *v = a->v + t * range_n(e->kv_heads) * h->value;
    const float none[2] = {0, 0}, *f = a->factors ? a->factors + 2 * (size_t)t : none;
    norm_some(a, q + qs.from * h->key, range_n(qs), e->heads.from + qs.from, f[0], true);
    norm_some(a, k + ks.from * h->key, range_n(ks), e->kv_heads.from + ks.from, f[1], false);
    for (uint32_t i = qs.from; i < qs.to; i++)
        rope_turn(&e->rope, position, q + i * h->key);
    for (uint32_t i = ks.from; i < ks.to; i++) {
        struct kv_place at = {a->b->runs[run_of(a->b, t)].sequence, a->layer, i};
        rope_turn(&e->rope, position, k + i * h->key);
        kv_put(e->kv, at, position, k + i * h->key, v + i * h->value);
    }
}

static void place_tokens(void *arg, uint32_t from, uint32_t to)
{
    const struct place *a = arg;
    struct range q = {0, (uint32_t)range_n(a->e->heads)},
                 k = {0, (uint32_t)range_n(a->e->kv_heads)};
    for (uint32_t t = from; t < to; t++)
        place_heads(a, t, q, k);
}

// Every run, every head of ours.
struct attention {
    const struct engine *e;
    const struct batch *b;
    uint32_t layer, key, value;
    const float *q;
    float *out, *room;
    size_t room_each;          // of a member
    const struct place *place; // what each part does first, of tokens that stand alone
    bool coded;                // tokens that stand alone: make the codes of `out`
    struct packed_x **codes;
};

static struct attend one_of(const struct attention *a, uint32_t r, uint32_t i)
{
    const struct engine *e = a->e;
    const struct batch *b = a->b;
    size_t heads = range_n(e->heads), first = b->first[r];
    bool latent = e->m->arch->mla;
    uint32_t kv_head = latent ? 0 : key_head_of(e, i);
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

// The next head's first block, while this one is looked at.
static void ask_keys(const struct attention *a, uint32_t r, uint32_t head)
{
    struct kv_place at = {a->b->runs[r].sequence, a->layer, head};
    uint32_t n = a->b->position[a->b->first[r]] + 1;
    kv_ask(a->e->kv, at, 0, n < KV_PAGE ? n : KV_PAGE);
}

// A key head of a run of one token, and the query heads that look at it: nobody else
// needs them in this round.
static void alone_part(void *arg, uint32_t part, uint32_t member)
{
    const struct attention *a = arg;
    const struct engine *e = a->e;
    uint32_t heads = (uint32_t)range_n(e->kv_heads), r = part / heads, i = part % heads;
    struct range q = {0, 0}, k = {i, i + 1};
    while (key_head_of(e, q.from) < i)
        q.from++;
    q.to = q.from;
    while (q.to < range_n(e->heads) && key_head_of(e, q.to) == i)
        q.to++;
    if (part % heads + 1 < heads)
        ask_keys(a, r, i + 1);
    place_heads(a->place, a->b->first[r], q, k);
    for (uint32_t j = q.from; j < q.to; j++) {
        struct attend one = one_of(a, r, j);
        engine_attend(e, &one, a->room + member * a->room_each);
        if (a->codes)
            engine_code(e, one.out, a->value,
                        a->codes[a->b->first[r]] + j * a->value / PACKED_BLOCK);
    }
}

// The mix of each token's values by this rank's heads, and its codes where they are made.
struct mix {
    float *x; // [n][heads * value]
    struct packed_x **codes;
};

static struct mix attend_all(struct engine *e, struct attention *a)
{
    size_t heads = range_n(e->heads);
    a->out = engine_matrix(e, a->b->n, heads * a->value);
    if (a->coded)
        a->codes = engine_codes(e, heads * a->value, a->b->n);
    if (!heads)
        return (struct mix){a->out, a->codes};
    for (uint32_t r = 0; r < a->b->n_runs; r++) {
        struct attend one = one_of(a, r, 0);
        size_t need = engine_attend_room(&one);
        a->room_each = need > a->room_each ? need : a->room_each;
    }
    a->room = engine_matrix(e, team_size(e->team), a->room_each);
    uint32_t parts = a->b->n_runs * (uint32_t)(a->place ? range_n(e->kv_heads) : heads);
    team_run(e->team, a->place ? alone_part : attend_part, a, parts);
    return (struct mix){a->out, a->codes};
}

static bool all_alone(const struct batch *b)
{
    for (uint32_t i = 0; i < b->n_runs; i++)
        if (b->runs[i].n != 1)
            return false;
    return true;
}

static struct mix
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
    if (e->m->arch->qk_norm != ARCH_NORM_NONE) {
        a.q_norm = engine_floats(e, l->q_norm);
        a.k_norm = engine_floats(e, l->k_norm);
    }
    if (e->m->arch->qk_norm == ARCH_NORM_WHOLE)
        a.factors = whole_factors(&a);
    struct attention all = {
        .e = e, .b = b, .layer = layer, .key = h->key, .value = h->value, .q = a.q};
    if (all_alone(b)) {
        all.place = &a;
        all.coded = h->value % PACKED_BLOCK == 0 && weights_find(e->weights, l->o);
    } else {
        engine_share(e, b->n, 4, place_tokens, &a);
    }
    return attend_all(e, &all);
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
static struct mix
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
    return (struct mix){out, NULL};
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

static struct mix
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
    return latent_values(e, b, l, attend_all(e, &all).x);
}

void engine_attention(struct engine *e, struct batch *b, uint32_t layer)
{
    const struct hyper *h = &e->m->h;
    const struct layer *l = &e->m->layers[layer];
    struct operand x = engine_operand(e, engine_normed(e, b, l->attn_norm), h->d, b->n);
    struct mix mix = e->m->arch->mla ? latent(e, b, layer, &x) : plain(e, b, layer, &x);
    if (!e->replicate && mix.codes)
        mix.codes = engine_gather_codes(e, mix.codes, b->n, h->n_heads, h->value);
    else if (!e->replicate)
        mix.x = engine_gather(e, mix.x, b->n, h->n_heads, h->value);
    size_t width = (size_t)h->n_heads * h->value;
    struct operand o = {mix.x, width, (const struct packed_x *const *)mix.codes, b->n};
    if (!mix.codes)
        o = engine_operand(e, mix.x, width, b->n);
    float *out = engine_product(e, l->o, &o);
    const float *bias = engine_floats(e, l->o_bias);
    for (uint32_t t = 0; bias && t < b->n; t++)
        kernels_add(out + (size_t)t * h->d, bias, h->d);
    kernels_add(b->h, out, (size_t)b->n * h->d);
}
