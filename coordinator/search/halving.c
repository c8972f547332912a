// SPDX-License-Identifier: MIT
#include "coordinator/search/halving.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/hash.h"
#include "common/math.h"
#include "common/mem.h"

enum knob_index { KNOB_LOCAL, KNOB_ENOUGH };

enum { ENTITY_NEW = 1, RUNGS_MAX = 32 };

const struct knob halving_knobs[] = {
    {"local", KNOB_FLOAT, 0, 1, 0.5, "share of new configurations from around the best"},
    {"enough", KNOB_INT, 2, 1000, 6, "results of a rung before it tells what is good"},
    {0},
};

struct entry {
    uint32_t record;
    bool is_promoted; // asked at the next rung
};

// Those told at one rung of one bracket, best first.
struct rung {
    uint32_t n, cap;
    uint32_t first_open; // all before it were promoted
    struct entry *entries;
};

struct halving {
    const struct history *history;
    double local;
    uint32_t n_enough;
    uint32_t n_rungs, n_brackets;
    double eta;
    struct rung (*rungs)[RUNGS_MAX]; // [bracket][rung]
    struct map starts;               // key of a configuration -> its bracket
    double quota[RUNGS_MAX];         // configurations of a bracket, as shares
    uint64_t n_started[RUNGS_MAX];   // told ones
    char remark[120];
};

void *halving_create(const struct history *h, const double *knobs, uint32_t n_brackets)
{
    struct halving *s = mem_alloc(sizeof *s);
    const struct space *space = h->space;
    bool has_levels = space->fidelity < space->n_slots;

    s->history = h;
    s->local = knobs[KNOB_LOCAL];
    s->n_enough = (uint32_t)knobs[KNOB_ENOUGH];
    s->n_rungs = has_levels ? (uint32_t)space->slots[space->fidelity].n : 1;
    s->eta = has_levels ? space->eta : 3;
    s->n_brackets = n_brackets < s->n_rungs ? n_brackets : s->n_rungs;
    s->rungs = mem_alloc(s->n_brackets * sizeof *s->rungs);
    map_init(&s->starts);
    // Bracket b of s_max + 1 starts (s_max + 1) / (s + 1) * eta^s of them, s = s_max - b.
    for (uint32_t b = 0; b < s->n_brackets; b++) {
        double left = s->n_rungs - 1 - b;
        s->quota[b] = ceil(s->n_rungs / (left + 1) * math_pow(s->eta, left));
    }
    return s;
}

void halving_destroy(void *state)
{
    struct halving *s = state;
    if (!s)
        return;
    for (uint32_t b = 0; b < s->n_brackets; b++)
        for (uint32_t r = 0; r < s->n_rungs; r++)
            mem_free(s->rungs[b][r].entries);
    mem_free(s->rungs);
    map_fini(&s->starts);
    mem_free(s);
}

static uint32_t rung_of(const struct halving *s, const struct point *p)
{
    const struct gene *g = s->n_rungs > 1 ? point_find(p, s->history->space->fidelity) : NULL;
    return g ? (uint32_t)g->k : s->n_rungs - 1;
}

// Of the configuration, whatever its fidelity.
static uint64_t key_of(const struct halving *s, const struct point *p)
{
    uint64_t key = 0;
    for (uint32_t i = 0; i < p->n; i++)
        if (p->genes[i].slot != s->history->space->fidelity)
            key = hash_mix64(key ^ hash_mix64(p->genes[i].slot + 1) ^ p->genes[i].k);
    return key;
}

static int compare(const struct halving *s, uint32_t a, uint32_t b)
{
    const struct record *records = s->history->records;
    return score_compare(&records[a].score, &records[b].score, s->history->objectives->n);
}

static void rung_add(struct halving *s, struct rung *r, uint32_t record)
{
    uint32_t low = 0, high = r->n;

    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 32;
        r->entries = mem_realloc(r->entries, r->cap * sizeof *r->entries);
    }
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (compare(s, r->entries[middle].record, record) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(r->entries + low + 1, r->entries + low, (r->n - low) * sizeof *r->entries);
    r->entries[low] = (struct entry){.record = record};
    r->first_open = low < r->first_open ? low : r->first_open;
    r->n++;
}

void halving_tell(void *state, uint32_t record)
{
    struct halving *s = state;
    const struct point *p = &s->history->records[record].point;
    uint32_t rung = rung_of(s, p);
    uint64_t key = key_of(s, p), bracket;

    // The first that is told of a configuration is at its bracket's lowest rung.
    if (!map_find(&s->starts, key, &bracket)) {
        bracket = rung < s->n_brackets ? rung : s->n_brackets - 1;
        map_set(&s->starts, key, bracket);
        s->n_started[bracket]++;
    }
    rung_add(s, &s->rungs[bracket][rung], record);
}

// --- asking ---------------------------------------------------------------------------
struct draw {
    const struct halving *s;
    struct rng rng;
    const struct point *parent; // NULL: from everywhere
    bool is_copy;
};

static struct gene choose(void *ctx, const struct decision *d)
{
    struct draw *w = ctx;
    const struct gene *has = w->parent ? point_find(w->parent, d->index) : NULL;

    if (d->slot->role == ROLE_FIDELITY || !has)
        return decision_random(d, &w->rng);
    if (w->is_copy)
        return decision_nearest(d, *has, &w->rng);
    if (d->slot->kind == SLOT_CHOICE)
        return rng_f64(&w->rng) < 0.2 ? decision_random(d, &w->rng)
                                      : decision_nearest(d, *has, &w->rng);
    double u = slot_unit(d->slot, *has) + 0.1 * rng_normal(&w->rng);
    struct gene g = slot_gene(d->slot, d->index, u < 0 ? 0 : u > 1 ? 1 : u);
    return decision_nearest(d, g, &w->rng);
}

static bool walk_at(const struct halving *s, uint32_t rung, struct draw *w, struct point *out)
{
    struct walk *walk = s->history->walk;

    if (s->n_rungs > 1)
        walk_set_fidelity(walk, rung);
    bool is_valid = walk_run(walk, out, choose, w);
    if (s->n_rungs > 1)
        walk_set_fidelity(walk, s->n_rungs - 1);
    return is_valid;
}

// The best of a rung that may rise and has not; false: none.
static bool promote(struct halving *s, uint32_t bracket, uint32_t rung, struct point *out)
{
    struct rung *r = &s->rungs[bracket][rung];
    uint32_t n = (uint32_t)(r->n / s->eta);

    for (uint32_t i = r->first_open; i < n; i++) {
        const struct record *record = &s->history->records[r->entries[i].record];
        struct draw w = {.s = s, .parent = &record->point, .is_copy = true};
        if (r->entries[i].is_promoted || record->score.verdict == SCORE_FAILED)
            continue;
        if (walk_at(s, rung + 1, &w, out) && !history_find(s->history, out, NULL))
            return true;
        r->entries[i].is_promoted = true; // in the history already, and stays there
        if (i == r->first_open)
            r->first_open++;
    }
    return false;
}

// The bracket that has fewest of what it should have, pending ones included.
static uint32_t next_bracket(const struct halving *s)
{
    const struct history *h = s->history;
    uint64_t n[RUNGS_MAX];
    uint32_t least = 0;

    memcpy(n, s->n_started, sizeof n);
    for (uint32_t i = h->n_told; i < h->n_asked; i++) {
        uint32_t rung = rung_of(s, &h->records[i].point);
        uint64_t key = key_of(s, &h->records[i].point);
        if (!map_find(&s->starts, key, NULL))
            n[rung < s->n_brackets ? rung : s->n_brackets - 1]++;
    }
    for (uint32_t b = 1; b < s->n_brackets; b++)
        if ((double)n[b] / s->quota[b] < (double)n[least] / s->quota[least])
            least = b;
    return least;
}

// One of the best of the highest rung that says something, or NULL.
static const struct point *find_parent(const struct halving *s, struct rng *r)
{
    for (uint32_t rung = s->n_rungs; rung-- > 0;)
        for (uint32_t b = 0; b < s->n_brackets; b++) {
            const struct rung *at = &s->rungs[b][rung];
            if (at->n < s->n_enough)
                continue;
            uint32_t n_best = (uint32_t)(at->n / s->eta);
            uint32_t i = (uint32_t)rng_below(r, n_best > 0 ? n_best : 1);
            return &s->history->records[at->entries[i].record].point;
        }
    return NULL;
}

bool halving_ask(void *state, const struct ask *q, struct point *out)
{
    struct halving *s = state;
    struct draw w = {.s = s, .rng = ask_rng(s->history, q, ENTITY_NEW)};

    for (uint32_t rung = s->n_rungs - 1; rung-- > 0;)
        for (uint32_t b = 0; b < s->n_brackets && b <= rung; b++)
            if (promote(s, b, rung, out))
                return true;
    if (rng_f64(&w.rng) < s->local)
        w.parent = find_parent(s, &w.rng);
    return walk_at(s, next_bracket(s), &w, out);
}

const char *halving_remark(const void *state)
{
    struct halving *s = (struct halving *)state; // its text
    uint32_t n_full = 0;

    if (s->n_rungs < 2)
        return "the space has no parameter of type fidelity: every trial was a full one";
    for (uint32_t b = 0; b < s->n_brackets; b++)
        n_full += s->rungs[b][s->n_rungs - 1].n;
    (void)snprintf(s->remark, sizeof s->remark, "%u rungs, %u brackets, %u full evaluations",
                   s->n_rungs, s->n_brackets, n_full);
    return s->remark;
}
