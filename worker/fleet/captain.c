// SPDX-License-Identifier: MIT
#include "worker/fleet/captain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/math.h"
#include "common/mem.h"
#include "common/rng.h"
#include "worker/fleet/neighbours.h"
#include "worker/tensor/dense.h"

static const struct captain_shape shapes[] = {
    {"captain-64", 64, 4, 1, 32, 4, 1},
    {"captain-128", 128, 8, 2, 64, 4, 2},
};

const struct captain_shape *captain_find(const char *name)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (strcmp(shapes[i].name, name) == 0)
            return &shapes[i];
    return NULL;
}

// One walk serves counting, naming, and building: the order of the calls is the file's.
struct walk {
    const struct captain_shape *s;
    captain_each_fn each;
    void *ctx;
    struct tape *t; // NULL: no building
    struct arena *a;
    float *w, *g;
    size_t at;
};

static struct tape_var *param(struct walk *k, const char *name, size_t rows, size_t cols)
{
    size_t at = k->at;
    k->at += rows * cols;
    if (k->each)
        k->each(k->ctx, name, rows, cols, at);
    return k->t ? tape_param(k->t, k->w + at, k->g ? k->g + at : NULL, rows, cols) : NULL;
}

// A name is made only for who asks: a look has forty of them.
enum { NAME = 64 };
static void __attribute__((format(printf, 3, 4)))
label(const struct walk *k, char *text, const char *format, ...)
{
    va_list ap;
    text[0] = 0;
    if (!k->each)
        return;
    va_start(ap, format);
    (void)vsnprintf(text, NAME, format, ap);
    va_end(ap);
}

static struct tape_var *
linear(struct walk *k, const char *name, struct tape_var *x, size_t in, size_t out)
{
    char text[NAME];
    label(k, text, "%s.weight", name);
    struct tape_var *w = param(k, text, in, out);
    label(k, text, "%s.bias", name);
    struct tape_var *b = param(k, text, 1, out);
    return k->t ? tape_affine(k->t, x, w, b) : NULL;
}

static struct tape_var *norm(struct walk *k, const char *name, struct tape_var *x, size_t n)
{
    char text[NAME];
    label(k, text, "%s.gain", name);
    struct tape_var *gain = param(k, text, 1, n);
    label(k, text, "%s.shift", name);
    struct tape_var *shift = param(k, text, 1, n);
    return k->t ? tape_norm(k->t, x, gain, shift) : NULL;
}

static struct tape_var *add(struct walk *k, struct tape_var *x, struct tape_var *y)
{
    return k->t ? tape_add(k->t, x, y) : NULL;
}

static struct tape_var *bend(struct walk *k, struct tape_var *x)
{
    return k->t ? tape_tanh(k->t, x) : NULL;
}

// Capsules of a graph of n nodes with f features; a large fleet's is thinned out.
static struct tape_var *
graph(struct walk *k, const char *name, struct tape_var *x, size_t n, size_t f)
{
    const size_t d = k->s->width;
    const bool is_fleet = f == OBSERVE_AIRCRAFT;
    char text[NAME];
    float *l = NULL;
    if (k->t && x) {
        l = arena_room(k->a, x->rows * n * sizeof *l);
        for (size_t r = 0; r < x->rows; r += n) {
            dense_laplacian(l + r * n, x->x + r * f, n, f);
            if (is_fleet && n > NEIGHBOURS_ABOVE)
                neighbours_keep(l + r * n, n);
        }
    }
    label(k, text, "%s.first", name);
    struct tape_var *f0 = linear(k, text, x, f, d), *moment = f0, *all = NULL;
    for (uint32_t p = 1; p <= k->s->moments; p++) {
        if (k->t && p > 1)
            moment = tape_mul(k->t, moment, f0);
        label(k, text, "%s.moment%u", name, p);
        struct tape_var *o = k->t ? tape_powers(k->t, moment, l, n, CAPTAIN_ORDER) : NULL;
        o = bend(k, linear(k, text, o, d * (CAPTAIN_ORDER + 1), d));
        all = k->t && all ? tape_concat(k->t, all, o) : o;
    }
    label(k, text, "%s.out", name);
    return bend(k, linear(k, text, all, d * k->s->moments, d));
}

static struct tape_var *encoder_layer(struct walk *k, struct tape_var *x, uint32_t layer)
{
    const size_t e = k->s->series_width;
    static const char *const parts[] = {"query", "key", "value"};
    struct tape_var *qkv[3];
    char text[NAME];
    label(k, text, "series.%u.norm1", layer);
    struct tape_var *h = norm(k, text, x, e);
    for (int i = 0; i < 3; i++) {
        label(k, text, "series.%u.%s", layer, parts[i]);
        qkv[i] = linear(k, text, h, e, e);
    }
    if (k->t)
        h = tape_attention(k->t, qkv, x->rows / OBSERVE_HOURS, k->s->series_heads, NULL);
    label(k, text, "series.%u.mix", layer);
    x = add(k, x, linear(k, text, h, e, e));
    label(k, text, "series.%u.norm2", layer);
    h = norm(k, text, x, e);
    label(k, text, "series.%u.up", layer);
    h = linear(k, text, h, e, CAPTAIN_FORWARD);
    h = k->t ? tape_gelu(k->t, h) : NULL;
    label(k, text, "series.%u.down", layer);
    return add(k, x, linear(k, text, h, CAPTAIN_FORWARD, e));
}

static struct tape_var *series(struct walk *k, struct tape_var *x)
{
    const size_t e = k->s->series_width;
    struct tape_var *h = linear(k, "series.in", x, OBSERVE_SERIES, e);
    h = add(k, h, param(k, "series.position", OBSERVE_HOURS, e));
    for (uint32_t i = 0; i < k->s->layers; i++)
        h = encoder_layer(k, h, i);
    h = k->t ? tape_mean(k->t, h, OBSERVE_HOURS) : NULL;
    return linear(k, "series.out", h, e, k->s->width);
}

// Parameters that `make` would use are gone by, nothing is built.
static void skip(struct walk *k, void (*make)(struct walk *k))
{
    struct tape *t = k->t;
    k->t = NULL;
    make(k);
    k->t = t;
}

static void no_series(struct walk *k)
{
    (void)series(k, NULL);
}

// The series encoder, or what it was known to say.
static struct tape_var *ahead(struct walk *k, const struct captain_batch *b)
{
    const size_t rows = b->n * b->n_ports;
    if (!k->t)
        return series(k, NULL);
    if (!b->ahead)
        return series(k,
                      tape_input(k->t, b->seen.series, rows * OBSERVE_HOURS, OBSERVE_SERIES));
    skip(k, no_series);
    return tape_input(k->t, b->ahead, rows, k->s->width);
}

// logit_j = (glimpse . key_j) / sqrt d, from operators there are.
static struct tape_var *pointer(struct walk *k, struct tape_var *glimpse, struct tape_var *key)
{
    const size_t d = k->s->width, n = glimpse->rows, v = key->rows / n;
    uint32_t *rows = arena_room(k->a, key->rows * sizeof *rows);
    float *ones = arena_room(k->a, d * sizeof *ones);
    for (size_t i = 0; i < key->rows; i++)
        rows[i] = (uint32_t)(i / v);
    for (size_t i = 0; i < d; i++)
        ones[i] = (float)(1 / math_sqrt((double)d));
    struct tape_var *x = tape_mul(k->t, tape_gather(k->t, glimpse, rows, key->rows), key);
    x = tape_affine(k->t, x, tape_input(k->t, ones, d, 1), NULL);
    return tape_param(k->t, x->x, x->g, n, v);
}

static struct tape_var *ports_of(struct walk *k, struct tape_var *x, size_t n)
{
    return graph(k, "ports", x, n, OBSERVE_PORT);
}

static struct tape_var *aircraft_of(struct walk *k, struct tape_var *x, size_t n)
{
    return graph(k, "aircraft", x, n, OBSERVE_AIRCRAFT);
}

static void no_graphs(struct walk *k)
{
    (void)ports_of(k, NULL, 0);
    (void)aircraft_of(k, NULL, 0);
}

static struct captain_view walk(struct walk *k, const struct captain_batch *b)
{
    const size_t d = k->s->width, n = b->n, v = b->n_ports, m = b->n_aircraft;
    struct tape_var *in[3] = {0}, *qkv[3], *g_v = NULL, *h_a = NULL;
    struct captain_view out = {0};
    if (k->t) {
        in[0] = tape_input(k->t, b->seen.ports, n * v, OBSERVE_PORT);
        in[1] = tape_input(k->t, b->seen.aircraft, n * m, OBSERVE_AIRCRAFT);
        in[2] = tape_input(k->t, b->seen.pairs, n * v, OBSERVE_PAIR);
    }
    struct tape_var *ports = ports_of(k, in[0], v);
    struct tape_var *aircraft = aircraft_of(k, in[1], m);
    ports = add(k, ports, ahead(k, b));
    if (k->t) {
        uint32_t *rows = arena_room(k->a, n * sizeof *rows);
        for (size_t i = 0; i < n; i++)
            rows[i] = (uint32_t)(i * m) + b->deciding[i];
        g_v = tape_mean(k->t, ports, v);
        h_a = tape_concat(k->t, tape_gather(k->t, aircraft, rows, n),
                          tape_mean(k->t, aircraft, m));
    }
    struct tape_var *c = add(k, linear(k, "context", h_a, 2 * d, d), g_v);
    struct tape_var *nodes = add(k, ports, linear(k, "pairs", in[2], OBSERVE_PAIR, d));
    qkv[0] = add(k, linear(k, "query", g_v, d, d), c);
    qkv[1] = linear(k, "glimpse.key", nodes, d, d);
    qkv[2] = linear(k, "glimpse.value", nodes, d, d);
    struct tape_var *key = linear(k, "logit.key", nodes, d, d);
    struct tape_var *glimpse = k->t ? tape_attention(k->t, qkv, n, k->s->heads, NULL) : NULL;
    glimpse = linear(k, "glimpse.out", glimpse, d, d);
    if (k->t)
        out.log_p = tape_log_softmax(k->t, pointer(k, glimpse, key), b->seen.mask);
    out.value = linear(k, "value.out", bend(k, linear(k, "value.in", c, d, d)), d, 1);
    return out;
}

size_t captain_walk(const struct captain_shape *s, captain_each_fn each, void *ctx)
{
    struct walk k = {.s = s, .each = each, .ctx = ctx};
    (void)walk(&k, &(struct captain_batch){0});
    return k.at;
}

struct captain_view captain_look(const struct captain_shape *s,
                                 struct tape *t,
                                 struct arena *a,
                                 float *w,
                                 float *g,
                                 const struct captain_batch *b)
{
    struct walk k = {.s = s, .t = t, .a = a, .w = w, .g = g};
    return walk(&k, b);
}

struct tape_var *captain_ahead(const struct captain_shape *s,
                               struct tape *t,
                               struct arena *a,
                               float *w,
                               const float *from,
                               size_t n)
{
    struct walk k = {.s = s, .t = t, .a = a, .w = w};
    skip(&k, no_graphs);
    return series(&k, tape_input(t, from, n * OBSERVE_HOURS, OBSERVE_SERIES));
}

// ---- first weights -----------------------------------------------------------------------

struct init {
    uint64_t seed;
    float *w;
    uint32_t n;
};

// Gram-Schmidt, twice for exactness, over the shorter side.
static void orthogonal(double *q, size_t n, size_t len)
{
    for (size_t i = 0; i < n; i++) {
        double *x = q + i * len;
        for (size_t j = 0; j < 2 * i; j++) {
            const double *y = q + j % i * len;
            double dot = 0;
            for (size_t c = 0; c < len; c++)
                dot += x[c] * y[c];
            for (size_t c = 0; c < len; c++)
                x[c] -= dot * y[c];
        }
        double norm2 = 0;
        for (size_t c = 0; c < len; c++)
            norm2 += x[c] * x[c];
        for (size_t c = 0; c < len; c++)
            x[c] /= math_sqrt(norm2);
    }
}

static void init_one(void *ctx, const char *name, size_t rows, size_t cols, size_t at)
{
    struct init *z = ctx;
    const char *dot = strrchr(name, '.');
    uint32_t number = z->n++;
    if (strcmp(dot, ".gain") == 0)
        for (size_t i = 0; i < cols; i++)
            z->w[at + i] = 1;
    if (strcmp(dot, ".weight") != 0)
        return;
    size_t n = rows < cols ? rows : cols, len = rows < cols ? cols : rows;
    double *q = mem_alloc(n * len * sizeof *q);
    struct rng r = rng_at(z->seed, number, 14, 0);
    for (size_t i = 0; i < n * len; i++)
        q[i] = rng_normal(&r);
    orthogonal(q, n, len);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            z->w[at + i * cols + j] = (float)(rows < cols ? q[i * len + j] : q[j * len + i]);
    mem_free(q);
}

void captain_init(const struct captain_shape *s, uint64_t seed, float *w)
{
    struct init z = {.seed = seed, .w = w};
    memset(w, 0, captain_walk(s, NULL, NULL) * sizeof *w);
    (void)captain_walk(s, init_one, &z);
}
