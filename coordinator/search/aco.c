// SPDX-License-Identifier: MIT
#include <math.h>

#include "common/math.h"
#include "common/mem.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/ranking.h"
#include "coordinator/search/standing.h"

enum knob_index {
    KNOB_ANTS,
    KNOB_GREEDINESS,
    KNOB_DECAY,
    KNOB_EVAPORATION,
    KNOB_START,
    KNOB_ARCHIVE,
    KNOB_SPREAD,
    KNOB_STARTUP,
};

enum { ENTITY_ASK = 1, ARCHIVE_MAX = 25 };

// Pheromone lies on the way from the option before to this one where both are few.
enum { TABLE_MAX = 64, EDGES_MAX = 4096 };

static const struct knob knobs_table[] = {
    {"ants", KNOB_INT, 1, 10000, 4, "trials of a generation, whose best lays pheromone"},
    {"greediness", KNOB_FLOAT, 0, 1, 0.5, "chance to take the strongest edge, not draw one"},
    {"decay", KNOB_FLOAT, 0, 1, 0.1, "what each ant takes off its edges, towards the start"},
    {"evaporation", KNOB_FLOAT, 0, 1, 0.25, "weight of the best ant's quality on its edges"},
    {"pheromone", KNOB_FLOAT, 1e-6, 1, 0.1, "on every edge at the start"},
    {"archive", KNOB_INT, 2, ARCHIVE_MAX, 10, "good points around which numbers are drawn"},
    {"spread", KNOB_FLOAT, 0.01, 10, 0.7, "how far around them, in their mean distance"},
    {"startup", KNOB_INT, 0, 100000, 10, "random trials before the pheromone decides"},
    {0},
};

struct aco {
    const struct history *history;
    struct standing *standing;
    struct ranking *ranking;
    uint32_t n_ants, n_archive, n_startup;
    double greediness, decay, evaporation, start, spread;
    // Made by tell alone.
    uint32_t n_out; // ants of this generation
    uint32_t best;  // record of its best
    double quality;
    double **trails;  // [n_slots]: [n_before * n], made when first needed
    uint32_t *before; // options of the decision before that the trail tells apart; 1: none
};

static void *create(const struct history *h, const double *knobs)
{
    struct aco *a = mem_alloc(sizeof *a);
    uint32_t n = h->space->n_slots;

    a->history = h;
    a->standing = standing_create(h);
    a->ranking = ranking_create(h, ARCHIVE_MAX);
    a->n_ants = (uint32_t)knobs[KNOB_ANTS];
    a->greediness = knobs[KNOB_GREEDINESS];
    a->decay = knobs[KNOB_DECAY];
    a->evaporation = knobs[KNOB_EVAPORATION];
    a->start = knobs[KNOB_START];
    a->n_archive = (uint32_t)knobs[KNOB_ARCHIVE];
    a->spread = knobs[KNOB_SPREAD];
    a->n_startup = (uint32_t)knobs[KNOB_STARTUP];
    a->trails = mem_alloc((n + 1) * sizeof(double *));
    a->before = mem_alloc((n + 1) * sizeof *a->before);
    return a;
}

static void destroy(void *state)
{
    struct aco *a = state;
    if (!a)
        return;
    for (uint32_t i = 0; i < a->history->space->n_slots; i++)
        mem_free(a->trails[i]);
    standing_destroy(a->standing);
    ranking_destroy(a->ranking);
    mem_free(a->trails);
    mem_free(a->before);
    mem_free(a);
}

static bool is_table(const struct slot *s)
{
    return s->kind == SLOT_CHOICE || (s->kind == SLOT_GRID && s->n <= TABLE_MAX);
}

// --- trails ---------------------------------------------------------------------------
// The trail of an option at a slot, given the gene before it (NULL: it is the first).
// An element of a list follows the element before; whatever else is told apart by its
// own option alone.
static double *trail(struct aco *a, uint32_t slot, const struct gene *last)
{
    const struct slot *slots = a->history->space->slots, *s = &slots[slot];

    if (!a->trails[slot]) {
        bool follows = last && last->slot + 1 == slot && is_table(&slots[last->slot])
                       && slots[last->slot].n * s->n <= EDGES_MAX;
        a->before[slot] = follows ? (uint32_t)slots[last->slot].n : 1;
        uint64_t n = a->before[slot] * s->n;
        a->trails[slot] = mem_alloc(n * sizeof(double));
        for (uint64_t i = 0; i < n; i++)
            a->trails[slot][i] = a->start;
    }
    bool is_beside = last && last->slot + 1 == slot && a->before[slot] > 1;
    return a->trails[slot] + (is_beside ? last->k * s->n : 0);
}

static void walk_edges(struct aco *a, uint32_t record, double weight, double level)
{
    const struct point *p = &a->history->records[record].point;

    for (uint32_t i = 0; i < p->n; i++) {
        struct gene g = p->genes[i];
        if (!is_table(&a->history->space->slots[g.slot]))
            continue;
        double *t = trail(a, g.slot, i ? &p->genes[i - 1] : NULL);
        t[g.k] = (1 - weight) * t[g.k] + weight * level;
    }
}

static void tell(void *state, uint32_t record)
{
    struct aco *a = state;
    double quality = standing_add(a->standing, record);

    ranking_add(a->ranking, record);
    walk_edges(a, record, a->decay, a->start);
    if (!a->n_out || quality > a->quality) {
        a->best = record;
        a->quality = quality;
    }
    if (++a->n_out < a->n_ants)
        return;
    a->n_out = 0;
    uint32_t best;
    double weight;
    walk_edges(a, a->best, a->evaporation, a->quality);
    ranking_best(a->ranking, 1, &best, &weight);
    walk_edges(a, best, a->evaporation, 1); // and the best of all
}

// --- ants -----------------------------------------------------------------------------
struct ant {
    struct aco *aco;
    struct gene last;
    bool has_last;
    double greediness;
    uint32_t n_good, good[ARCHIVE_MAX];
    struct rng rng;
};

static struct gene choose_option(struct ant *a, const struct decision *d)
{
    const double *t = trail(a->aco, d->index, a->has_last ? &a->last : NULL);
    struct gene g = {.slot = d->index}, pick = decision_option(d, 0);
    bool is_greedy = rng_f64(&a->rng) < a->greediness;
    double total = 0, most = -1;
    uint32_t n_most = 0;

    for (uint64_t k = 0; k < d->slot->n; k++) {
        if (d->allowed && !d->allowed[k])
            continue;
        total += t[k];
        n_most = t[k] > most ? 1 : n_most + (t[k] == most);
        most = t[k] > most ? t[k] : most;
    }
    double left = is_greedy ? (double)rng_below(&a->rng, n_most) : rng_f64(&a->rng) * total;
    for (; g.k < d->slot->n; g.k++) {
        if ((d->allowed && !d->allowed[g.k]) || (is_greedy && t[g.k] != most))
            continue;
        pick = g;
        left -= is_greedy ? 1 : t[g.k];
        if (left < 0)
            break;
    }
    return pick;
}

// ACO_R: a normal distribution around a good point's place, as wide as the others lie
// from it on average.
static struct gene choose_number(struct ant *a, const struct decision *d)
{
    const struct record *r = a->aco->history->records;
    double places[ARCHIVE_MAX], sum = 0;
    uint32_t n = 0;

    for (uint32_t i = 0; i < a->n_good; i++) {
        const struct gene *g = point_find(&r[a->good[i]].point, d->index);
        if (g)
            places[n++] = slot_unit(d->slot, *g);
    }
    if (n < 2)
        return decision_random(d, &a->rng);
    // The better the likelier: of two draws the earlier.
    uint32_t i = (uint32_t)rng_below(&a->rng, n), j = (uint32_t)rng_below(&a->rng, n);
    i = j < i ? j : i;
    for (j = 0; j < n; j++)
        sum += fabs(places[j] - places[i]);
    double u = places[i] + a->aco->spread * sum / (n - 1) * rng_normal(&a->rng);
    u = u < 0 ? 0 : u > 1 ? 1 : u;
    return decision_nearest(d, slot_gene(d->slot, d->index, u), &a->rng);
}

static struct gene choose(void *ctx, const struct decision *d)
{
    struct ant *a = ctx;

    a->last = is_table(d->slot) ? choose_option(a, d) : choose_number(a, d);
    a->has_last = true;
    return a->last;
}

static struct gene choose_random(void *ctx, const struct decision *d)
{
    return decision_random(d, &((struct ant *)ctx)->rng);
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    struct aco *a = state;
    const struct history *h = a->history;
    struct ant ant = {.aco = a, .rng = ask_rng(h, q, ENTITY_ASK)};
    double weights[ARCHIVE_MAX];

    if (h->n_told < a->n_startup || h->n_told == 0)
        return walk_run(h->walk, out, choose_random, &ant);
    ant.greediness = a->greediness / (1 + q->attempt);
    ant.n_good = h->n_told < a->n_archive ? h->n_told : a->n_archive;
    ranking_best(a->ranking, ant.n_good, ant.good, weights);
    return walk_run(h->walk, out, choose, &ant);
}

const struct algorithm aco_algorithm = {
    .name = "aco",
    .version = "aco-1",
    .help =
        "An ant colony: pheromone on the edges between options, laid by the best ant of each "
        "generation; numbers around an archive of good points.",
    .source = "Byla and Pang, arXiv:1905.07350 (DeepSwarm); Dorigo and Gambardella, IEEE TEC 1 "
              "(1997); Socha and Dorigo, EJOR 185 (2008) for numbers",
    .knobs = knobs_table,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .ask = ask,
};
