// SPDX-License-Identifier: MIT
// ffn.c - the dense FFN, and the experts: tokens grouped by expert, every rank a
// slice of every expert's rows.
//
// A token's experts are added in ascending order, each by a fused multiply-add
// with its weight, then the shared expert.
#include <string.h>

#include "worker/experts/engine_state.h"
#include "worker/experts/route.h"
#include "worker/tensor/curves.h"
#include "worker/tensor/kernels.h"

// down(silu(gate x) up x), the rows of `down` that are ours.
struct swiglu {
    const struct gguf_tensor *gate, *up, *down;
    uint32_t width;
    bool whole; // all rows here
};

static float *
dense(struct engine *e, const struct swiglu *w, struct range out, const float *x, uint32_t n)
{
    struct range mine = engine_part(e, w->width, w->whole);
    float *gate = engine_rows(e, w->gate, 0, mine, x, n);
    float *up = engine_rows(e, w->up, 0, mine, x, n);
    curves_swiglu(gate, up, n * range_n(mine));
    if (!w->whole)
        gate = engine_gather(e, gate, n, w->width, 1);
    return engine_rows(e, w->down, 0, out, gate, n);
}

// (token, slot) pairs in the order of their experts.
struct routing {
    uint16_t *expert; // [n][top_k] ascending
    float *weight;
    uint32_t *first; // [n_experts + 1] into pair
    uint32_t *pair;  // token * top_k + slot
};

static void group_pairs(struct engine *e, struct routing *r, uint32_t n_pairs, uint64_t *load)
{
    uint32_t n = e->m->h.n_experts;
    r->first = arena_alloc(e->step, (n + 2) * sizeof *r->first);
    r->pair = arena_room(e->step, n_pairs * sizeof *r->pair);
    // One place further on, so that filling moves each start to its right place.
    for (uint32_t i = 0; i < n_pairs; i++) {
        r->first[r->expert[i] + 2]++;
        load[r->expert[i]]++;
    }
    for (uint32_t i = 2; i <= n; i++)
        r->first[i] += r->first[i - 1];
    for (uint32_t i = 0; i < n_pairs; i++)
        r->pair[r->first[r->expert[i] + 1]++] = i;
}

static struct routing route_all(struct engine *e, uint32_t layer, const float *x, uint32_t n)
{
    const struct hyper *h = &e->m->h;
    const struct layer *l = &e->m->layers[layer];
    struct routing r = {
        .expert = arena_room(e->step, (size_t)n * h->top_k * sizeof *r.expert),
        .weight = engine_matrix(e, n, h->top_k),
    };
    float *logits = engine_product(e, l->router, x, n);
    const float *bias = engine_floats(e, l->router_bias);
    float *choice = engine_matrix(e, 1, h->n_experts);
    for (uint32_t t = 0; t < n; t++)
        route_token(h, logits + (size_t)t * h->n_experts, bias, choice,
                    r.expert + (size_t)t * h->top_k, r.weight + (size_t)t * h->top_k);
    group_pairs(e, &r, n * h->top_k, e->load + (size_t)layer * h->n_experts);
    return r;
}

// Rows of all pairs: act[pair in order][ff part].
static float *expert_inner(struct engine *e,
                           const struct layer *l,
                           const struct routing *r,
                           const float *x,
                           uint32_t n_pairs)
{
    const struct hyper *h = &e->m->h;
    struct range mine = engine_part(e, h->ff_expert, false);
    float *act = engine_matrix(e, n_pairs, range_n(mine));
    for (uint32_t i = 0; i < h->n_experts; i++) {
        uint32_t from = r->first[i], n = r->first[i + 1] - from;
        struct arena_mark mark = arena_mark(e->step);
        float *in = engine_matrix(e, n, h->d);
        for (uint32_t j = 0; j < n; j++)
            memcpy(in + (size_t)j * h->d, x + (size_t)(r->pair[from + j] / h->top_k) * h->d,
                   h->d * sizeof *in);
        float *gate = engine_rows(e, l->gate_exps, i, mine, in, n);
        float *up = engine_rows(e, l->up_exps, i, mine, in, n);
        curves_swiglu(gate, up, n * range_n(mine));
        memcpy(act + from * range_n(mine), gate, n * range_n(mine) * sizeof *act);
        arena_release(e->step, mark);
    }
    return engine_gather(e, act, n_pairs, h->ff_expert, 1);
}

// Our rows of every pair's result, [pair][out part], not yet summed.
static float *expert_outer(struct engine *e,
                           const struct layer *l,
                           const struct routing *r,
                           struct range out,
                           const float *act)
{
    const struct hyper *h = &e->m->h;
    uint32_t n_pairs = r->first[h->n_experts];
    size_t width = range_n(out);
    float *y = engine_matrix(e, n_pairs, width);
    for (uint32_t i = 0; i < h->n_experts; i++) {
        uint32_t from = r->first[i], n = r->first[i + 1] - from;
        struct arena_mark mark = arena_mark(e->step);
        const float *rows =
            engine_rows(e, l->down_exps, i, out, act + (size_t)from * h->ff_expert, n);
        for (uint32_t j = 0; j < n; j++)
            memcpy(y + r->pair[from + j] * width, rows + j * width, width * sizeof *y);
        arena_release(e->step, mark);
    }
    return y;
}

static void add_shared(struct engine *e,
                       const struct layer *l,
                       struct range out,
                       const float *x,
                       uint32_t n,
                       float *y)
{
    const struct hyper *h = &e->m->h;
    struct swiglu w = {l->gate_shared, l->up_shared, l->down_shared, h->ff_shared,
                       e->replicate};
    size_t width = range_n(out);
    float *s = dense(e, &w, out, x, n);
    const float *gate = engine_floats(e, l->shared_gate);
    for (uint32_t t = 0; gate && t < n; t++)
        kernels_scale(s + t * width,
                      curves_sigmoid(kernels_dot(gate, x + (size_t)t * h->d, h->d)), width);
    kernels_add(y, s, n * width);
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

static float *experts(struct engine *e, const struct batch *b, uint32_t layer, const float *x)
{
    const struct hyper *h = &e->m->h;
    const struct layer *l = &e->m->layers[layer];
    struct range out = engine_part(e, h->d, false);
    size_t width = range_n(out);
    struct routing r = route_all(e, layer, x, b->n);
    tell_routing(e, b, layer, &r);
    float *act = expert_inner(e, l, &r, x, b->n * h->top_k);
    float *pairs = expert_outer(e, l, &r, out, act);
    float *y = engine_matrix(e, b->n, width);
    memset(y, 0, b->n * width * sizeof *y);
    for (uint32_t t = 0; t < b->n; t++)
        for (uint32_t k = 0; k < h->top_k; k++) {
            size_t p = (size_t)t * h->top_k + k;
            kernels_axpy(y + t * width, r.weight[p], pairs + p * width, width);
        }
    if (h->ff_shared)
        add_shared(e, l, out, x, b->n, y);
    return engine_gather(e, y, b->n, h->d, 1);
}

void engine_ffn(struct engine *e, struct batch *b, uint32_t layer)
{
    const struct hyper *h = &e->m->h;
    const struct layer *l = &e->m->layers[layer];
    float *x = engine_normed(e, b, l->ffn_norm), *y;
    if (model_layer_has_experts(e->m, layer)) {
        y = experts(e, b, layer, x);
    } else {
        struct swiglu w = {l->gate, l->up, l->down, h->ff, e->replicate};
        y = dense(e, &w, engine_part(e, h->d, e->replicate), x, b->n);
        if (!e->replicate)
            y = engine_gather(e, y, b->n, h->d, 1);
    }
    kernels_add(b->h, y, (size_t)b->n * h->d);
}
