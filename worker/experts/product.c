// SPDX-License-Identifier: MIT
// product.c - a step's work given to the team: products cut by output rows, rows of
// activations by tokens.
#include <assert.h>
#include <string.h>

#include "worker/experts/engine_state.h"
#include "worker/tensor/curves.h"

// Parts for each member: enough that one which starts late, or runs slowly, leaves
// its share to the others.
enum { PARTS_EACH = 16 };

// ---- by tokens -----------------------------------------------------------------------

struct share {
    engine_share_fn fn;
    void *arg;
    uint32_t n, grain;
};

static void share_part(void *arg, uint32_t part, uint32_t member)
{
    const struct share *s = arg;
    uint32_t from = part * s->grain;
    (void)member;
    s->fn(s->arg, from, s->n - from < s->grain ? s->n : from + s->grain);
}

void engine_share(struct engine *e, uint32_t n, uint32_t grain, engine_share_fn fn, void *arg)
{
    uint32_t even =
        (n + team_size(e->team) * PARTS_EACH - 1) / (team_size(e->team) * PARTS_EACH);
    struct share s = {fn, arg, n, even > grain ? even : grain};
    team_run(e->team, share_part, &s, (n + s.grain - 1) / s.grain);
}

// ---- operands ------------------------------------------------------------------------

struct quantise {
    float *x; // changed only where there is `up`
    const float *up;
    size_t n_in;
    struct packed_x *q;
    const struct packed_x **rows;
};

static void quantise(void *arg, uint32_t from, uint32_t to)
{
    const struct quantise *a = arg;
    size_t blocks = a->n_in / PACKED_BLOCK;
    for (uint32_t t = from; t < to; t++) {
        if (a->up)
            curves_swiglu(a->x + t * a->n_in, a->up + t * a->n_in, a->n_in);
        if (!a->q)
            continue;
        a->rows[t] = a->q + t * blocks;
        packed_quantise(a->x + t * a->n_in, a->n_in, a->q + t * blocks);
    }
}

static struct operand make(struct engine *e, struct quantise *a, uint32_t n, uint32_t grain)
{
    struct operand o = {.x = a->x, .n_in = a->n_in, .n = n};
    if (e->weights && a->n_in % PACKED_BLOCK == 0) {
        size_t bytes = n * (a->n_in / PACKED_BLOCK) * sizeof(struct packed_x);
        uint8_t *room = arena_room(e->step, bytes + PACKED_ALIGN);
        a->q = (void *)(room + (-(uintptr_t)room & (PACKED_ALIGN - 1)));
        a->rows = arena_room(e->step, n * sizeof *a->rows + 1);
        o.q = a->rows;
    }
    if (a->q || a->up)
        engine_share(e, n, grain, quantise, a);
    return o;
}

struct operand engine_operand(struct engine *e, float *x, size_t n_in, uint32_t n)
{
    struct quantise a = {.x = x, .n_in = n_in};
    return make(e, &a, n, 4);
}

struct operand
engine_swiglu(struct engine *e, float *gate, const float *up, size_t n_in, uint32_t n)
{
    struct quantise a = {.x = gate, .up = up, .n_in = n_in};
    return make(e, &a, n, 1);
}

// ---- products ------------------------------------------------------------------------

struct cut {
    const struct engine *e;
    const struct product *list;
    uint32_t n;
    uint32_t *first; // [n + 1] part of each product
    uint32_t *rows;  // [n] of a part
};

static void multiply(const struct engine *e, const struct product *p, struct range rows)
{
    const struct gguf_tensor *w = p->w;
    size_t stride = range_n(p->rows);
    float *y = p->y + (rows.from - p->rows.from);
    const uint8_t *groups = weights_find(e->weights, w, p->z, rows.from);
    if (groups) {
        packed_multiply(&(struct packed_product){.kind = packed_kind(w->format),
                                                 .groups = groups,
                                                 .n_in = w->dims[0],
                                                 .n_out = range_n(rows),
                                                 .n_x = p->x.n,
                                                 .x = p->x.q,
                                                 .y = y,
                                                 .y_stride = stride});
        return;
    }
    struct format_shape s = {.n_in = w->dims[0],
                             .n_out = range_n(rows),
                             .n_x = p->x.n,
                             .x_stride = p->x.n_in,
                             .y_stride = stride};
    format_matmul(w->format, w->data + (p->z * w->dims[1] + rows.from) * w->row_bytes, &s,
                  p->x.x, y);
}

static void product_part(void *arg, uint32_t part, uint32_t member)
{
    const struct cut *c = arg;
    uint32_t low = 0, high = c->n; // the product is in [low, high)
    (void)member;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (c->first[middle] <= part)
            low = middle;
        else
            high = middle;
    }
    const struct product *p = &c->list[low];
    uint32_t from = p->rows.from + (part - c->first[low]) * c->rows[low];
    uint32_t to = p->rows.to - from < c->rows[low] ? p->rows.to : from + c->rows[low];
    multiply(c->e, p, (struct range){from, to});
}

// A product's cost: its weights are read once, and used for every vector.
static uint64_t cost_of_row(const struct product *p)
{
    return p->w->dims[0] * (4 + (uint64_t)p->x.n);
}

void engine_products(struct engine *e, const struct product *list, uint32_t n)
{
    struct arena_mark mark = arena_mark(e->step);
    struct cut c = {.e = e,
                    .list = list,
                    .n = n,
                    .first = arena_room(e->step, (n + 1) * sizeof *c.first),
                    .rows = arena_room(e->step, n * sizeof *c.rows + 1)};
    uint64_t total = 0;
    for (uint32_t i = 0; i < n; i++)
        total += range_n(list[i].rows) * cost_of_row(&list[i]);
    uint64_t share = total / (team_size(e->team) * PARTS_EACH) + 1;
    c.first[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t rows = (uint32_t)range_n(list[i].rows);
        uint64_t want = share / cost_of_row(&list[i]) + 1;
        if (team_size(e->team) == 1 || want > rows)
            want = rows;
        c.rows[i] =
            ((uint32_t)want + 2 * PACKED_ROWS - 1) / (2 * PACKED_ROWS) * 2 * PACKED_ROWS;
        bool none = !rows || !list[i].x.n;
        c.first[i + 1] = c.first[i] + (none ? 0 : (rows - 1) / c.rows[i] + 1);
    }
    team_run(e->team, product_part, &c, c.first[n]);
    arena_release(e->step, mark);
}

struct product engine_part_of(struct engine *e,
                              const struct gguf_tensor *w,
                              uint32_t z,
                              struct range rows,
                              const struct operand *x)
{
    return (struct product){
        .w = w, .z = z, .rows = rows, .x = *x, .y = engine_matrix(e, x->n, range_n(rows))};
}

float *engine_rows(struct engine *e,
                   const struct gguf_tensor *w,
                   struct range rows,
                   const struct operand *x)
{
    struct product p = engine_part_of(e, w, 0, rows, x);
    engine_products(e, &p, 1);
    return p.y;
}

float *engine_product(struct engine *e, const struct gguf_tensor *w, const struct operand *x)
{
    uint32_t rows = (uint32_t)w->dims[1];
    float *y = engine_rows(e, w, engine_part(e, rows, e->replicate), x);
    return e->replicate ? y : engine_gather(e, y, x->n, rows, 1);
}
