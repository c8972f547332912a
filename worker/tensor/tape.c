// SPDX-License-Identifier: MIT
// tape.c - the notes, and the operators that work element by element.
#include "worker/tensor/tape.h"

#include <assert.h>
#include <string.h>

#include "worker/tensor/kernels.h"
#include "worker/tensor/tape_state.h"

struct tape *tape_begin(struct arena *a)
{
    struct tape *t = arena_alloc(a, sizeof *t);
    t->arena = a;
    return t;
}

struct tape *tape_begin_plain(struct arena *a)
{
    struct tape *t = tape_begin(a);
    t->plain = true;
    return t;
}

void tape_back(struct tape *t)
{
    for (const struct tape_note *n = t->last; n; n = n->before) {
        struct arena_mark m = arena_mark(t->arena);
        n->back(n, t->arena);
        arena_release(t->arena, m);
    }
}

struct tape_var *tape_param(struct tape *t, float *x, float *g, size_t rows, size_t cols)
{
    struct tape_var *v = arena_alloc(t->arena, sizeof *v);
    *v = (struct tape_var){.x = x, .g = g, .rows = rows, .cols = cols};
    return v;
}

struct tape_var *tape_input(struct tape *t, const float *x, size_t rows, size_t cols)
{
    // A plain tape reads it only: `made` stays false.
    float *own = t->plain ? (float *)x : arena_copy(t->arena, x, rows * cols * sizeof *x);
    return tape_param(t, own, NULL, rows, cols);
}

struct tape_var *tape_new(struct tape *t, size_t rows, size_t cols)
{
    float *x = arena_room(t->arena, rows * cols * sizeof *x);
    float *g = t->plain ? NULL : arena_alloc(t->arena, rows * cols * sizeof *g);
    struct tape_var *v = tape_param(t, x, g, rows, cols);
    v->made = true;
    return v;
}

// Where an operator that works element by element puts its result.
static struct tape_var *result(struct tape *t, struct tape_var *x)
{
    return t->plain && x->made ? x : tape_new(t, x->rows, x->cols);
}

struct tape_note *tape_note(struct tape *t,
                            void (*back)(const struct tape_note *n, struct arena *scratch),
                            struct tape_var *y,
                            struct tape_var *x)
{
    struct tape_note *n = arena_alloc(t->arena, sizeof *n);
    *n = (struct tape_note){.back = back, .y = y, .in = {x}, .before = t->last};
    if (!t->plain)
        t->last = n;
    return n;
}

static size_t size_of(const struct tape_var *v)
{
    return v->rows * v->cols;
}

static void add_back(const struct tape_note *n, struct arena *scratch)
{
    struct tape_var *x = n->in[0], *y = n->in[1];
    (void)scratch;
    if (x->g)
        kernels_add(x->g, n->y->g, size_of(x));
    for (size_t r = 0; y->g && r < x->rows; r += y->rows)
        kernels_add(y->g, n->y->g + r * x->cols, size_of(y));
}

struct tape_var *tape_add(struct tape *t, struct tape_var *x, struct tape_var *y)
{
    assert(x->cols == y->cols && x->rows % y->rows == 0);
    struct tape_var *v = result(t, x);
    tape_note(t, add_back, v, x)->in[1] = y;
    if (v != x)
        memcpy(v->x, x->x, size_of(x) * sizeof *x->x);
    for (size_t r = 0; r < x->rows; r += y->rows)
        kernels_add(v->x + r * x->cols, y->x, size_of(y));
    return v;
}

static void mul_back(const struct tape_note *n, struct arena *scratch)
{
    struct tape_var *x = n->in[0], *y = n->in[1];
    (void)scratch;
    if (x->g)
        dense_mul_back(x->g, y->x, n->y->g, size_of(x));
    if (y->g)
        dense_mul_back(y->g, x->x, n->y->g, size_of(x));
}

struct tape_var *tape_mul(struct tape *t, struct tape_var *x, struct tape_var *y)
{
    assert(x->cols == y->cols && x->rows == y->rows);
    struct tape_var *v = tape_new(t, x->rows, x->cols);
    tape_note(t, mul_back, v, x)->in[1] = y;
    dense_mul(v->x, x->x, y->x, size_of(x));
    return v;
}

static void tanh_back(const struct tape_note *n, struct arena *scratch)
{
    (void)scratch;
    if (n->in[0]->g)
        dense_tanh_back(n->in[0]->g, n->y->x, n->y->g, size_of(n->y));
}

struct tape_var *tape_tanh(struct tape *t, struct tape_var *x)
{
    struct tape_var *v = result(t, x);
    (void)tape_note(t, tanh_back, v, x);
    dense_tanh(v->x, x->x, size_of(x));
    return v;
}

static void gelu_back(const struct tape_note *n, struct arena *scratch)
{
    (void)scratch;
    if (n->in[0]->g)
        dense_gelu_back(n->in[0]->g, n->in[0]->x, n->y->g, size_of(n->y));
}

struct tape_var *tape_gelu(struct tape *t, struct tape_var *x)
{
    struct tape_var *v = result(t, x);
    (void)tape_note(t, gelu_back, v, x);
    dense_gelu(v->x, x->x, size_of(x));
    return v;
}

static void relu_back(const struct tape_note *n, struct arena *scratch)
{
    (void)scratch;
    for (size_t i = 0; n->in[0]->g && i < size_of(n->y); i++)
        n->in[0]->g[i] += n->in[0]->x[i] > 0 ? n->y->g[i] : 0;
}

struct tape_var *tape_relu(struct tape *t, struct tape_var *x)
{
    struct tape_var *v = tape_new(t, x->rows, x->cols);
    (void)tape_note(t, relu_back, v, x);
    for (size_t i = 0; i < size_of(x); i++)
        v->x[i] = x->x[i] > 0 ? x->x[i] : 0;
    return v;
}
