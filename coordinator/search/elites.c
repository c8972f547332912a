// SPDX-License-Identifier: MIT
#include "coordinator/search/elites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/mem.h"

// Bags of decisions are compared by this many counters, and with so many first points.
enum { COUNTERS = 64, REFERENCES = 5, UNIT_PARTS = 8 };

#define EMPTY UINT32_MAX

struct bag {
    uint32_t n;
    uint16_t counts[COUNTERS];
};

struct island {
    uint32_t cells[BINS_MAX * BINS_MAX];
    uint32_t order[BINS_MAX * BINS_MAX]; // of the cells' records, best first
    uint32_t n;                          // in it
};

struct elites {
    const struct history *history;
    struct elites_settings set;
    uint32_t size_max; // of a point, constants not counted
    uint32_t n_references;
    struct bag references[REFERENCES];
    struct island *islands;
};

static bool is_constant(const struct history *h, const struct gene *g)
{
    return h->space->slots[g->slot].role == ROLE_CONSTANT;
}

struct elites *elites_create(const struct history *h, const struct elites_settings *s)
{
    struct elites *e = mem_alloc(sizeof *e);
    uint32_t n_constants = 0;

    *e = (struct elites){.history = h, .set = *s};
    e->islands = mem_alloc(s->n_islands * sizeof *e->islands);
    for (uint32_t i = 0; i < s->n_islands; i++) {
        e->islands[i].n = 0;
        memset(e->islands[i].cells, 0xff, sizeof e->islands[i].cells);
    }
    for (uint32_t i = 0; i < h->space->n_slots; i++)
        n_constants += h->space->slots[i].role == ROLE_CONSTANT;
    e->size_max = h->space->n_genes_max;
    if (n_constants < e->size_max) // those of branches that exclude each other count all
        e->size_max -= n_constants;
    return e;
}

void elites_destroy(struct elites *e)
{
    if (!e)
        return;
    mem_free(e->islands);
    mem_free(e);
}

// ---- where a point belongs ---------------------------------------------------------------
static uint32_t size_of(const struct history *h, const struct point *p)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->n; i++)
        n += !is_constant(h, &p->genes[i]);
    return n;
}

// What a decision says, wherever in a program it stands.
static uint64_t key_of(const struct history *h, const struct gene *g)
{
    const struct slot *s = &h->space->slots[g->slot];
    uint32_t slot = s->role == ROLE_PROGRAM ? g->slot - s->index * s->stride : g->slot;
    uint64_t what = s->kind == SLOT_CHOICE ? g->k : (uint64_t)(slot_unit(s, *g) * UNIT_PARTS);

    return hash_mix64(((uint64_t)slot << 32) ^ what);
}

static struct bag bag_of(const struct history *h, const struct point *p)
{
    struct bag b = {0};

    for (uint32_t i = 0; i < p->n; i++) {
        if (is_constant(h, &p->genes[i]))
            continue;
        uint16_t *count = &b.counts[key_of(h, &p->genes[i]) % COUNTERS];
        *count = (uint16_t)(*count + (*count < UINT16_MAX));
        b.n++;
    }
    return b;
}

// Share of the decisions that are not in both.
static double distance(const struct bag *a, const struct bag *b)
{
    uint32_t apart = 0;

    for (int i = 0; i < COUNTERS; i++)
        apart += (uint32_t)abs(a->counts[i] - b->counts[i]);
    return a->n + b->n ? apart / (double)(a->n + b->n) : 0;
}

static uint32_t bin_of(const struct elites *e, double x)
{
    double k = floor(x * e->set.bins);

    return k <= 0 ? 0 : k >= e->set.bins ? e->set.bins - 1 : (uint32_t)k;
}

static uint32_t cell_of(struct elites *e, const struct record *r)
{
    const struct history *h = e->history;
    struct bag b = bag_of(h, &r->point);
    double far = 0;

    for (uint32_t i = 0; i < e->n_references; i++)
        far += distance(&b, &e->references[i]) / e->n_references;
    if (e->n_references < REFERENCES && r->score.verdict == SCORE_FEASIBLE)
        e->references[e->n_references++] = b;
    double part = e->size_max ? (size_of(h, &r->point) - 1.0) / e->size_max : 0;
    return bin_of(e, part) * BINS_MAX + bin_of(e, far);
}

// ---- who holds a cell --------------------------------------------------------------------
// Of equals the smaller, then the older.
static bool is_better(const struct elites *e, uint32_t a, uint32_t b)
{
    const struct record *r = e->history->records;
    uint32_t n = e->history->objectives->n;

    if (n > 1)
        return score_dominates(&r[a].score, &r[b].score, n);
    int c = score_compare(&r[a].score, &r[b].score, 1);
    if (c)
        return c < 0;
    uint32_t size_a = size_of(e->history, &r[a].point),
             size_b = size_of(e->history, &r[b].point);
    return size_a != size_b ? size_a < size_b : a < b;
}

static void drop(struct island *l, uint32_t record)
{
    uint32_t i = 0;

    while (l->order[i] != record)
        i++;
    memmove(&l->order[i], &l->order[i + 1], (l->n - i - 1) * sizeof l->order[0]);
    l->n--;
}

static void settle(struct elites *e, struct island *l, uint32_t record, uint32_t cell)
{
    uint32_t holder = l->cells[cell], at = 0;

    if (holder == record || (holder != EMPTY && !is_better(e, record, holder)))
        return;
    for (uint32_t i = 0; i < l->n; i++)
        if (l->order[i] == record)
            return; // an immigrant that came before
    if (holder != EMPTY)
        drop(l, holder);
    l->cells[cell] = record;
    while (at < l->n && !is_better(e, record, l->order[at]))
        at++;
    memmove(&l->order[at + 1], &l->order[at], (l->n - at) * sizeof l->order[0]);
    l->order[at] = record;
    l->n++;
}

// The best of every island to the next one; all leave before any arrives.
static void migrate(struct elites *e)
{
    uint32_t n = e->set.n_islands, counts[ISLANDS_MAX];
    uint32_t(*leaving)[BINS_MAX * BINS_MAX] = mem_alloc(n * sizeof *leaving);

    for (uint32_t i = 0; i < n; i++) {
        struct island *l = &e->islands[i];
        counts[i] = (uint32_t)ceil(e->set.rate * l->n);
        memcpy(leaving[i], l->order, counts[i] * sizeof l->order[0]);
    }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < counts[i]; k++)
            settle(e, &e->islands[(i + 1) % n], leaving[i][k],
                   cell_of(e, &e->history->records[leaving[i][k]]));
    mem_free(leaving);
}

void elites_add(struct elites *e, uint32_t record)
{
    const struct record *r = &e->history->records[record];
    uint32_t n = e->set.n_islands;

    if (r->score.verdict != SCORE_FAILED)
        settle(e, &e->islands[record % n], record, cell_of(e, r));
    if (n > 1 && (record + 1) % (n * e->set.period) == 0)
        migrate(e);
}

uint32_t elites_of(const struct elites *e, uint32_t island, const uint32_t **records)
{
    *records = e->islands[island].order;
    return e->islands[island].n;
}
