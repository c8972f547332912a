// SPDX-License-Identifier: MIT
// tape_matrix.c - the operators that mix columns or rows.
#include <assert.h>
#include <string.h>

#include "common/math.h"
#include "worker/tensor/kernels.h"
#include "worker/tensor/tape_state.h"

enum { SIDE_MAX = 1024 }; // keys of attention, columns of a norm

static void affine_back(const struct tape_note *n, struct arena *scratch)
{
    struct tape_var *x = n->in[0], *w = n->in[1], *b = n->in[2];
    const float *dy = n->y->g;
    size_t rows = x->rows, in = x->cols, out = w->cols;
    if (w->g)
        dense_product(&(struct dense_product){.a = x->x,
                                              .ai = 1,
                                              .ap = in,
                                              .b = dy,
                                              .bp = out,
                                              .c = w->g,
                                              .ci = out,
                                              .m = in,
                                              .n = out,
                                              .k = rows,
                                              .more = true});
    if (b && b->g)
        dense_sum_rows(b->g, dy, rows, out, out);
    if (!x->g)
        return;
    float *turned = arena_room(scratch, in * out * sizeof *turned);
    dense_transpose(turned, w->x, in, out, out);
    dense_product(&(struct dense_product){.a = dy,
                                          .ai = out,
                                          .ap = 1,
                                          .b = turned,
                                          .bp = in,
                                          .c = x->g,
                                          .ci = in,
                                          .m = rows,
                                          .n = in,
                                          .k = out,
                                          .more = true});
}

struct tape_var *
tape_affine(struct tape *t, struct tape_var *x, struct tape_var *w, struct tape_var *b)
{
    assert(x->cols == w->rows && (!b || b->cols == w->cols));
    struct tape_var *y = tape_new(t, x->rows, w->cols);
    struct tape_note *n = tape_note(t, affine_back, y, x);
    n->in[1] = w;
    n->in[2] = b;
    dense_product(&(struct dense_product){.a = x->x,
                                          .ai = x->cols,
                                          .ap = 1,
                                          .b = w->x,
                                          .bp = w->cols,
                                          .start = b ? b->x : NULL,
                                          .c = y->x,
                                          .ci = w->cols,
                                          .m = x->rows,
                                          .n = w->cols,
                                          .k = x->cols});
    return y;
}

static struct dense_norm norm_of(const struct tape_note *n)
{
    const struct tape_var *x = n->in[0];
    return (struct dense_norm){.x = x->x,
                               .gain = n->in[1]->x,
                               .shift = n->in[2]->x,
                               .y = n->y->x,
                               .keep = (float *)n->data,
                               .rows = x->rows,
                               .cols = x->cols};
}

static void norm_back(const struct tape_note *n, struct arena *scratch)
{
    struct tape_var *x = n->in[0];
    struct dense_norm d = norm_of(n);
    float *unused = x->g ? NULL : arena_alloc(scratch, x->rows * x->cols * sizeof *unused);
    dense_norm_back(&d, n->y->g, x->g ? x->g : unused, n->in[1]->g, n->in[2]->g);
}

struct tape_var *
tape_norm(struct tape *t, struct tape_var *x, struct tape_var *gain, struct tape_var *shift)
{
    assert(x->cols <= SIDE_MAX && gain->cols == x->cols && shift->cols == x->cols);
    struct tape_var *y = tape_new(t, x->rows, x->cols);
    struct tape_note *n = tape_note(t, norm_back, y, x);
    n->in[1] = gain;
    n->in[2] = shift;
    n->data = arena_room(t->arena, 2 * x->rows * sizeof(float));
    struct dense_norm d = norm_of(n);
    dense_norm(&d);
    return y;
}

static void mean_back(const struct tape_note *n, struct arena *scratch)
{
    struct tape_var *x = n->in[0];
    (void)scratch;
    for (size_t r = 0; x->g && r < x->rows; r++)
        kernels_axpy(x->g + r * x->cols, 1 / (float)n->n, n->y->g + (r / n->n) * x->cols,
                     x->cols);
}

struct tape_var *tape_mean(struct tape *t, struct tape_var *x, size_t group)
{
    assert(group && x->rows % group == 0);
    struct tape_var *y = tape_new(t, x->rows / group, x->cols);
    tape_note(t, mean_back, y, x)->n = group;
    memset(y->x, 0, y->rows * y->cols * sizeof *y->x);
    for (size_t r = 0; r < y->rows; r++)
        dense_sum_rows(y->x + r * x->cols, x->x + r * group * x->cols, group, x->cols, x->cols);
    kernels_scale(y->x, 1 / (float)group, y->rows * y->cols);
    return y;
}

static void gather_back(const struct tape_note *n, struct arena *scratch)
{
    struct tape_var *x = n->in[0];
    const uint32_t *rows = n->data;
    (void)scratch;
    for (size_t i = 0; x->g && i < n->y->rows; i++)
        kernels_add(x->g + rows[i] * x->cols, n->y->g + i * x->cols, x->cols);
}

struct tape_var *tape_gather(struct tape *t, struct tape_var *x, const uint32_t *rows, size_t n)
{
    struct tape_var *y = tape_new(t, n, x->cols);
    tape_note(t, gather_back, y, x)->data = arena_copy(t->arena, rows, n * sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        assert(rows[i] < x->rows);
        memcpy(y->x + i * x->cols, x->x + rows[i] * x->cols, x->cols * sizeof *x->x);
    }
    return y;
}

static void concat_back(const struct tape_note *n, struct arena *scratch)
{
    size_t at = 0;
    (void)scratch;
    for (int k = 0; k < 2; k++) {
        struct tape_var *x = n->in[k];
        for (size_t r = 0; x->g && r < x->rows; r++)
            kernels_add(x->g + r * x->cols, n->y->g + r * n->y->cols + at, x->cols);
        at += x->cols;
    }
}

struct tape_var *tape_concat(struct tape *t, struct tape_var *x, struct tape_var *y)
{
    assert(x->rows == y->rows);
    struct tape_var *v = tape_new(t, x->rows, x->cols + y->cols);
    tape_note(t, concat_back, v, x)->in[1] = y;
    for (size_t r = 0; r < x->rows; r++) {
        memcpy(v->x + r * v->cols, x->x + r * x->cols, x->cols * sizeof *x->x);
        memcpy(v->x + r * v->cols + x->cols, y->x + r * y->cols, y->cols * sizeof *y->x);
    }
    return v;
}

// L times some columns of every n rows, into (or added into) others; `stride` from row
// to row of both.
struct power {
    const float *l, *from;
    float *to;
    size_t rows, n, cols, stride;
    bool more;
};

static void power(const struct power *p)
{
    for (size_t r = 0; r < p->rows; r += p->n)
        dense_product(&(struct dense_product){.a = p->l + r * p->n,
                                              .ai = p->n,
                                              .ap = 1,
                                              .b = p->from + r * p->stride,
                                              .bp = p->stride,
                                              .c = p->to + r * p->stride,
                                              .ci = p->stride,
                                              .m = p->n,
                                              .n = p->cols,
                                              .k = p->n,
                                              .more = p->more});
}

static void powers_back(const struct tape_note *n, struct arena *scratch)
{
    struct tape_var *x = n->in[0], *y = n->y;
    size_t order = y->cols / x->cols - 1;
    (void)scratch;
    for (size_t k = order; k > 0; k--)
        power(&(struct power){n->data, y->g + k * x->cols, y->g + (k - 1) * x->cols, y->rows,
                              n->n, x->cols, y->cols, true});
    for (size_t r = 0; x->g && r < x->rows; r++)
        kernels_add(x->g + r * x->cols, y->g + r * y->cols, x->cols);
}

struct tape_var *
tape_powers(struct tape *t, struct tape_var *x, const float *l, size_t n, unsigned order)
{
    assert(n && x->rows % n == 0);
    struct tape_var *y = tape_new(t, x->rows, x->cols * (order + 1));
    struct tape_note *note = tape_note(t, powers_back, y, x);
    note->data = t->plain ? l : arena_copy(t->arena, l, x->rows * n * sizeof *l);
    note->n = n;
    for (size_t r = 0; r < x->rows; r++)
        memcpy(y->x + r * y->cols, x->x + r * x->cols, x->cols * sizeof *x->x);
    for (unsigned k = 0; k < order; k++)
        power(&(struct power){l, y->x + k * x->cols, y->x + (k + 1) * x->cols, y->rows, n,
                              x->cols, y->cols, false});
    return y;
}

static void attention_back(const struct tape_note *n, struct arena *scratch)
{
    (void)scratch;
    dense_attention_back(n->data, &(struct dense_attention_grad){n->y->g, n->in[0]->g,
                                                                 n->in[1]->g, n->in[2]->g});
}

struct tape_var *tape_attention(struct tape *t,
                                struct tape_var *const qkv[3],
                                size_t n_batch,
                                size_t heads,
                                const uint8_t *mask)
{
    struct tape_var *q = qkv[0], *k = qkv[1], *v = qkv[2];
    size_t d = q->cols;
    assert(d % heads == 0 && d / heads <= DENSE_HEAD_MAX && k->cols == d && v->cols == d);
    assert(q->rows % n_batch == 0 && k->rows % n_batch == 0 && k->rows == v->rows);
    assert(k->rows / n_batch <= SIDE_MAX && (t->plain || (q->g && k->g && v->g)));
    struct tape_var *y = tape_new(t, q->rows, d);
    const size_t a_size = d / heads;
    struct dense_attention a = {.q = q->x,
                                .k = k->x,
                                .v = v->x,
                                .y = y->x,
                                .q_stride = d,
                                .k_stride = d,
                                .v_stride = d,
                                .y_stride = d,
                                .n_batch = n_batch,
                                .n_q = q->rows / n_batch,
                                .n_k = k->rows / n_batch,
                                .heads = heads,
                                .size = a_size,
                                .scale = (float)(1 / math_sqrt((double)a_size))};
    a.p = arena_room(t->arena, dense_attention_kept(&a) * sizeof *a.p);
    if (mask)
        a.mask = arena_copy(t->arena, mask, k->rows);
    struct tape_note *n = tape_note(t, attention_back, y, q);
    n->in[1] = k;
    n->in[2] = v;
    n->data = arena_copy(t->arena, &a, sizeof a);
    dense_attention(&a);
    return y;
}

// dx = dy - p sum(dy) over those that take part
static void log_softmax_back(const struct tape_note *n, struct arena *scratch)
{
    struct tape_var *x = n->in[0];
    const uint8_t *mask = n->data;
    size_t cols = x->cols;
    (void)scratch;
    for (size_t r = 0; x->g && r < x->rows; r++) {
        const float *y = n->y->x + r * cols, *dy = n->y->g + r * cols;
        float sum = 0;
        for (size_t i = 0; i < cols; i++)
            sum += !mask || mask[r * cols + i] ? dy[i] : 0;
        for (size_t i = 0; i < cols; i++)
            if (!mask || mask[r * cols + i])
                x->g[r * cols + i] += dy[i] - (float)math_exp((double)y[i]) * sum;
    }
}

static void log_softmax_row(float *y, const float *x, const uint8_t *mask, size_t cols)
{
    float most = -3.4e38F;
    double sum = 0;
    for (size_t i = 0; i < cols; i++)
        most = (!mask || mask[i]) && x[i] > most ? x[i] : most;
    for (size_t i = 0; i < cols; i++)
        sum += !mask || mask[i] ? math_exp((double)(x[i] - most)) : 0;
    for (size_t i = 0; i < cols; i++)
        y[i] = !mask || mask[i] ? (float)((double)(x[i] - most) - math_log(sum)) : 0;
}

struct tape_var *tape_log_softmax(struct tape *t, struct tape_var *x, const uint8_t *mask)
{
    struct tape_var *y = tape_new(t, x->rows, x->cols);
    size_t n = x->rows * x->cols;
    tape_note(t, log_softmax_back, y, x)->data = mask ? arena_copy(t->arena, mask, n) : NULL;
    for (size_t r = 0; r < x->rows; r++)
        log_softmax_row(y->x + r * x->cols, x->x + r * x->cols,
                        mask ? mask + r * x->cols : NULL, x->cols);
    return y;
}
