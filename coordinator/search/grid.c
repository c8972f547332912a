// SPDX-License-Identifier: MIT
#include <math.h>

#include "common/mem.h"
#include "coordinator/search/algorithm.h"

enum knob_index { KNOB_LEVELS };

// Points that an ask or a tell passes over at most: those that `where` rejects, and those
// that were asked before.
enum { STEPS_MAX = 1000000, LEVELS_MAX = 4096, REFINEMENTS_MAX = 12 };

static const struct knob knobs_table[] = {
    {"levels", KNOB_INT, 2, LEVELS_MAX, 5,
     "places along a float without a step, both ends among them; each further round halves "
     "their distance"},
    {0},
};

struct grid {
    const struct history *history;
    uint64_t n_levels;
    // Every place up to here was told; made by tell alone.
    struct point told;
    uint32_t round;
    bool is_spent; // no round has a further point
};

struct place {
    struct point *point;
    uint32_t round;
};

static void *create(const struct history *h, const double *knobs)
{
    struct grid *g = mem_alloc(sizeof *g);

    g->history = h;
    g->n_levels = (uint64_t)knobs[KNOB_LEVELS];
    g->told.genes = mem_alloc((h->space->n_genes_max + 1) * sizeof *g->told.genes);
    return g;
}

static void destroy(void *state)
{
    struct grid *g = state;
    if (!g)
        return;
    mem_free(g->told.genes);
    mem_free(g);
}

// --- the order of the places --------------------------------------------------------
static uint64_t levels_of(const struct grid *g, uint32_t round)
{
    return ((g->n_levels - 1) << round) + 1;
}

static struct gene level(const struct decision *d, uint64_t i, uint64_t n)
{
    if (d->slot->kind == SLOT_FLOAT)
        return slot_gene(d->slot, d->index, (double)i / (double)(n - 1));
    return (struct gene){.slot = d->index, .k = i};
}

// The first option after the gene (NULL: first of all); false when there is none.
static bool option_after(const struct grid *g,
                         uint32_t round,
                         const struct decision *d,
                         const struct gene *last,
                         struct gene *out)
{
    bool is_float = d->slot->kind == SLOT_FLOAT;
    uint64_t n = is_float ? levels_of(g, round) : d->slot->n, i = 0;

    if (last)
        i = 1
            + (is_float ? (uint64_t)(slot_unit(d->slot, *last) * (double)(n - 1) + 0.5)
                        : last->k);
    for (; i < n; i++) {
        *out = level(d, i, n);
        if (decision_allows(d, *out))
            return true;
    }
    return false;
}

static bool bump(const struct grid *g, const struct place *at)
{
    struct point *p = at->point;
    struct walk *w = g->history->walk;
    struct decision d;
    struct gene next;

    while (p->n) {
        struct gene last = p->genes[--p->n];
        if (!walk_resume(w, p) || !walk_next(w, &d)
            || !option_after(g, at->round, &d, &last, &next))
            continue;
        walk_take(w, next);
        return true;
    }
    return false;
}

// The next place of the round behind *at, from an empty point the first.
static bool next_in_round(const struct grid *g, const struct place *at, uint64_t *budget)
{
    struct walk *w = g->history->walk;
    struct decision d;
    struct gene next;

    if (at->point->n == 0)
        walk_start(w, at->point);
    else if (!bump(g, at))
        return false;
    while (*budget) {
        --*budget;
        while (walk_next(w, &d) && option_after(g, at->round, &d, NULL, &next))
            walk_take(w, next);
        if (walk_is_valid(w))
            return true;
        if (!bump(g, at))
            return false;
    }
    return false;
}

// Of a finite space one round is all; with floats each round halves the distances.
static bool next_place(const struct grid *g, struct place *at, uint64_t *budget)
{
    bool is_finite = isfinite(g->history->space->n_points);

    while (!next_in_round(g, at, budget)) {
        if (is_finite || at->round >= REFINEMENTS_MAX || !*budget)
            return false;
        at->round++;
        at->point->n = 0;
    }
    return true;
}

// --- asking -------------------------------------------------------------------------
static void tell(void *state, uint32_t record)
{
    struct grid *g = state;
    const struct history *h = g->history;
    struct point next = {.genes = mem_alloc((h->space->n_genes_max + 1) * sizeof *next.genes)};
    uint64_t budget = STEPS_MAX;
    uint32_t found;

    (void)record;
    while (!g->is_spent) {
        struct place at = {&next, g->round};
        point_copy(&next, &g->told);
        if (!next_place(g, &at, &budget)) {
            g->is_spent = true;
            break;
        }
        if (!history_find(h, &next, &found) || found >= h->n_told)
            break;
        point_copy(&g->told, &next);
        g->round = at.round;
    }
    mem_free(next.genes);
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    const struct grid *g = state;
    uint64_t budget = STEPS_MAX;
    struct place at = {out, g->round};

    if (q->attempt > 0 || g->is_spent)
        return false;
    point_copy(out, &g->told);
    while (next_place(g, &at, &budget))
        if (!history_find(g->history, out, NULL))
            return true;
    return false;
}

const struct algorithm grid_algorithm = {
    .name = "grid",
    .version = "grid-1",
    .help =
        "Every point in order, the last decision fastest, each exactly once; floats at evenly "
        "spread places that each further round doubles.",
    .source = "full factorial design; Fisher, The Design of Experiments (1935)",
    .knobs = knobs_table,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .ask = ask,
};
