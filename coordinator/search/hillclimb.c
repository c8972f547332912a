// SPDX-License-Identifier: MIT
#include <string.h>

#include "common/mem.h"
#include "coordinator/search/algorithm.h"

enum knob_index { KNOB_STEP, KNOB_HALVINGS };

enum { ENTITY_START = 1, ENTITY_ORDER = 2, ENTITY_REPAIR = 3, ENTITY_CHANCE = 4 };

enum {
    ALTERNATIVES_MAX = 64, // of one decision: more are sampled
    PAIRS_MAX = 64,        // a permutation or subset with more places is not paired whole
    STARTS_TRIED = 1000,   // until one satisfies `where`
};

static const struct knob knobs_table[] = {
    {"step", KNOB_FLOAT, 0.001, 0.5, 0.2, "first step along a number, as a part of its range"},
    {"halvings", KNOB_INT, 0, 40, 10, "how often the step is halved before a restart"},
    {0},
};

// One change of the incumbent; b's slot is UINT32_MAX when there is only one.
struct move {
    struct gene a, b;
};

struct hillclimb {
    const struct history *history;
    double step;
    uint32_t n_levels;
    // The climb: made by tell alone.
    uint32_t climb;
    uint32_t level;  // halvings so far
    uint32_t record; // the incumbent's, UINT32_MAX while it is not told
    struct point incumbent;
    bool has_incumbent;
    struct move *moves; // in the order in which they are tried
    uint32_t n_moves, cap_moves;
    uint32_t open; // moves before it are told
    uint32_t item; // addresses the randomness of these moves
    struct point scratch;
};

static void start_climb(struct hillclimb *c);

static struct point point_room(const struct history *h)
{
    return (struct point){.genes =
                              mem_alloc((h->space->n_genes_max + 1) * sizeof(struct gene))};
}

static void *create(const struct history *h, const double *knobs)
{
    struct hillclimb *c = mem_alloc(sizeof *c);

    c->history = h;
    c->step = knobs[KNOB_STEP];
    c->n_levels = (uint32_t)knobs[KNOB_HALVINGS] + 1;
    c->incumbent = point_room(h);
    c->scratch = point_room(h);
    start_climb(c);
    return c;
}

static void destroy(void *state)
{
    struct hillclimb *c = state;
    if (!c)
        return;
    mem_free(c->incumbent.genes);
    mem_free(c->scratch.genes);
    mem_free(c->moves);
    mem_free(c);
}

// --- moves ------------------------------------------------------------------------
static void add_move(struct hillclimb *c, struct gene a, struct gene b)
{
    if (c->n_moves == c->cap_moves) {
        c->cap_moves = c->cap_moves ? c->cap_moves * 2 : 64;
        c->moves = mem_realloc(c->moves, c->cap_moves * sizeof *c->moves);
    }
    c->moves[c->n_moves++] = (struct move){a, b};
}

static const struct gene nothing = {.slot = UINT32_MAX};

static void
add_alternatives(struct hillclimb *c, const struct slot *s, struct gene g, struct rng *r)
{
    uint64_t n = s->n - 1;
    bool is_all = n <= ALTERNATIVES_MAX;

    for (uint64_t i = 0; i < (is_all ? n : ALTERNATIVES_MAX); i++) {
        uint64_t k = is_all ? i : rng_below(r, n);
        struct gene other = {.slot = g.slot, .k = k + (k >= g.k)};
        add_move(c, other, nothing);
    }
}

// Both ways along a number, a level's step far, give or take a quarter.
static void add_steps(struct hillclimb *c, const struct slot *s, struct gene g, struct rng *r)
{
    double u = slot_unit(s, g);

    for (int side = -1; side <= 1; side += 2) {
        double far = c->step * (0.75 + 0.5 * rng_f64(r)) / (double)(UINT64_C(1) << c->level);
        struct gene other = slot_gene(s, g.slot, u + side * far);
        bool is_stuck = s->kind == SLOT_GRID && other.k == g.k;
        if (is_stuck && (side < 0 ? g.k > 0 : g.k + 1 < s->n))
            other.k = side < 0 ? g.k - 1 : g.k + 1;
        add_move(c, other, nothing);
    }
}

// Exchange a place of a permutation or subset with the later ones that differ.
static void add_pairs(struct hillclimb *c, const struct slot *s, uint32_t at, struct rng *r)
{
    const struct point *p = &c->incumbent;
    uint32_t n = s->dimension->n_values, rest = n - s->index - 1;
    bool is_all = n <= PAIRS_MAX;

    for (uint32_t i = 0; i < (is_all || rest < 8 ? rest : 8); i++) {
        uint32_t j = at + 1 + (is_all || rest < 8 ? i : (uint32_t)rng_below(r, rest));
        struct gene a = p->genes[at], b = p->genes[j];
        if (a.k == b.k)
            continue;
        uint64_t k = a.k;
        a.k = b.k;
        b.k = k;
        add_move(c, a, b);
    }
}

static bool has_many(const struct slot *s)
{
    return s->kind == SLOT_FLOAT || (s->kind == SLOT_GRID && s->n > ALTERNATIVES_MAX / 2);
}

static void make_moves(struct hillclimb *c)
{
    const struct history *h = c->history;
    c->item = c->record == UINT32_MAX ? c->climb | UINT32_C(0x80000000) : c->record;
    struct rng r = rng_at(h->seed, ENTITY_ORDER, c->level, c->item);

    c->n_moves = c->open = 0;
    for (uint32_t i = 0; i < c->incumbent.n; i++) {
        struct gene g = c->incumbent.genes[i];
        const struct slot *s = &h->space->slots[g.slot];
        if (has_many(s))
            add_steps(c, s, g, &r);
        else if (s->role != ROLE_PERMUTATION && c->level == 0)
            add_alternatives(c, s, g, &r);
        if ((s->role == ROLE_PERMUTATION || s->role == ROLE_SUBSET) && c->level == 0)
            add_pairs(c, s, i, &r);
    }
    for (uint32_t i = c->n_moves; i > 1; i--) {
        uint32_t j = (uint32_t)rng_below(&r, i);
        struct move m = c->moves[i - 1];
        c->moves[i - 1] = c->moves[j];
        c->moves[j] = m;
    }
}

// --- points -----------------------------------------------------------------------
struct follow {
    const struct point *from;
    const struct move *move;
    struct rng rng; // for what the move brings into play
};

static struct gene choose(void *ctx, const struct decision *d)
{
    struct follow *f = ctx;
    const struct gene *g = point_find(f->from, d->index);

    if (f->move->a.slot == d->index)
        g = &f->move->a;
    else if (f->move->b.slot == d->index)
        g = &f->move->b;
    return g ? decision_nearest(d, *g, &f->rng) : decision_random(d, &f->rng);
}

static bool neighbour(const struct hillclimb *c, uint32_t i, struct point *out)
{
    struct follow f = {.from = &c->incumbent, .move = &c->moves[i]};

    f.rng = rng_at(c->history->seed, ENTITY_REPAIR, i, c->item);
    return walk_run(c->history->walk, out, choose, &f);
}

static struct gene choose_random(void *ctx, const struct decision *d)
{
    return decision_random(d, ctx);
}

static bool start_of(const struct hillclimb *c, uint32_t climb, struct point *out)
{
    for (uint32_t i = 0; i < STARTS_TRIED; i++) {
        struct rng r = rng_at(c->history->seed, ENTITY_START, i, climb);
        if (walk_run(c->history->walk, out, choose_random, &r))
            return true;
    }
    return false;
}

// Decisions in which two points differ; what hangs on one that differs does not
// count again.
static uint32_t distance(const struct space *s, const struct point *a, const struct point *b)
{
    uint32_t i = 0, j = 0, n = 0;

    while (i < a->n || j < b->n) {
        uint32_t x = i < a->n ? a->genes[i].slot : UINT32_MAX;
        uint32_t y = j < b->n ? b->genes[j].slot : UINT32_MAX;
        if (x == y && a->genes[i].k == b->genes[j].k) {
            i++;
            j++;
            continue;
        }
        uint32_t end = s->slots[x < y ? x : y].end;
        n++;
        while (i < a->n && a->genes[i].slot < end)
            i++;
        while (j < b->n && b->genes[j].slot < end)
            j++;
    }
    return n;
}

// --- the climb --------------------------------------------------------------------
static bool is_told(const struct hillclimb *c, const struct point *p, uint32_t *record)
{
    return history_find(c->history, p, record) && *record < c->history->n_told;
}

static void start_climb(struct hillclimb *c)
{
    c->has_incumbent = start_of(c, c->climb, &c->incumbent);
    c->level = 0;
    if (!is_told(c, &c->incumbent, &c->record))
        c->record = UINT32_MAX;
    make_moves(c);
}

static bool is_better(const struct hillclimb *c, uint32_t a, uint32_t b)
{
    const struct record *r = c->history->records;
    uint32_t n = c->history->objectives->n;

    return n == 1 ? score_compare(&r[a].score, &r[b].score, 1) < 0
                  : score_dominates(&r[a].score, &r[b].score, n);
}

static void move_to(struct hillclimb *c, uint32_t record)
{
    point_copy(&c->incumbent, &c->history->records[record].point);
    c->record = record;
    c->level -= c->level > 0; // a step that went well may be longer
    if (!c->history->space->n_slots)
        return;
    make_moves(c);
}

// When every move is told and none was better: smaller steps, then a new start.
static void advance(struct hillclimb *c)
{
    uint32_t record;

    for (uint32_t guard = 0; c->record != UINT32_MAX && guard < 1000; guard++) {
        while (c->open < c->n_moves
               && (!neighbour(c, c->open, &c->scratch) || is_told(c, &c->scratch, &record)))
            c->open++;
        if (c->open < c->n_moves)
            return;
        bool steps_left = c->level + 1 < c->n_levels;
        if (steps_left) {
            c->level++;
            make_moves(c);
            steps_left = c->n_moves > 0;
        }
        if (!steps_left) {
            c->climb++;
            start_climb(c);
        }
    }
}

static void tell(void *state, uint32_t record)
{
    struct hillclimb *c = state;
    const struct history *h = c->history;
    const struct point *p = &h->records[record].point;

    if (record < h->n_warm) { // begin at the best that is known
        if (c->record == UINT32_MAX || is_better(c, record, c->record))
            move_to(c, record);
        return;
    }
    if (c->record == UINT32_MAX && point_equal(p, &c->incumbent))
        c->record = record;
    else if (c->record != UINT32_MAX && is_better(c, record, c->record)
             && distance(h->space, p, &c->incumbent) <= 2)
        move_to(c, record);
    advance(c);
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    const struct hillclimb *c = state;
    const struct history *h = c->history;

    if (q->attempt > 0) {
        struct rng r = ask_rng(h, q, ENTITY_CHANCE);
        return walk_run(h->walk, out, choose_random, &r);
    }
    if (!c->has_incumbent)
        return false;
    if (!history_find(h, &c->incumbent, NULL)) {
        point_copy(out, &c->incumbent);
        return true;
    }
    for (uint32_t i = c->open; i < c->n_moves; i++)
        if (neighbour(c, i, out) && !history_find(h, out, NULL))
            return true;
    // All are out and some not back: the starts of the climbs to come.
    for (uint32_t i = 1; i <= 64; i++)
        if (start_of(c, c->climb + i, out) && !history_find(h, out, NULL))
            return true;
    return false;
}

const struct algorithm hillclimb_algorithm = {
    .name = "hillclimb",
    .version = "hillclimb-1",
    .help = "First improvement over all single changes in random order, a new start at a local "
            "optimum; along numbers with steps that shrink.",
    .source = "the textbook's, with an ordered window",
    .knobs = knobs_table,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .ask = ask,
};
