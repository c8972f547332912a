// SPDX-License-Identifier: MIT
#include <string.h>

#include "common/mem.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/elites.h"
#include "coordinator/search/program_vary.h"
#include "coordinator/search/space_parts.h"
#include "coordinator/search/variation.h"

enum knob_index {
    KNOB_ISLANDS,
    KNOB_BINS,
    KNOB_MIGRATE,
    KNOB_GENERATION,
    KNOB_RATE,
    KNOB_EXPLORE,
    KNOB_TOURNAMENT,
    KNOB_CROSSOVER,
    KNOB_STARTUP,
    KNOB_REACH,
};

enum {
    ENTITY_START = 1,
    ENTITY_PICK = 2,
    ENTITY_TREE = 3,
    ENTITY_VARY = 4,
    ENTITY_SHOW = 6,
    TREE_TRIES = 8
};

static const struct knob knobs_table[] = {
    {"islands", KNOB_INT, 1, ISLANDS_MAX, 2, "populations that breed apart"},
    {"bins", KNOB_INT, 1, BINS_MAX, 6, "of an island's grid, along complexity and diversity"},
    {"migrate", KNOB_INT, 1, 100000, 10, "generations between migrations"},
    {"generation", KNOB_INT, 1, 100000, 2, "an island's trials that count as a generation"},
    {"rate", KNOB_FLOAT, 0, 1, 0.1, "share of an island's elites that move to the next one"},
    {"explore", KNOB_FLOAT, 0, 1, 0.2, "share of the parents that are any elite of the island"},
    {"tournament", KNOB_INT, 1, 1000, 15, "draws of which the best becomes a parent otherwise"},
    {"crossover", KNOB_FLOAT, 0, 1, 0.2, "share of the children with two parents"},
    {"startup", KNOB_INT, 1, 100000, 40, "random trials before breeding"},
    {"reach", KNOB_FLOAT, 0.0001, 1, 0.3,
     "longest step along a number, as a part of its range"},
    {0},
};

struct evolve {
    const struct history *history;
    struct elites *elites;
    uint32_t n_islands, tournament, n_startup;
    double explore, crossover, reach;
    struct point child; // room for one
    uint32_t n_taken;   // proposals before it were all asked
};

static void *create(const struct history *h, const double *knobs)
{
    struct evolve *e = mem_alloc(sizeof *e);
    struct elites_settings s = {
        .n_islands = (uint32_t)knobs[KNOB_ISLANDS],
        .bins = (uint32_t)knobs[KNOB_BINS],
        .period = (uint32_t)(knobs[KNOB_MIGRATE] * knobs[KNOB_GENERATION] < UINT32_MAX
                                 ? knobs[KNOB_MIGRATE] * knobs[KNOB_GENERATION]
                                 : UINT32_MAX),
        .rate = knobs[KNOB_RATE],
    };

    *e = (struct evolve){
        .history = h,
        .elites = elites_create(h, &s),
        .n_islands = s.n_islands,
        .tournament = (uint32_t)knobs[KNOB_TOURNAMENT],
        .n_startup = (uint32_t)knobs[KNOB_STARTUP],
        .explore = knobs[KNOB_EXPLORE],
        .crossover = knobs[KNOB_CROSSOVER],
        .reach = knobs[KNOB_REACH],
    };
    e->child.genes = mem_alloc((h->space->n_genes_max + 1) * sizeof(struct gene));
    return e;
}

static void destroy(void *state)
{
    struct evolve *e = state;

    if (!e)
        return;
    elites_destroy(e->elites);
    mem_free(e->child.genes);
    mem_free(e);
}

static void tell(void *state, uint32_t record)
{
    struct evolve *e = state;
    elites_add(e->elites, record);
}

// ---- programs ----------------------------------------------------------------------------
// Where a program of a point lies among its genes.
struct part {
    const struct dimension *d;
    uint32_t base;
    uint32_t first, n; // genes
};

static struct part part_of(const struct space *s, const struct point *p, uint32_t base)
{
    struct part at = {.d = s->slots[base].dimension, .base = base, .first = p->n};

    for (uint32_t i = p->n; i-- > 0 && p->genes[i].slot >= base;) {
        at.n += p->genes[i].slot < base + at.d->n_slots;
        at.first = i;
    }
    return at;
}

static struct program program_in(const struct point *p, const struct part *at)
{
    struct program out;

    out.n = space_program_nodes(at->d, at->base, p->genes + at->first, at->n, out.nodes);
    return out;
}

static void put_program(struct point *p, const struct part *at, const struct program *by)
{
    struct gene genes[2 * PROGRAM_SIZE_MAX];
    uint32_t n = space_program_genes(at->d, at->base, by->nodes, by->n, genes);
    uint32_t rest = at->first + at->n;

    memmove(p->genes + at->first + n, p->genes + rest, (p->n - rest) * sizeof *genes);
    memcpy(p->genes + at->first, genes, n * sizeof *genes);
    p->n = p->n - at->n + n;
}

// The child's program with the node in `slot` changes, with a part of the mate's if it has
// the same one.
static void
vary_program(struct evolve *e, uint32_t slot, const struct point *mate, struct rng *r)
{
    const struct space *s = e->history->space;
    uint32_t base = slot - s->slots[slot].index * s->slots[slot].stride;
    struct part at = part_of(s, &e->child, base);
    struct program p = program_in(&e->child, &at), other;
    bool has_other = false;

    if (mate) {
        struct part there = part_of(s, mate, base);
        has_other = there.n > 0;
        if (has_other)
            other = program_in(mate, &there);
    }
    uint32_t node = s->slots[slot].index;
    for (int i = 0; i < TREE_TRIES; i++, node = (uint32_t)rng_below(r, p.n))
        if (program_vary(at.d->grammar, &p, has_other ? &other : NULL, node, r))
            break;
    put_program(&e->child, &at, &p);
}

// ---- breeding ----------------------------------------------------------------------------
struct breeding {
    struct variation trees; // programs: as the child has them
    struct variation rest;
};

static struct gene choose(void *ctx, const struct decision *d)
{
    struct breeding *b = ctx;
    bool is_tree = d->slot->role == ROLE_PROGRAM || d->slot->role == ROLE_CONSTANT;

    return variation_choose(is_tree ? &b->trees : &b->rest, d);
}

static uint32_t pick(const struct evolve *e, uint32_t island, struct rng *r)
{
    const uint32_t *elites;
    uint32_t n = elites_of(e->elites, island, &elites);
    uint32_t draws = rng_f64(r) < e->explore ? 1 : e->tournament;
    uint32_t best = n; // they stand in order

    for (uint32_t i = 0; i < draws; i++) {
        uint32_t k = (uint32_t)rng_below(r, n);
        best = k < best ? k : best;
    }
    return elites[best];
}

static bool is_node(const struct history *h, uint32_t slot)
{
    return h->space->slots[slot].role == ROLE_PROGRAM;
}

static bool breed(struct evolve *e, const struct ask *q, uint32_t island, struct point *out)
{
    const struct history *h = e->history;
    struct rng r = ask_rng(h, q, ENTITY_PICK), tree = ask_rng(h, q, ENTITY_TREE);
    const struct point *a = &h->records[pick(e, island, &r)].point, *mate = NULL;
    if (rng_f64(&r) < e->crossover)
        mate = &h->records[pick(e, island, &r)].point;
    point_copy(&e->child, a);
    uint32_t forced = a->n ? a->genes[rng_below(&r, a->n)].slot : UINT32_MAX;
    bool is_tree = a->n && is_node(h, forced);
    // What comes out known is changed in more places.
    for (uint32_t i = 0; is_tree && i <= q->attempt / 4; i++) {
        vary_program(e, forced, i == 0 ? mate : NULL, &tree);
        do
            forced = e->child.genes[rng_below(&tree, e->child.n)].slot;
        while (!is_node(h, forced));
    }
    struct variation v = {
        .space = h->space, .a = &e->child, .eta = 15, .reach = e->reach, .forced = UINT32_MAX};
    struct breeding b = {.trees = v, .rest = v};
    b.trees.rng = ask_rng(h, q, ENTITY_VARY);
    b.rest.rng = ask_rng(h, q, ENTITY_VARY + 1);
    if (!is_tree) {
        b.rest.b = mate;
        b.rest.rate = a->n ? ((mate ? 1 : 0) + 0.25 * q->attempt) / a->n : 0;
        b.trees.forced = forced;
        b.rest.forced = mate ? UINT32_MAX : forced;
    }
    return walk_run(h->walk, out, choose, &b);
}

// ---- what an endpoint proposed -----------------------------------------------------------
// The first that nobody asked yet.  What was asked stays so, which is all that n_taken
// remembers.
static const struct point *next_proposal(struct evolve *e)
{
    const struct history *h = e->history;

    while (e->n_taken < h->n_proposals && history_find(h, &h->proposals[e->n_taken], NULL))
        e->n_taken++;
    return e->n_taken < h->n_proposals ? &h->proposals[e->n_taken] : NULL;
}

static uint32_t island_of(const struct evolve *e, const struct ask *q)
{
    return (uint32_t)((e->history->n_warm + q->trial) % e->n_islands);
}

static uint32_t parents(void *state, const struct ask *q, uint32_t *records, uint32_t most)
{
    struct evolve *e = state;
    const uint32_t *elites;
    uint32_t island = island_of(e, q), n_elites = elites_of(e->elites, island, &elites);
    struct rng r = ask_rng(e->history, q, ENTITY_SHOW);
    uint32_t n = 0;

    for (uint32_t i = 0; i < most && n_elites; i++) {
        uint32_t record = pick(e, island, &r), k = 0;
        while (k < n && records[k] != record)
            k++;
        if (k == n)
            records[n++] = record;
    }
    return n;
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    struct evolve *e = state;
    const struct history *h = e->history;
    uint32_t island = island_of(e, q);
    const struct point *proposed = next_proposal(e);
    const uint32_t *elites;

    if (proposed) {
        point_copy(out, proposed);
        return true;
    }

    if (h->n_asked < e->n_startup || elites_of(e->elites, island, &elites) == 0) {
        struct rng r = ask_rng(h, q, ENTITY_START);
        return walk_run(h->walk, out, variation_random, &r);
    }
    return breed(e, q, island, out);
}

const struct algorithm evolve_algorithm = {
    .name = "evolve",
    .version = "evolve-1",
    .help =
        "Evolves programs (and any other point): islands of MAP-Elites grids over complexity "
        "and diversity, subtrees that are exchanged, grown, hoisted and inserted.",
    .source = "Koza 1992; Mouret and Clune, arXiv 1504.04909; OpenEvolve's islands and grid",
    .knobs = knobs_table,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .ask = ask,
    .parents = parents,
};
