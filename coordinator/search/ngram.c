// SPDX-License-Identifier: MIT
#include "coordinator/search/ngram.h"

#include <string.h>

#include "common/hash.h"
#include "common/mem.h"

// Numbers with more places than TABLE_MAX are hats over KNOTS knots.
enum { TABLE_MAX = 16, KNOTS = 9 };

// The constant is not to be shrunk: it is a feature of this size.
#define CONSTANT 10.0
// A parabola along a number is shrunk less than what the hats add to it.
#define SMOOTH 3.0

struct feature {
    uint32_t i;
    double x;
};

struct ngram {
    const struct history *history;
    double ridge;
    struct map numbers; // feature's key -> its number
    uint32_t *families; // of a slot: the first slot of its dimension
    uint32_t n, cap;
    double *inverse;                 // [cap * cap]
    double *sums[OBJECTIVES_MAX];    // [cap] X'y
    double *weights[OBJECTIVES_MAX]; // [cap]
    bool is_stale;
    double *scratch; // [cap]
    uint32_t n_features;
    struct feature *features; // of the point at hand
};

struct ngram *ngram_create(const struct history *h, double ridge)
{
    struct ngram *g = mem_alloc(sizeof *g);
    const struct space *s = h->space;

    g->history = h;
    g->ridge = ridge;
    map_init(&g->numbers);
    g->families = mem_alloc((s->n_slots + 1) * sizeof *g->families);
    for (uint32_t i = 0; i < s->n_slots; i++) {
        // The elements of a sequence repeat their slots at a fixed distance.
        bool follows = i > 0 && s->slots[i].dimension == s->slots[i - 1].dimension;
        g->families[i] = follows ? g->families[i - 1] : i;
    }
    g->features = mem_alloc((4 * (size_t)s->n_genes_max + 8) * sizeof *g->features);
    return g;
}

void ngram_destroy(struct ngram *g)
{
    if (!g)
        return;
    for (uint32_t i = 0; i < OBJECTIVES_MAX; i++) {
        mem_free(g->sums[i]);
        mem_free(g->weights[i]);
    }
    map_fini(&g->numbers);
    mem_free(g->families);
    mem_free(g->inverse);
    mem_free(g->scratch);
    mem_free(g->features);
    mem_free(g);
}

// --- features -------------------------------------------------------------------------
static void grow(struct ngram *g)
{
    uint32_t old = g->cap, cap = old ? old * 2 : 64;
    double *inverse = mem_alloc((size_t)cap * cap * sizeof *inverse);

    for (uint32_t i = 0; i < old; i++)
        memcpy(inverse + (size_t)i * cap, g->inverse + (size_t)i * old, old * sizeof *inverse);
    mem_free(g->inverse);
    g->inverse = inverse;
    g->cap = cap;
    g->scratch = mem_realloc(g->scratch, cap * sizeof *g->scratch);
    for (uint32_t i = 0; i < g->history->objectives->n; i++) {
        g->sums[i] = mem_realloc(g->sums[i], cap * sizeof *g->sums[i]);
        g->weights[i] = mem_realloc(g->weights[i], cap * sizeof *g->weights[i]);
    }
}

static uint32_t add_number(struct ngram *g, uint64_t key)
{
    if (g->n == g->cap)
        grow(g);
    for (uint32_t i = 0; i < g->history->objectives->n; i++)
        g->sums[i][g->n] = g->weights[i][g->n] = 0;
    g->inverse[(size_t)g->n * g->cap + g->n] = 1 / g->ridge;
    map_set(&g->numbers, key, g->n);
    return g->n++;
}

// A feature that the model never saw says nothing unless it is being learnt.
static void put(struct ngram *g, bool learns, uint64_t key, double x)
{
    uint64_t i;

    if (!map_find(&g->numbers, key, &i)) {
        if (!learns && g->n < NGRAM_MAX)
            i = UINT32_MAX;
        else
            i = g->n < NGRAM_MAX ? add_number(g, key) : hash_mix64(key) % NGRAM_MAX;
    }
    for (uint32_t j = 0; j < g->n_features; j++)
        if (g->features[j].i == i && i != UINT32_MAX) {
            g->features[j].x += x;
            return;
        }
    g->features[g->n_features++] = (struct feature){(uint32_t)i, x};
}

static uint64_t key_of(uint32_t kind, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    uint64_t h = hash_mix64(kind);
    h = hash_mix64(h ^ a);
    h = hash_mix64(h ^ b);
    h = hash_mix64(h ^ c);
    return hash_mix64(h ^ d);
}

static bool is_table(const struct slot *s)
{
    return s->kind == SLOT_CHOICE || (s->kind == SLOT_GRID && s->n <= TABLE_MAX);
}

enum kind {
    KIND_CONSTANT,
    KIND_OPTION,
    KIND_HAT,
    KIND_PAIR,
    KIND_COUNT,
    KIND_NEIGHBOURS,
    KIND_SLOPE,
    KIND_BEND
};

static void put_number(struct ngram *g, bool learns, const struct slot *s, struct gene gene)
{
    double at = slot_unit(s, gene) * (KNOTS - 1);
    uint32_t knot = at >= KNOTS - 1 ? KNOTS - 2 : (uint32_t)at;
    double part = at - knot;

    put(g, learns, key_of(KIND_HAT, gene.slot, knot, 0, 0), 1 - part);
    put(g, learns, key_of(KIND_HAT, gene.slot, knot + 1, 0, 0), part);
    double u = 2 * slot_unit(s, gene) - 1;
    put(g, learns, key_of(KIND_SLOPE, gene.slot, 0, 0, 0), SMOOTH * u);
    put(g, learns, key_of(KIND_BEND, gene.slot, 0, 0, 0), SMOOTH * u * u);
}

static void put_options(struct ngram *g, bool learns, const struct point *p, uint32_t i)
{
    const struct slot *slots = g->history->space->slots;
    struct gene b = p->genes[i];
    const struct slot *s = &slots[b.slot];
    bool repeats = s->role == ROLE_VALUE && g->families[b.slot] != b.slot;

    put(g, learns, key_of(KIND_OPTION, b.slot, b.k, 0, 0), 1);
    if (i == 0 || !is_table(&slots[p->genes[i - 1].slot]))
        return;
    struct gene a = p->genes[i - 1];
    put(g, learns, key_of(KIND_PAIR, a.slot, a.k, b.slot, b.k), 1);
    if (repeats && g->families[a.slot] == g->families[b.slot])
        put(g, learns, key_of(KIND_NEIGHBOURS, g->families[b.slot], a.k, b.k, 0), 1);
}

static void featurize(struct ngram *g, const struct point *p, bool learns)
{
    const struct space *s = g->history->space;

    g->n_features = 0;
    put(g, learns, key_of(KIND_CONSTANT, 0, 0, 0, 0), CONSTANT);
    for (uint32_t i = 0; i < p->n; i++) {
        const struct slot *slot = &s->slots[p->genes[i].slot];
        if (is_table(slot))
            put_options(g, learns, p, i);
        else
            put_number(g, learns, slot, p->genes[i]);
    }
}

// --- regression -----------------------------------------------------------------------
// scratch = inverse * x; returns x' inverse x, with what is unknown at its prior.
static double spread(struct ngram *g, double *out)
{
    double sum = 0;

    memset(out, 0, g->n * sizeof *out);
    for (uint32_t j = 0; j < g->n_features; j++) {
        const struct feature *f = &g->features[j];
        if (f->i == UINT32_MAX)
            continue;
        const double *row = g->inverse + (size_t)f->i * g->cap;
        for (uint32_t i = 0; i < g->n; i++)
            out[i] += row[i] * f->x;
    }
    for (uint32_t j = 0; j < g->n_features; j++)
        if (g->features[j].i != UINT32_MAX)
            sum += g->features[j].x * out[g->features[j].i];
    return sum;
}

void ngram_add(struct ngram *g, const struct point *p, const double *losses)
{
    featurize(g, p, true);
    double scale = 1 / (1 + spread(g, g->scratch));
    for (uint32_t i = 0; i < g->n; i++) {
        double *row = g->inverse + (size_t)i * g->cap, factor = scale * g->scratch[i];
        for (uint32_t j = 0; factor != 0 && j < g->n; j++)
            row[j] -= factor * g->scratch[j];
    }
    for (uint32_t j = 0; j < g->n_features; j++)
        for (uint32_t i = 0; i < g->history->objectives->n; i++)
            g->sums[i][g->features[j].i] += g->features[j].x * losses[i];
    g->is_stale = true;
}

static void refresh(struct ngram *g)
{
    for (uint32_t k = 0; k < g->history->objectives->n; k++)
        for (uint32_t i = 0; i < g->n; i++) {
            const double *row = g->inverse + (size_t)i * g->cap;
            double sum = 0;
            for (uint32_t j = 0; j < g->n; j++)
                sum += row[j] * g->sums[k][j];
            g->weights[k][i] = sum;
        }
    g->is_stale = false;
}

struct ngram_guess ngram_guess(struct ngram *g, const struct point *p)
{
    struct ngram_guess out = {.variance = 0};

    if (g->is_stale)
        refresh(g);
    featurize(g, p, false);
    for (uint32_t j = 0; j < g->n_features; j++) {
        const struct feature *f = &g->features[j];
        if (f->i == UINT32_MAX) {
            out.variance += f->x * f->x / g->ridge;
            continue;
        }
        const double *row = g->inverse + (size_t)f->i * g->cap;
        for (uint32_t i = 0; i < g->history->objectives->n; i++)
            out.mean[i] += f->x * g->weights[i][f->i];
        for (uint32_t i = 0; i < g->n_features; i++)
            if (g->features[i].i != UINT32_MAX)
                out.variance += f->x * g->features[i].x * row[g->features[i].i];
    }
    return out;
}
