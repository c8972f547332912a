// SPDX-License-Identifier: MIT
// ffn.c - the dense FFN, and the experts: tokens grouped by expert, every rank a
// slice of every expert's rows, or whole experts (whole.c).
//
// A token's experts are added in ascending order, each by a fused multiply-add
// with its weight, then the shared expert.
#include <string.h>

#include "common/clock.h"
#include "worker/experts/ffn.h"
#include "worker/experts/route.h"
#include "worker/experts/whole.h"
#include "worker/tensor/curves.h"
#include "worker/tensor/kernels.h"

// What p made, silu(gate x) (up x), as the operand of `down`: rows of `width` numbers, of
// which some are ours unless `whole`.
static struct operand
inner(struct engine *e, const struct product *p, uint32_t width, bool whole)
{
    if (whole || e->size == 1)
        return engine_gated(e, p);
    if (p->act)
        return (struct operand){.n_in = width,
                                .q = (const struct packed_x *const *)engine_gather_codes(
                                    e, p->act, p->x.n, width, 1),
                                .n = p->x.n};
    return engine_operand(e, engine_gather(e, p->y, p->x.n, width, 1), width, p->x.n);
}

// down(silu(gate x) up x), the rows of `down` that are ours.
struct dense {
    const struct gguf_tensor *gate_up[2], *down;
    uint32_t width;
    bool whole; // all rows here
};

static float *
dense(struct engine *e, const struct dense *w, struct range out, const struct operand *x)
{
    struct range mine = engine_part(e, w->width, w->whole);
    bool coded = w->whole || e->size == 1 || engine_codes_travel(e, w->down, w->width, 1);
    struct product p = engine_gated_of(e, w->gate_up, mine, x, coded);
    engine_products(e, &p, 1);
    struct operand act = inner(e, &p, w->width, w->whole);
    return engine_rows(e, w->down, out, &act);
}

static void group_pairs(struct engine *e, struct routing *r, uint32_t n_pairs, uint64_t *load)
{
    uint32_t n = e->m->h.n_experts;
    r->first = arena_alloc(e->step, (n + 2) * sizeof *r->first);
    r->pair = arena_room(e->step, n_pairs * sizeof *r->pair);
    r->place = arena_room(e->step, n_pairs * sizeof *r->place);
    // One place further on, so that filling moves each start to its right place.
    for (uint32_t i = 0; i < n_pairs; i++) {
        r->first[r->expert[i] + 2]++;
        load[r->expert[i]]++;
    }
    for (uint32_t i = 2; i <= n; i++)
        r->first[i] += r->first[i - 1];
    for (uint32_t i = 0; i < n_pairs; i++) {
        r->place[i] = r->first[r->expert[i] + 1]++;
        r->pair[r->place[i]] = i;
    }
}

static struct routing route_all(struct engine *e, uint32_t layer, const struct operand *x)
{
    uint32_t n = x->n;
    const struct hyper *h = &e->m->h;
    const struct layer *l = &e->m->layers[layer];
    struct routing r = {
        .expert = arena_room(e->step, (size_t)n * h->top_k * sizeof *r.expert),
        .weight = engine_matrix(e, n, h->top_k),
    };
    float *logits = engine_product(e, l->router, x);
    const float *bias = engine_floats(e, l->router_bias);
    float *choice = engine_matrix(e, 1, h->n_experts);
    for (uint32_t t = 0; t < n; t++)
        route_token(h, logits + (size_t)t * h->n_experts, bias, choice,
                    r.expert + (size_t)t * h->top_k, r.weight + (size_t)t * h->top_k);
    group_pairs(e, &r, n * h->top_k, e->load + (size_t)layer * h->n_experts);
    return r;
}

struct operand ffn_spread(struct engine *e,
                          const struct layer *l,
                          const uint32_t *pair,
                          uint32_t n,
                          const struct operand *x)
{
    uint32_t k = e->m->h.top_k;
    size_t d = x->n_in;
    struct operand o = {.n_in = d, .n = n};
    if (x->q) {
        const struct packed_x **q = arena_room(e->step, n * sizeof *q + 1);
        for (uint32_t i = 0; i < n; i++)
            q[i] = x->q[pair[i] / k];
        o.q = q;
    }
    if (x->q && weights_find(e->weights, l->gate_exps) && weights_find(e->weights, l->up_exps))
        return o;
    float *rows = engine_matrix(e, n, d);
    for (uint32_t i = 0; i < n; i++)
        memcpy(rows + i * d, x->x + pair[i] / k * d, d * sizeof *rows);
    o.x = rows;
    return o;
}

struct product ffn_of_expert(const struct product *all, uint32_t z, uint32_t from, uint32_t to)
{
    struct product p = *all;
    size_t skip = from * range_n(all->rows);
    p.z = z;
    p.x = (struct operand){.x = all->x.x ? all->x.x + from * all->x.n_in : NULL,
                           .n_in = all->x.n_in,
                           .q = all->x.q ? all->x.q + from : NULL,
                           .n = to - from};
    p.y = all->y ? all->y + skip : NULL;
    p.up_y = all->up ? all->up_y + skip : NULL;
    p.act = all->act ? all->act + from : NULL;
    return p;
}

// One product for each expert that has vectors: their rows of y[pair][rows].
static uint32_t by_expert(const struct routing *r,
                          uint32_t n_experts,
                          const struct product *all,
                          struct product *list)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_experts; i++) {
        if (r->first[i] == r->first[i + 1])
            continue;
        list[n++] = ffn_of_expert(all, i, r->first[i], r->first[i + 1]);
    }
    return n;
}

// Rows of all pairs: act[pair in order][ff part].
static struct operand expert_inner(struct engine *e,
                                   const struct layer *l,
                                   const struct routing *r,
                                   const struct operand *x)
{
    const struct hyper *h = &e->m->h;
    struct range mine = engine_part(e, h->ff_expert, false);
    struct operand in = ffn_spread(e, l, r->pair, x->n * h->top_k, x);
    const struct gguf_tensor *const gate_up[2] = {l->gate_exps, l->up_exps};
    bool coded = e->size == 1 || engine_codes_travel(e, l->down_exps, h->ff_expert, 1);
    struct product all = engine_gated_of(e, gate_up, mine, &in, coded);
    struct product *list = arena_room(e->step, h->n_experts * sizeof *list);
    engine_products(e, list, by_expert(r, h->n_experts, &all, list));
    return inner(e, &all, h->ff_expert, false);
}

// Tokens' experts added up: pairs [pair in order][width], y [token][stride].
struct combine {
    const struct routing *r;
    const float *pairs;
    size_t width;
    float *y;
    size_t stride;
    uint32_t top_k;
};

static void combine(void *arg, uint32_t from, uint32_t to)
{
    const struct combine *a = arg;
    for (uint32_t t = from; t < to; t++) {
        float *y = a->y + t * a->stride;
        memset(y, 0, a->width * sizeof *y);
        for (uint32_t k = 0; k < a->top_k; k++) {
            size_t p = (size_t)t * a->top_k + k;
            kernels_axpy(y, a->r->weight[p], a->pairs + a->r->place[p] * a->width, a->width);
        }
    }
}

// Rows of `down` of all experts, and their sums: what a member makes in one round for a
// single token, where a round counts.  With two tokens and more it was slower (8 % with
// eight): an expert's weights serve all of its tokens then.
enum { OUTER_ROWS = 2 * PACKED_ROWS * 2, OUTER_TOKENS = 1 };

struct outer {
    const struct engine *e;
    const struct product *list; // of the experts that have vectors, rows and y not yet set
    uint32_t n_list, n_tokens;
    struct range out;
    float *room; // [member][pair][OUTER_ROWS]
    size_t room_each;
    struct combine c; // pairs and width not yet set
};

// What is read after expert i's rows: the next one's, then the first one's next rows.
static const uint8_t *after_outer(const struct outer *a, uint32_t i, struct range rows)
{
    if (i + 1 < a->n_list)
        return engine_weights(&a->list[i + 1], rows.from);
    return rows.to < a->out.to ? engine_weights(a->list, rows.to) : NULL;
}

static void outer_part(void *arg, uint32_t part, uint32_t member)
{
    const struct outer *a = arg;
    struct combine c = a->c;
    uint32_t from = a->out.from + part * OUTER_ROWS, left = a->out.to - from;
    struct range rows = {from, from + (left < OUTER_ROWS ? left : OUTER_ROWS)};
    float *pairs = a->room + member * a->room_each;
    c.pairs = pairs;
    c.width = range_n(rows);
    c.y += from - a->out.from;
    for (uint32_t i = 0; i < a->n_list; i++) {
        struct product p = a->list[i];
        p.rows = rows;
        p.y = pairs;
        pairs += p.x.n * c.width;
        engine_multiply(a->e, &p, rows, after_outer(a, i, rows));
    }
    combine(&c, 0, a->n_tokens);
}

// The sum of each token's experts, our rows of it.
static float *expert_outer(struct engine *e,
                           const struct layer *l,
                           const struct routing *r,
                           struct range out,
                           const struct operand *act)
{
    const struct hyper *h = &e->m->h;
    uint32_t n = act->n / h->top_k, size = team_size(e->team);
    struct product *list = arena_room(e->step, h->n_experts * sizeof *list);
    struct product all = {.w = l->down_exps,
                          .packed = weights_find(e->weights, l->down_exps),
                          .rows = out,
                          .x = *act};
    struct combine c = {.r = r,
                        .width = range_n(out),
                        .y = engine_matrix(e, n, range_n(out)),
                        .stride = range_n(out),
                        .top_k = h->top_k};
    if (n > OUTER_TOKENS) {
        c.pairs = all.y = engine_matrix(e, act->n, range_n(out));
        engine_products(e, list, by_expert(r, h->n_experts, &all, list));
        engine_share(e, n, 4, combine, &c);
        return c.y;
    }
    struct outer a = {.e = e, .list = list, .n_tokens = n, .out = out, .c = c};
    a.room_each = (size_t)act->n * OUTER_ROWS;
    a.room = engine_matrix(e, size, a.room_each);
    a.n_list = by_expert(r, h->n_experts, &all, list);
    team_run(e->team, outer_part, &a, (uint32_t)((range_n(out) + OUTER_ROWS - 1) / OUTER_ROWS));
    return c.y;
}

// The shared expert's `out` rows.
static float *
shared(struct engine *e, const struct layer *l, struct range out, const struct operand *x)
{
    const struct hyper *h = &e->m->h;
    struct dense w = {
        {l->gate_shared, l->up_shared}, l->down_shared, h->ff_shared, e->replicate};
    size_t width = range_n(out);
    float *s = dense(e, &w, out, x);
    const float *gate = engine_floats(e, l->shared_gate);
    for (uint32_t t = 0; gate && t < x->n; t++)
        kernels_scale(s + t * width,
                      curves_sigmoid(kernels_dot(gate, x->x + (size_t)t * h->d, h->d)), width);
    return s;
}

// [moe layers][n][top_k] of each run that asked.
static void tell_routing(const struct engine *e,
                         const struct batch *b,
                         uint32_t layer,
                         const struct routing *r)
{
    const struct hyper *h = &e->m->h;
    for (uint32_t i = 0; i < b->n_runs; i++) {
        const struct engine_run *run = &b->runs[i];
        size_t n = (size_t)run->n * h->top_k;
        if (run->routing)
            memcpy(run->routing + (layer - h->n_dense) * n,
                   r->expert + (size_t)b->first[i] * h->top_k, n * sizeof *r->expert);
    }
}

// Every rank a slice of every expert: its rows of the sums, then all of them by a gather.
static float *sliced(struct engine *e,
                     const struct layer *l,
                     const struct routing *r,
                     const struct operand *x)
{
    const struct hyper *h = &e->m->h;
    struct range out = engine_part(e, h->d, false);
    struct operand act = expert_inner(e, l, r, x);
    float *y = expert_outer(e, l, r, out, &act);
    if (h->ff_shared)
        kernels_add(y, shared(e, l, out, x), x->n * range_n(out));
    return engine_gather(e, y, x->n, h->d, 1);
}

static float *
whole(struct engine *e, uint32_t layer, const struct routing *r, const struct operand *x)
{
    const struct hyper *h = &e->m->h;
    float *y = whole_experts(e, layer, r, x);
    if (!h->ff_shared)
        return y;
    float *s = shared(e, &e->m->layers[layer], engine_part(e, h->d, false), x);
    kernels_add(y, engine_gather(e, s, x->n, h->d, 1), (size_t)x->n * h->d);
    return y;
}

static float *
experts(struct engine *e, const struct batch *b, uint32_t layer, const struct operand *x)
{
    struct routing r = route_all(e, layer, x);
    tell_routing(e, b, layer, &r);
    int64_t start = clock_now();
    float *y = whole_is_on(e) ? whole(e, layer, &r, x) : sliced(e, &e->m->layers[layer], &r, x);
    whole_spent(e, clock_now() - start);
    return y;
}

void engine_ffn(struct engine *e, struct batch *b, uint32_t layer)
{
    const struct hyper *h = &e->m->h;
    const struct layer *l = &e->m->layers[layer];
    struct operand x = engine_operand(e, engine_normed(e, b, l->ffn_norm), h->d, b->n);
    float *y;
    if (model_layer_has_experts(e->m, layer)) {
        y = experts(e, b, layer, &x);
    } else {
        struct dense w = {{l->gate, l->up}, l->down, h->ff, e->replicate};
        y = dense(e, &w, engine_part(e, h->d, e->replicate), &x);
        if (!e->replicate)
            y = engine_gather(e, y, b->n, h->d, 1);
    }
    kernels_add(b->h, y, (size_t)b->n * h->d);
}
