// SPDX-License-Identifier: MIT
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/arena.h"
#include "common/math.h"
#include "common/mem.h"
#include "coordinator/search/space.h"
#include "coordinator/search/space_parts.h"
#include "coordinator/search/where.h"

// Behind the last slot of a branch the path goes on elsewhere.
struct jump {
    uint32_t end, then;
};

struct walk {
    const struct space *space;
    struct point *point; // borrowed
    uint32_t at;         // the slot to decide next
    uint32_t n_jumps;
    struct jump jumps[SPACE_NESTING_MAX + 2];
    bool dead;
    uint8_t *allowed; // ours; copies of the walk for a look ahead share it
    struct arena *scratch;
    uint64_t fidelity;       // the level that is left
    uint64_t work, work_max; // steps taken; more than work_max end it
};

struct walk *walk_create(const struct space *s)
{
    struct walk *w = mem_alloc(sizeof *w);
    uint64_t widest = SPACE_PRUNED_MAX;

    for (uint32_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].kind == SLOT_CHOICE && s->slots[i].n > widest)
            widest = s->slots[i].n;
    w->space = s;
    if (s->fidelity < s->n_slots)
        w->fidelity = s->slots[s->fidelity].n - 1;
    w->allowed = mem_alloc(widest);
    w->scratch = arena_create();
    w->work_max = UINT64_MAX;
    return w;
}

void walk_set_limit(struct walk *w, uint64_t work)
{
    w->work = 0;
    w->work_max = work;
}

bool walk_is_spent(const struct walk *w)
{
    return w->work > w->work_max;
}

void walk_destroy(struct walk *w)
{
    if (!w)
        return;
    arena_destroy(w->scratch);
    mem_free(w->allowed);
    mem_free(w);
}

void walk_start(struct walk *w, struct point *out)
{
    w->point = out;
    out->n = 0;
    w->at = 0;
    w->n_jumps = 0;
    w->dead = false;
}

// --- options ------------------------------------------------------------------
static void all_allowed(struct walk *w, struct decision *d)
{
    if (d->allowed)
        return;
    memset(w->allowed, 1, d->slot->n);
    d->allowed = w->allowed;
}

static void forbid(struct walk *w, struct decision *d, uint64_t k)
{
    all_allowed(w, d);
    d->n_allowed -= w->allowed[k];
    w->allowed[k] = 0;
}

// What stands earlier in a permutation is taken; its genes are the last ones.
static void mask_taken(struct walk *w, struct decision *d)
{
    w->work += d->slot->index;
    for (uint32_t i = 1; i <= d->slot->index; i++)
        forbid(w, d, w->point->genes[w->point->n - i].k);
}

// How many of the subset's sizes are still possible with and without it.
static void mask_subset(struct walk *w, struct decision *d)
{
    const struct dimension *s = d->slot->dimension;
    int64_t taken = 0;

    w->work += 3 * (uint64_t)s->n_values; // two sums of binomials and this
    for (uint32_t i = 1; i <= d->slot->index; i++)
        taken += (int64_t)w->point->genes[w->point->n - i].k;
    uint32_t rest = s->n_values - d->slot->index - 1;
    double out = space_subsets(rest, s->min - taken, s->max - taken);
    double in = space_subsets(rest, s->min - taken - 1, s->max - taken - 1);
    d->p_in = in / (in + out);
    if (out <= 0)
        forbid(w, d, 0);
    if (in <= 0)
        forbid(w, d, 1);
}

static void mask_program(struct walk *w, struct decision *d)
{
    const struct dimension *p = d->slot->dimension;
    uint64_t n_terminals = 0;
    struct program_open o;

    w->work += 2 * (uint64_t)d->slot->index;
    space_program_open(p, d->index - d->slot->index * d->slot->stride, w->point, &o);
    for (uint32_t k = 0; k < d->slot->n; k++) {
        if (!program_allows(p->grammar, &o, k, p->grammar->size - d->slot->index))
            forbid(w, d, k);
        else
            n_terminals += k < p->grammar->n_terminals;
    }
    d->p_in = n_terminals == 0              ? 0
              : n_terminals == d->n_allowed ? 1
                                            : program_share(d->slot->index);
}

// --- where --------------------------------------------------------------------
// The elements decided so far of a list that is not whole, nulls for the others.
static bool part_of(const struct walk *w,
                    const struct space_key *key,
                    const struct gene *g,
                    struct value *out)
{
    const struct dimension *d = key->dimension;
    const struct gene *end = w->point->genes + w->point->n;
    struct value beneath = value_map();
    uint32_t n = d->n_values;

    if (d->type == DIMENSION_SEQUENCE) {
        if (d->join || d->of->nests || d->of->type > DIMENSION_CHOICE)
            return false;
        n = d->min < d->max ? d->min + (uint32_t)g++->k : d->min;
    } else if (d->type != DIMENSION_PERMUTATION) {
        return false;
    }
    *out = value_list();
    for (uint32_t i = 0; i < n; i++) {
        struct value v = value_null();
        if (g < end && d->type == DIMENSION_PERMUTATION)
            v = d->values[g++->k];
        else if (g < end)
            v = space_decode_value(d->of, &g, &beneath, "", w->scratch);
        value_push(w->scratch, out, v);
    }
    return true;
}

// Steps for what a name means: to make each element and then to look at it, and the
// texts' bytes, compared or copied.
enum { ELEMENT_STEPS = 8, STEP_BYTES = 16 };

// NOLINTNEXTLINE(misc-no-recursion): bounded by SPACE_NESTING_MAX
static uint64_t weight(const struct value *v)
{
    uint64_t sum = ELEMENT_STEPS;

    if (v->type == VALUE_STR)
        return sum + v->n / STEP_BYTES;
    for (uint32_t i = 0; v->type == VALUE_LIST && i < v->n; i++)
        sum += weight(&v->items[i]);
    return sum;
}

static bool value_of(struct walk *w, const char *name, struct value *out)
{
    for (uint32_t i = 0; i < w->space->n_keys; i++) {
        const struct space_key *key = &w->space->keys[i];
        if (strcmp(key->name, name) != 0)
            continue;
        const struct gene *g = point_find(w->point, key->first);
        if (!g)
            continue;
        if (key->dimension->type == DIMENSION_CHOICE) { // beneath it all may be open
            *out = key->dimension->values[g->k];
            return true;
        }
        if (w->at < key->end)
            return part_of(w, key, g, out);
        struct value beneath = value_map();
        const struct gene *first = g;
        *out = space_decode_value(key->dimension, &g, &beneath, "", w->scratch);
        w->work += ELEMENT_STEPS * (uint64_t)(g - first);
        return true;
    }
    return false;
}

static bool look_up(void *ctx, const char *name, struct value *out)
{
    struct walk *w = ctx;
    bool known = value_of(w, name, out);

    w->work += w->space->n_keys + (known ? weight(out) : 0); // names compared, values made
    return known;
}

static bool some_where_fails(struct walk *w)
{
    bool fails = false;

    for (uint32_t i = 0; !fails && i < w->space->n_wheres; i++) {
        struct arena_mark m = arena_mark(w->scratch);
        w->work += where_size(w->space->wheres[i]);
        fails = where_fails(w->space->wheres[i], look_up, w, w->scratch);
        arena_release(w->scratch, m);
    }
    return fails;
}

static void prune(struct walk *w, struct decision *d)
{
    const struct slot *s = d->slot;

    if (!s->is_watched || s->kind == SLOT_FLOAT || s->n > SPACE_PRUNED_MAX)
        return;
    for (uint64_t k = 0; k < s->n && !walk_is_spent(w); k++) {
        struct walk ahead = *w;
        if (d->allowed && !d->allowed[k])
            continue;
        walk_take(&ahead, (struct gene){.slot = d->index, .k = k});
        if (some_where_fails(&ahead))
            forbid(w, d, k);
        w->work = ahead.work;
        w->point->n--;
    }
}

// --- the path -----------------------------------------------------------------
// One level is left; while a given point is followed, which may have any, all are.
static void mask_fidelity(struct walk *w, struct decision *d)
{
    for (uint64_t k = 0; k < d->slot->n; k++)
        if (k != w->fidelity)
            forbid(w, d, k);
}

void walk_set_fidelity(struct walk *w, uint64_t level)
{
    assert(w->space->fidelity < w->space->n_slots);
    assert(level < w->space->slots[w->space->fidelity].n);
    w->fidelity = level;
}

bool point_is_full(const struct space *s, const struct point *p)
{
    if (s->fidelity >= s->n_slots)
        return true;
    const struct gene *g = point_find(p, s->fidelity);
    return g && g->k + 1 == s->slots[s->fidelity].n;
}

static bool next(struct walk *w, struct decision *d, bool prunes)
{
    if (w->dead || w->at >= w->space->n_slots)
        return false;
    const struct slot *s = &w->space->slots[w->at];
    *d = (struct decision){.slot = s, .index = w->at, .n_allowed = s->kind ? s->n : 1};
    if (s->role == ROLE_PERMUTATION)
        mask_taken(w, d);
    else if (s->role == ROLE_SUBSET)
        mask_subset(w, d);
    else if (s->role == ROLE_PROGRAM)
        mask_program(w, d);
    else if (s->role == ROLE_FIDELITY && prunes)
        mask_fidelity(w, d);
    if (prunes && w->space->n_wheres && w->space->is_pruned)
        prune(w, d);
    w->work += 1 + (d->allowed ? s->n : 0);
    w->dead = d->n_allowed == 0 || walk_is_spent(w);
    return !w->dead;
}

bool walk_next(struct walk *w, struct decision *d)
{
    return next(w, d, true);
}

// What pruning would forbid is found out at the end: a look at each option on the way
// would cost more than the point is worth.
bool walk_resume(struct walk *w, struct point *out)
{
    uint32_t n = out->n;
    struct decision d;

    walk_start(w, out);
    while (out->n < n) {
        struct gene g = out->genes[out->n];
        if (!next(w, &d, false) || !decision_allows(&d, g))
            return false;
        walk_take(w, g);
    }
    return true;
}

static void enter(struct walk *w, uint32_t first, uint32_t end, uint32_t then)
{
    if (first == end) {
        w->at = then;
        return;
    }
    assert(w->n_jumps < sizeof w->jumps / sizeof w->jumps[0]);
    w->at = first;
    w->jumps[w->n_jumps++] = (struct jump){end, then};
}

// To the node's constant, the next node, or behind the program.
static void follow_program(struct walk *w, const struct slot *s, struct gene g)
{
    uint32_t first = g.slot - (s->role == ROLE_CONSTANT);
    uint32_t base = first - s->index * s->stride;
    struct program_open o;

    if (s->role == ROLE_PROGRAM && program_is_constant(s->dimension->grammar, (uint32_t)g.k))
        return;
    space_program_open(s->dimension, base, w->point, &o);
    w->at = o.n ? first + s->stride : base + s->dimension->n_slots;
}

void walk_take(struct walk *w, struct gene g)
{
    const struct slot *s = &w->space->slots[w->at];

    assert(g.slot == w->at && w->point->n < w->space->n_genes_max);
    w->point->genes[w->point->n++] = g;
    w->at++;
    if (s->nest_starts)
        enter(w, s->nest_starts[g.k], s->nest_starts[g.k + 1], s->end);
    else if (s->role == ROLE_LENGTH)
        enter(w, w->at, w->at + (uint32_t)(s->low + (double)g.k) * s->stride, s->end);
    else if (s->role == ROLE_PROGRAM || s->role == ROLE_CONSTANT)
        follow_program(w, s, g);
    while (w->n_jumps && w->at == w->jumps[w->n_jumps - 1].end)
        w->at = w->jumps[--w->n_jumps].then;
}

bool walk_is_valid(const struct walk *w)
{
    if (w->dead || w->at < w->space->n_slots)
        return false;
    struct walk *look = (struct walk *)w; // only its scratch changes
    return w->space->n_wheres == 0 || !some_where_fails(look);
}

bool walk_run(struct walk *w, struct point *out, walk_choose_fn choose, void *ctx)
{
    struct decision d;

    walk_start(w, out);
    while (walk_next(w, &d))
        walk_take(w, choose(ctx, &d));
    return walk_is_valid(w);
}

// --- the order of all points --------------------------------------------------
// The first option after `k` (after none: first); false when there is none.
static bool option_after(const struct decision *d, const uint64_t *k, struct gene *g)
{
    *g = (struct gene){.slot = d->index};
    for (uint64_t i = k ? *k + 1 : 0; i < d->slot->n; i++) {
        g->k = i;
        if (!d->allowed || d->allowed[i])
            return true;
    }
    return false;
}

// Take the path that a walk of this space took before: nothing of it is looked at again.
static void retake(struct walk *w, struct point *p)
{
    uint32_t n = p->n;

    walk_start(w, p);
    while (p->n < n)
        walk_take(w, p->genes[p->n]);
    w->work += n;
}

// Replace the last gene by its next option, dropping those that have none.
static bool bump(struct walk *w, struct point *p)
{
    struct decision d;
    struct gene g;

    while (p->n && !walk_is_spent(w)) {
        uint64_t last = p->genes[--p->n].k;
        retake(w, p);
        if (!walk_next(w, &d) || !option_after(&d, &last, &g))
            continue;
        walk_take(w, g);
        return true;
    }
    return false;
}

bool space_successor(struct walk *w, struct point *p, uint64_t *budget)
{
    struct decision d;
    struct gene g;

    if (p->n == 0)
        walk_start(w, p);
    else if (!bump(w, p))
        return false;
    while (*budget) {
        --*budget;
        while (walk_next(w, &d) && option_after(&d, NULL, &g))
            walk_take(w, g);
        if (walk_is_valid(w))
            return true;
        if (!bump(w, p))
            return false;
    }
    return false;
}

// --- decisions ----------------------------------------------------------------
bool decision_allows(const struct decision *d, struct gene g)
{
    if (g.slot != d->index)
        return false;
    if (d->slot->kind == SLOT_FLOAT)
        return g.x >= d->slot->low && g.x <= d->slot->high;
    return g.k < d->slot->n && (!d->allowed || d->allowed[g.k]);
}

struct gene decision_option(const struct decision *d, uint64_t i)
{
    struct gene g = {.slot = d->index, .k = i};

    assert(i < d->n_allowed);
    if (!d->allowed)
        return g;
    for (g.k = 0; i > 0 || !d->allowed[g.k]; g.k++)
        i -= d->allowed[g.k];
    return g;
}

// Terminals in their share, then operators.
static struct gene program_option(const struct decision *d, double u)
{
    uint32_t end = d->slot->dimension->grammar->n_terminals;
    uint64_t n_terminals = 0;

    for (uint32_t k = 0; k < end; k++)
        n_terminals += !d->allowed || d->allowed[k];
    bool is_terminal = u < d->p_in;
    uint64_t n = is_terminal ? n_terminals : d->n_allowed - n_terminals;
    double part = is_terminal ? u / d->p_in : (u - d->p_in) / (1 - d->p_in);
    uint64_t i = (uint64_t)(part * (double)n);
    return decision_option(d, (is_terminal ? 0 : n_terminals) + (i < n ? i : n - 1));
}

struct gene decision_at(const struct decision *d, double u)
{
    const struct slot *s = d->slot;
    struct gene g = {.slot = d->index};

    if (s->kind == SLOT_FLOAT || (s->kind == SLOT_GRID && !d->allowed))
        return slot_gene(s, d->index, u);
    if (s->role == ROLE_SUBSET && d->n_allowed == 2) {
        g.k = u >= 1 - d->p_in;
        return g;
    }
    if (s->role == ROLE_PROGRAM)
        return program_option(d, u);
    uint64_t i = (uint64_t)(u * (double)d->n_allowed);
    return decision_option(d, i < d->n_allowed ? i : d->n_allowed - 1);
}

struct gene decision_random(const struct decision *d, struct rng *r)
{
    return decision_at(d, rng_f64(r));
}

struct gene decision_nearest(const struct decision *d, struct gene want, struct rng *r)
{
    if (decision_allows(d, want))
        return want;
    if (d->slot->kind == SLOT_CHOICE || want.slot != d->index)
        return decision_random(d, r);
    if (d->slot->kind == SLOT_FLOAT) {
        want.x = want.x < d->slot->low ? d->slot->low : d->slot->high;
        return want;
    }
    for (uint64_t i = 0; i < d->slot->n; i++) {
        struct gene down = want, up = want;
        down.k -= i;
        up.k += i;
        if (i <= want.k && decision_allows(d, down))
            return down;
        if (decision_allows(d, up))
            return up;
    }
    return decision_random(d, r);
}

double slot_unit(const struct slot *s, struct gene g)
{
    double v = s->kind == SLOT_FLOAT ? g.x : s->low + (double)g.k * s->step;
    double t = s->is_log ? math_log(v) : v;
    double u = (t - s->t_low) / (s->t_high - s->t_low);
    return u < 0 ? 0 : u > 1 ? 1 : u;
}

struct gene slot_gene(const struct slot *s, uint32_t index, double u)
{
    struct gene g = {.slot = index};

    if (s->kind == SLOT_GRID && !s->is_log) {
        double k = floor(u * (double)s->n);
        g.k = k <= 0 ? 0 : k >= (double)s->n ? s->n - 1 : (uint64_t)k;
        return g;
    }
    double t = s->t_low + u * (s->t_high - s->t_low);
    double v = s->is_log ? math_exp(t) : t;
    v = v < s->low ? s->low : v > s->high ? s->high : v;
    if (s->kind == SLOT_FLOAT)
        g.x = v + 0.0; // -0.0 would be a point of its own
    else
        g.k = (uint64_t)round((v - s->low) / s->step);
    return g;
}
