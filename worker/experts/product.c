// SPDX-License-Identifier: MIT
// product.c - a step's work given to the team: products cut by output rows, rows of
// activations by tokens.
#include <assert.h>
#include <string.h>

#include "worker/experts/engine_state.h"
#include "worker/tensor/curves.h"

// Parts for each member: enough that one which starts late, or runs slowly, leaves
// its share to the others.
enum { PARTS_EACH = 32 };

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
    const struct engine *e;
    const float *x;
    size_t n_in;
    struct packed_x *const *rows;
};

// Activations in the form that the packed weights take.
void engine_code(const struct engine *e, const float *x, size_t n, struct packed_x *out)
{
    (weights_round(e->weights) ? packed_round : packed_quantise)(x, n, out);
}

static void quantise(void *arg, uint32_t from, uint32_t to)
{
    const struct quantise *a = arg;
    for (uint32_t t = from; t < to; t++)
        engine_code(a->e, a->x + t * a->n_in, a->n_in, a->rows[t]);
}

struct packed_x **engine_codes(struct engine *e, size_t n_in, uint32_t n)
{
    size_t blocks = n_in / PACKED_BLOCK;
    if (!e->weights || n_in % PACKED_BLOCK != 0)
        return NULL;
    uint8_t *room = arena_room(e->step, n * blocks * sizeof(struct packed_x) + PACKED_ALIGN);
    struct packed_x *q = (void *)(room + (-(uintptr_t)room & (PACKED_ALIGN - 1)));
    struct packed_x **rows = arena_room(e->step, n * sizeof(struct packed_x *) + 1);
    for (uint32_t t = 0; t < n; t++)
        rows[t] = q + t * blocks;
    return rows;
}

struct operand engine_operand(struct engine *e, float *x, size_t n_in, uint32_t n)
{
    struct packed_x **rows = engine_codes(e, n_in, n);
    struct quantise a = {e, x, n_in, rows};
    if (rows)
        engine_share(e, n, 4, quantise, &a);
    return (struct operand){
        .x = x, .n_in = n_in, .q = (const struct packed_x *const *)rows, .n = n};
}

// ---- products ------------------------------------------------------------------------

struct cut {
    const struct engine *e;
    const struct product *list;
    uint32_t n;
    uint32_t *first; // [n + 1] part of each product
    uint32_t *rows;  // [n] of a part
};

const uint8_t *engine_weights(const struct product *p, uint32_t row)
{
    return p->packed ? weights_at(p->packed, p->z, row) : NULL;
}

// Rows of p's own tensor, or of its `up`.
static void multiply(const struct product *p, bool up, struct range rows, const uint8_t *after)
{
    const struct gguf_tensor *w = up ? p->up : p->w;
    size_t stride = range_n(p->rows);
    float *y = (up ? p->up_y : p->y) + (rows.from - p->rows.from);
    const struct weights_entry *packed = up ? p->up_packed : p->packed;
    if (packed) {
        packed_multiply(&(struct packed_product){.kind = packed_kind(w->format),
                                                 .groups = weights_at(packed, p->z, rows.from),
                                                 .n_in = w->dims[0],
                                                 .n_out = range_n(rows),
                                                 .n_x = p->x.n,
                                                 .x = p->x.q,
                                                 .y = y,
                                                 .y_stride = stride,
                                                 .after = after});
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

// Parts begin with blocks, so a part's codes are its own.
static void activate(const struct engine *e, const struct product *p, struct range rows)
{
    size_t at = rows.from - p->rows.from, n = range_n(rows), width = range_n(p->rows);
    for (uint32_t t = 0; t < p->x.n; t++) {
        float *y = p->y + t * width + at;
        curves_swiglu(y, p->up_y + t * width + at, n);
        if (p->act)
            engine_code(e, y, n, p->act[t] + at / PACKED_BLOCK);
    }
}

void engine_multiply(const struct engine *e,
                     const struct product *p,
                     struct range rows,
                     const uint8_t *after)
{
    if (!p->up) {
        multiply(p, false, rows, after);
        return;
    }
    multiply(p, false, rows, p->up_packed ? weights_at(p->up_packed, p->z, rows.from) : NULL);
    multiply(p, true, rows, after);
    activate(e, p, rows);
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
    const struct product *next = to < p->rows.to ? p : low + 1 < c->n ? p + 1 : NULL;
    const uint8_t *after = NULL;
    if (next)
        after = engine_weights(next, next == p ? to : next->rows.from);
    engine_multiply(c->e, p, (struct range){from, to}, after);
}

// A product's cost: its weights are read once, and used for every vector.
static uint64_t cost_of_row(const struct product *p)
{
    return p->w->dims[0] * (4 + (uint64_t)p->x.n) * (p->up ? 2 : 1);
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
    return (struct product){.w = w,
                            .packed = weights_find(e->weights, w),
                            .z = z,
                            .rows = rows,
                            .x = *x,
                            .y = engine_matrix(e, x->n, range_n(rows))};
}

struct product engine_gated_of(struct engine *e,
                               const struct gguf_tensor *const gate_up[2],
                               struct range rows,
                               const struct operand *x,
                               bool coded)
{
    struct product p = engine_part_of(e, gate_up[0], 0, rows, x);
    p.up = gate_up[1];
    p.up_packed = weights_find(e->weights, p.up);
    p.up_y = engine_matrix(e, x->n, range_n(rows));
    p.act = coded ? engine_codes(e, range_n(rows), x->n) : NULL;
    return p;
}

struct operand engine_gated(struct engine *e, const struct product *p)
{
    if (!p->act)
        return engine_operand(e, p->y, range_n(p->rows), p->x.n);
    return (struct operand){.x = p->y,
                            .n_in = range_n(p->rows),
                            .q = (const struct packed_x *const *)p->act,
                            .n = p->x.n};
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
