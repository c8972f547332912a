// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdio.h>

#include "common/mem.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/standing.h"

enum knob_index { KNOB_MEMORY, KNOB_SHARE, KNOB_SHARPNESS };

enum { ENTITY_ARM = 1, ARMS_MAX = 8 };

static const struct knob knobs_table[] = {
    {"memory", KNOB_INT, 1, 1000000, 100,
     "trials after which what an arm earned has faded to a third"},
    {"share", KNOB_FLOAT, 0, 1, 0.1, "part of the trials that all arms get alike"},
    {"sharpness", KNOB_INT, 0, 10, 2, "power of what an arm earned that its share grows with"},
    {0},
};

struct arm {
    const char *name;
    uint32_t until;  // trials after which it is too slow to be asked
    uint32_t weight; // how much is expected of it before anything is known
};

// By what the space is like; an arm that the table of algorithms lacks is left out.
static const struct arm numbers[] = {
    {"linesearch", UINT32_MAX, 6}, {"gp", 300, 4},    {"cmaes", UINT32_MAX, 4},
    {"evolution", UINT32_MAX, 1},  {"tpe", 10000, 1}, {NULL, 0, 0},
};
static const struct arm options[] = {
    {"smbo", UINT32_MAX, 12},
    {"hillclimb", UINT32_MAX, 6},
    {"evolution", UINT32_MAX, 2},
    {NULL, 0, 0},
};
static const struct arm mixed[] = {
    {"smbo", UINT32_MAX, 3},  {"linesearch", UINT32_MAX, 3}, {"tpe", 10000, 2},
    {"cmaes", UINT32_MAX, 2}, {"evolution", UINT32_MAX, 2},  {NULL, 0, 0},
};
static const struct arm fronts[] = {
    {"nsga2", UINT32_MAX, 6},
    {"tpe", 1000, 1},
    {"smbo", UINT32_MAX, 1},
    {NULL, 0, 0},
};

struct playing {
    const struct algorithm *algorithm;
    void *state;
    uint32_t until;
    double prior;
    // Made by tell alone, fading.
    double n_used, earned;
};

struct portfolio {
    const struct history *history;
    struct standing *standing;
    double fade, share;
    uint32_t sharpness;
    uint32_t n;
    struct playing arms[ARMS_MAX];
    double knobs[ARMS_MAX][KNOBS_MAX];
    uint32_t n_best, best; // n_best 0: none yet
    // Whose turn each trial is: decided when the trials before its window are told.
    uint32_t n_turns, cap_turns;
    uint8_t *turns;
    char remark[256];
};

// --- the arms -------------------------------------------------------------------------
static const struct arm *arms_for(const struct history *h)
{
    uint32_t n_numbers = 0, n_options = 0;

    if (h->objectives->n > 1)
        return fronts;
    for (uint32_t i = 0; i < h->space->n_slots; i++) {
        const struct slot *s = &h->space->slots[i];
        bool is_number = s->kind == SLOT_FLOAT || (s->kind == SLOT_GRID && s->n > 16);
        n_numbers += is_number;
        n_options += !is_number;
    }
    return n_options == 0 ? numbers : n_numbers == 0 ? options : mixed;
}

static void decide_turns(struct portfolio *p, uint32_t n);

static void *create(const struct history *h, const double *knobs)
{
    struct portfolio *p = mem_alloc(sizeof *p);

    p->history = h;
    p->standing = standing_create(h);
    p->fade = 1 - 1 / knobs[KNOB_MEMORY];
    p->share = knobs[KNOB_SHARE];
    p->sharpness = (uint32_t)knobs[KNOB_SHARPNESS];
    for (const struct arm *a = arms_for(h); a->name; a++) {
        const struct algorithm *algorithm = algorithm_find(a->name);
        if (!algorithm)
            continue;
        double *k = p->knobs[p->n];
        for (uint32_t i = 0; algorithm->knobs[i].name; i++)
            k[i] = algorithm->knobs[i].fallback;
        p->arms[p->n++] = (struct playing){.algorithm = algorithm,
                                           .state = algorithm->create(h, k),
                                           .until = a->until,
                                           .prior = a->weight};
    }
    decide_turns(p, h->window);
    return p;
}

static void destroy(void *state)
{
    struct portfolio *p = state;
    if (!p)
        return;
    for (uint32_t i = 0; i < p->n; i++)
        p->arms[i].algorithm->destroy(p->arms[i].state);
    standing_destroy(p->standing);
    mem_free(p->turns);
    mem_free(p);
}

// --- whose turn -----------------------------------------------------------------------
static double worth(const struct portfolio *p, const struct playing *a)
{
    double prior = a->prior * 0.25;
    double rate = (a->earned + prior) / (a->n_used + 4);
    double x = 1;
    for (uint32_t i = 0; i < p->sharpness; i++)
        x *= rate;
    return x;
}

static uint8_t draw_arm(const struct portfolio *p, uint32_t trial)
{
    struct rng r = rng_at(p->history->seed, ENTITY_ARM, 0, trial);
    double total = 0, left, each[ARMS_MAX] = {0};
    uint32_t n = 0, last = 0;

    for (uint32_t i = 0; i < p->n; i++)
        n += trial < p->arms[i].until;
    for (uint32_t i = 0; i < p->n; i++)
        total += trial < p->arms[i].until ? worth(p, &p->arms[i]) : 0;
    for (uint32_t i = 0; i < p->n; i++)
        if (trial < p->arms[i].until)
            each[i] = p->share / n + (1 - p->share) * worth(p, &p->arms[i]) / total;
    left = rng_f64(&r);
    for (uint32_t i = 0; i < p->n; i++) {
        if (each[i] <= 0)
            continue;
        last = i;
        left -= each[i];
        if (left < 0)
            break;
    }
    return (uint8_t)last;
}

// For the trials before n, by what is told now.
static void decide_turns(struct portfolio *p, uint32_t n)
{
    if (n > p->cap_turns) {
        p->cap_turns = n * 2;
        p->turns = mem_realloc(p->turns, p->cap_turns);
    }
    for (; p->n_turns < n; p->n_turns++)
        p->turns[p->n_turns] = draw_arm(p, p->n_turns);
}

// --- telling --------------------------------------------------------------------------
// A new best earns most, being among the best few of late a little.
static double gain_of(struct portfolio *p, uint32_t record)
{
    const struct record *r = p->history->records;
    uint32_t m = p->history->objectives->n;
    double place = standing_add(p->standing, record), gain = 0;

    if (r[record].score.verdict == SCORE_FEASIBLE && place > 0.9)
        gain = 0.3 * (place - 0.9) / 0.1;
    if (!p->n_best || score_compare(&r[record].score, &r[p->best].score, m) < 0) {
        gain = p->n_best ? 1 : gain;
        p->best = record;
        p->n_best = 1;
    }
    return gain;
}

static void tell(void *state, uint32_t record)
{
    struct portfolio *p = state;
    const struct history *h = p->history;
    double gain = gain_of(p, record);

    for (uint32_t i = 0; i < p->n; i++)
        if (p->arms[i].algorithm->tell)
            p->arms[i].algorithm->tell(p->arms[i].state, record);
    if (record < h->n_warm)
        return;
    uint32_t trial = record - h->n_warm;
    if (trial < p->n_turns) {
        for (uint32_t i = 0; i < p->n; i++) {
            p->arms[i].n_used *= p->fade;
            p->arms[i].earned *= p->fade;
        }
        p->arms[p->turns[trial]].n_used++;
        p->arms[p->turns[trial]].earned += gain;
    }
    decide_turns(p, trial + 1 + h->window);
}

// --- asking ---------------------------------------------------------------------------
static bool ask(void *state, const struct ask *q, struct point *out)
{
    struct portfolio *p = state;
    uint32_t trial = (uint32_t)q->trial;
    uint8_t turn = trial < p->n_turns ? p->turns[trial] : draw_arm(p, trial);
    const struct playing *a = &p->arms[turn];

    return a->algorithm->ask(a->state, q, out);
}

static const char *remark(const void *state)
{
    struct portfolio *p = (struct portfolio *)state; // only its text changes
    uint32_t n[ARMS_MAX] = {0}, n_trials = p->history->n_asked - p->history->n_warm;
    size_t at = 0;

    for (uint32_t i = 0; i < n_trials && i < p->n_turns; i++)
        n[p->turns[i]]++;
    for (uint32_t i = 0; i < p->n && at < sizeof p->remark; i++)
        at += (size_t)snprintf(p->remark + at, sizeof p->remark - at, "%s%s %u",
                               i ? ", " : "trials by ", p->arms[i].algorithm->name, n[i]);
    return p->remark;
}

const struct algorithm portfolio_algorithm = {
    .name = "portfolio",
    .version = "portfolio-1",
    .help =
        "Several of the others take turns on one history; those whose trials become the best "
        "get more of them. Which take part follows from the space.",
    .source = "probability matching: Thierens, GECCO 2005; portfolios: Hoffman, Brochu and de "
              "Freitas, UAI 2011",
    .knobs = knobs_table,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .ask = ask,
    .remark = remark,
};
