// SPDX-License-Identifier: MIT
#include "worker/experts/whole.h"

#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "worker/experts/choice.h"
#include "worker/experts/placement.h"
#include "worker/tensor/kernels.h"

// Where a layer's experts are: expert i has copies [first[i], first[i + 1]).
struct layout {
    uint32_t *first;  // [n_experts + 1], NULL: not yet made
    uint32_t *device; // [n_slots] of each copy, by expert
    uint64_t n_pairs; // that had been counted when it was made
};

struct whole {
    enum engine_experts experts;
    const struct placement_rule *rule;
    struct placement_shape shape;
    struct layout *layers;
    uint32_t n_layers;
    struct arena *scratch;
    struct choice choice;
    bool on;
    int64_t spent_ns; // of this step
    uint64_t n_pairs, n_steps;
};

// ---- life ----------------------------------------------------------------------------

// Spare copies as far as every device can have one of each.
static struct placement_shape shape_of(const struct engine *e, const struct engine_options *o)
{
    uint32_t n = e->m->h.n_experts, spare = o->n_spare;
    if (spare == ENGINE_SPARE && o->placement && strcmp(o->placement, "balanced") == 0)
        spare = (n + 8 * e->size - 1) / (8 * e->size);
    else if (spare == ENGINE_SPARE)
        spare = 0;
    uint64_t most = (uint64_t)n * e->size, slots = n + (uint64_t)spare * e->size;
    return (struct placement_shape){.n_experts = n,
                                    .n_slots = (uint32_t)(slots < most ? slots : most),
                                    .n_groups = e->m->h.n_groups,
                                    .n_nodes = 1,
                                    .n_devices = e->size};
}

enum error whole_create(const struct engine *e,
                        const struct engine_options *o,
                        struct whole **out,
                        struct errtext *t)
{
    const char *name = o->placement ? o->placement : "contiguous";
    const struct placement_rule *rule = placement_find(name);
    *out = NULL;
    if (!rule)
        return errtext_set(t, ERR_INVALID, "no placement is called '%.60s'", name);
    if (e->size == 1 || !e->m->h.n_experts || o->experts == ENGINE_EXPERTS_SLICED)
        return OK;
    struct placement_shape shape = shape_of(e, o);
    enum error err = placement_check(&shape, t);
    if (err)
        return err;
    struct whole *w = mem_alloc(sizeof *w);
    w->experts = o->experts;
    w->rule = rule;
    w->shape = shape;
    w->n_layers = e->m->h.n_layers;
    w->layers = mem_alloc(w->n_layers * sizeof *w->layers);
    w->scratch = arena_create();
    *out = w;
    return OK;
}

void whole_destroy(struct whole *w)
{
    if (!w)
        return;
    for (uint32_t i = 0; i < w->n_layers; i++) {
        mem_free(w->layers[i].first);
        mem_free(w->layers[i].device);
    }
    mem_free(w->layers);
    arena_destroy(w->scratch);
    mem_free(w);
}

// ---- which way -----------------------------------------------------------------------

void whole_begin(struct engine *e, uint32_t n)
{
    struct whole *w = e->whole;
    if (!w || !n)
        return;
    w->spent_ns = 0;
    w->on = w->experts == ENGINE_EXPERTS_WHOLE || choice_way(&w->choice, n);
    w->n_steps += w->on;
}

// The slowest rank's time is everybody's.
void whole_end(struct engine *e, uint32_t n)
{
    struct whole *w = e->whole;
    if (!w || !n || w->experts != ENGINE_EXPERTS_MEASURED || !choice_is_open(&w->choice, n))
        return;
    int64_t *all = arena_alloc(e->step, e->size * sizeof *all), most = 0;
    group_allgather(e->group, &w->spent_ns, sizeof *all, all);
    for (uint32_t r = 0; r < e->size; r++)
        most = all[r] > most ? all[r] : most;
    choice_tell(&w->choice, n, most);
}

bool whole_is_on(const struct engine *e)
{
    return e->whole && e->whole->on;
}

void whole_spent(struct engine *e, int64_t ns)
{
    if (e->whole)
        e->whole->spent_ns += ns;
}

uint64_t whole_pairs(const struct whole *w)
{
    return w ? w->n_pairs : 0;
}

uint64_t whole_steps(const struct whole *w)
{
    return w ? w->n_steps : 0;
}

// ---- where experts are ---------------------------------------------------------------

static void keep(struct layout *l, const struct placement *p)
{
    uint32_t n = p->shape.n_experts, slots = p->shape.n_slots;
    if (!l->first) {
        l->first = mem_alloc((n + 1) * sizeof *l->first);
        l->device = mem_alloc(slots * sizeof *l->device);
    }
    memcpy(l->first, p->first_copy, (n + 1) * sizeof *l->first);
    for (uint32_t i = 0; i < slots; i++)
        l->device[i] = placement_device(p, p->copy[i]);
}

static const struct layout *layout_of(struct engine *e, uint32_t layer)
{
    struct whole *w = e->whole;
    struct layout *l = &w->layers[layer];
    uint32_t n = w->shape.n_experts;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += e->load[(size_t)layer * n + i];
    if (l->first && sum < 2 * l->n_pairs)
        return l;
    struct placement p;
    struct errtext t;
    arena_reset(w->scratch);
    double *load = arena_room(w->scratch, n * sizeof *load);
    for (uint32_t i = 0; i < n; i++)
        load[i] = (double)e->load[(size_t)layer * n + i];
    // The shape was checked, and counts are loads.
    if (placement_make(w->rule, &w->shape, load, w->scratch, &p, &t))
        return l;
    keep(l, &p);
    l->n_pairs = sum;
    return l;
}

// ---- a layer -------------------------------------------------------------------------

// Vectors from `first` on, of one of our experts.
struct segment {
    uint32_t expert, first;
};

// Whose each pair is, and ours by expert.
struct deal {
    uint32_t n, n_pairs, top_k;
    uint32_t *device; // [n_pairs]
    uint32_t *mine;   // [n_mine] pairs
    uint32_t n_mine;
    struct segment *segments; // [n_segments + 1], the last only ends the one before
    uint32_t n_segments;
};

// The copies of an expert share its pairs evenly, in their order.
static struct deal
deal_out(struct engine *e, const struct layout *l, const struct routing *r, uint32_t n)
{
    uint32_t n_experts = e->m->h.n_experts, top_k = e->m->h.top_k, n_pairs = n * top_k;
    struct deal d = {.n = n, .n_pairs = n_pairs, .top_k = top_k};
    d.device = arena_room(e->step, n_pairs * sizeof *d.device + 1);
    d.mine = arena_room(e->step, n_pairs * sizeof *d.mine + 1);
    d.segments =
        arena_room(e->step, (e->whole->shape.n_slots + 1) * (size_t)sizeof *d.segments);
    for (uint32_t i = 0; i < n_experts; i++) {
        uint32_t from = r->first[i], all = r->first[i + 1] - from;
        uint32_t copies = l->first[i + 1] - l->first[i];
        for (uint32_t c = 0; c < copies; c++) {
            uint32_t begin = from + placement_first(c, all, copies);
            uint32_t end = from + placement_first(c + 1, all, copies);
            uint32_t device = l->device[l->first[i] + c];
            bool ours = device == e->rank && begin < end;
            if (ours)
                d.segments[d.n_segments++] = (struct segment){i, d.n_mine};
            for (uint32_t k = begin; k < end; k++) {
                d.device[r->pair[k]] = device;
                if (ours)
                    d.mine[d.n_mine++] = r->pair[k];
            }
        }
    }
    d.segments[d.n_segments] = (struct segment){0, d.n_mine};
    return d;
}

// One product for each segment, of all rows of w.
static uint32_t
by_segment(const struct deal *d, const struct product *all, struct product *list)
{
    for (uint32_t i = 0; i < d->n_segments; i++) {
        const struct segment *s = &d->segments[i];
        list[i] = ffn_of_expert(all, s->expert, s->first, s[1].first);
    }
    return d->n_segments;
}

// [n_mine][d], in the order of d->mine.
static float *
results(struct engine *e, const struct layer *l, const struct deal *d, const struct operand *x)
{
    const struct hyper *h = &e->m->h;
    struct range ff = {0, h->ff_expert}, out = {0, h->d};
    struct operand in = ffn_spread(e, l, d->mine, d->n_mine, x);
    const struct gguf_tensor *const gate_up[2] = {l->gate_exps, l->up_exps};
    struct product gated = engine_gated_of(e, gate_up, ff, &in, true);
    struct product *list = arena_room(e->step, d->n_segments * sizeof *list + 1);
    engine_products(e, list, by_segment(d, &gated, list));
    struct operand act = engine_gated(e, &gated);
    struct product down = engine_part_of(e, l->down_exps, 0, out, &act);
    engine_products(e, list, by_segment(d, &down, list));
    return down.y;
}

// Pairs as they travel: to each rank those of its tokens, in ascending order.
struct travel {
    size_t *give, *take; // bytes to and from each rank
    float *out, *in;
};

static uint32_t first_token(const struct engine *e, uint32_t n, uint32_t rank)
{
    return placement_first(rank, n, e->size);
}

static struct travel pack(struct engine *e, const struct deal *d, const float *y)
{
    size_t width = e->m->h.d, bytes = width * sizeof *y;
    uint32_t *at = arena_room(e->step, d->n_pairs * sizeof *at + 1);
    struct travel v = {.give = arena_alloc(e->step, e->size * sizeof *v.give),
                       .take = arena_alloc(e->step, e->size * sizeof *v.take),
                       .out = engine_matrix(e, d->n_mine, width)};
    float *to = v.out;
    for (uint32_t i = 0; i < d->n_mine; i++)
        at[d->mine[i]] = i;
    for (uint32_t r = 0; r < e->size; r++) {
        uint32_t from = first_token(e, d->n, r), end = first_token(e, d->n, r + 1);
        for (uint32_t p = from * d->top_k; p < end * d->top_k; p++) {
            if (r == e->rank)
                v.take[d->device[p]] += bytes;
            if (d->device[p] != e->rank)
                continue;
            memcpy(to, y + at[p] * width, bytes);
            to += width;
            v.give[r] += bytes;
        }
    }
    v.in = engine_matrix(
        e,
        (size_t)(first_token(e, d->n, e->rank + 1) - first_token(e, d->n, e->rank)) * d->top_k,
        width);
    return v;
}

// The sums of our tokens, in ascending order of slots.
struct sums {
    const struct routing *r;
    const struct deal *d;
    const float **row; // of each pair of ours
    uint32_t first;    // token
    float *y;
    size_t width;
};

static void add_up(void *arg, uint32_t from, uint32_t to)
{
    const struct sums *a = arg;
    uint32_t k = a->d->top_k;
    memset(a->y + from * a->width, 0, (to - from) * a->width * sizeof *a->y);
    for (uint32_t i = from * k; i < to * k; i++)
        kernels_axpy(a->y + i / k * a->width, a->r->weight[a->first * k + i], a->row[i],
                     a->width);
}

static float *
combine(struct engine *e, const struct deal *d, const struct routing *r, const struct travel *v)
{
    size_t width = e->m->h.d;
    uint32_t first = first_token(e, d->n, e->rank);
    uint32_t n = first_token(e, d->n, e->rank + 1) - first;
    const float **next = arena_room(e->step, e->size * sizeof *next), *at = v->in;
    struct sums a = {.r = r,
                     .d = d,
                     .row = arena_room(e->step, (size_t)n * d->top_k * sizeof *a.row + 1),
                     .first = first,
                     .y = engine_matrix(e, n, width),
                     .width = width};
    for (uint32_t i = 0; i < e->size; at += v->take[i++] / sizeof *at)
        next[i] = at;
    for (uint32_t i = 0; i < n * d->top_k; i++) {
        const float **from = &next[d->device[first * d->top_k + i]];
        a.row[i] = *from;
        *from += width;
    }
    engine_share(e, n, 4, add_up, &a);
    return a.y;
}

float *whole_experts(struct engine *e,
                     uint32_t layer,
                     const struct routing *r,
                     const struct operand *x)
{
    const struct layout *l = layout_of(e, layer);
    struct deal d = deal_out(e, l, r, x->n);
    struct travel v = pack(e, &d, results(e, &e->m->layers[layer], &d, x));
    int64_t start = clock_now();
    group_alltoallv(e->group, v.out, v.give, v.in, v.take);
    e->exchange_ns += clock_now() - start;
    e->whole->n_pairs += d.n_mine;
    // Tokens as columns: a rank's are neighbours.
    return engine_gather(e, combine(e, &d, r, &v), 1, x->n, (uint32_t)e->m->h.d);
}
