// SPDX-License-Identifier: MIT
#include <math.h>

#include "common/math.h"
#include "common/mem.h"
#include "coordinator/search/algorithm.h"
#include "coordinator/search/standing.h"
#include "coordinator/search/variation.h"

enum knob_index { KNOB_RATE, KNOB_ENTROPY, KNOB_MEMORY, KNOB_STARTUP };

enum { ENTITY_ASK = 1 };

// A grid with more options is a normal distribution along its scale, not a table.
enum { TABLE_MAX = 64 };

#define SIGMA_FIRST 0.3
#define SIGMA_MIN   0.001
#define SIGMA_MAX   0.5
#define LOGIT_MAX   8.0

static const struct knob knobs_table[] = {
    {"rate", KNOB_FLOAT, 0.0001, 10, 0.5, "step of the policy along the gradient"},
    {"entropy", KNOB_FLOAT, 0, 1, 0.005, "part of the preferences forgotten at each trial"},
    {"memory", KNOB_FLOAT, 0, 0.9999, 0.9, "weight of the past in the baseline"},
    {"startup", KNOB_INT, 0, 100000, 10, "random trials before the policy decides"},
    {0},
};

// The policy of one decision: preferences of its options, or a normal distribution.
struct unit {
    double *logits;
    double mu, sigma;
    bool is_known;
};

struct reinforce {
    const struct history *history;
    struct standing *standing;
    double rate, entropy, memory;
    uint32_t n_startup;
    double baseline;
    struct unit *units; // [n_slots]
};

static void *create(const struct history *h, const double *knobs)
{
    struct reinforce *p = mem_alloc(sizeof *p);

    p->history = h;
    p->standing = standing_create(h);
    p->rate = knobs[KNOB_RATE];
    p->entropy = knobs[KNOB_ENTROPY];
    p->memory = knobs[KNOB_MEMORY];
    p->n_startup = (uint32_t)knobs[KNOB_STARTUP];
    p->baseline = 0.5;
    p->units = mem_alloc((h->space->n_slots + 1) * sizeof *p->units);
    return p;
}

static void destroy(void *state)
{
    struct reinforce *p = state;
    if (!p)
        return;
    for (uint32_t i = 0; i < p->history->space->n_slots; i++)
        mem_free(p->units[i].logits);
    standing_destroy(p->standing);
    mem_free(p->units);
    mem_free(p);
}

static bool is_table(const struct slot *s)
{
    return s->kind == SLOT_CHOICE || (s->kind == SLOT_GRID && s->n <= TABLE_MAX);
}

static struct unit *unit_of(struct reinforce *p, uint32_t slot)
{
    const struct slot *s = &p->history->space->slots[slot];
    struct unit *u = &p->units[slot];

    if (u->is_known)
        return u;
    u->is_known = true;
    u->mu = 0.5;
    u->sigma = SIGMA_FIRST;
    if (is_table(s))
        u->logits = mem_alloc(s->n * sizeof *u->logits);
    return u;
}

// d log p / d logit_j = [j = k] - p_j.
static void learn_option(
    const struct reinforce *p, struct unit *u, const struct slot *s, uint64_t k, double gain)
{
    double total = 0;

    for (uint64_t j = 0; j < s->n; j++)
        total += math_exp(u->logits[j]);
    for (uint64_t j = 0; j < s->n; j++) {
        double x = u->logits[j];
        double gradient = (j == k) - math_exp(x) / total;
        x = (1 - p->entropy) * x + p->rate * gain * gradient;
        u->logits[j] = x > LOGIT_MAX ? LOGIT_MAX : x < -LOGIT_MAX ? -LOGIT_MAX : x;
    }
}

// Along the natural gradient of mean and spread, which does not depend on the spread.
static void learn_number(const struct reinforce *p, struct unit *u, double x, double gain)
{
    double z = (x - u->mu) / u->sigma;
    double step = p->rate * gain * z;

    step = step > 1 ? 1 : step < -1 ? -1 : step;
    u->mu += u->sigma * step;
    u->mu = u->mu < 0 ? 0 : u->mu > 1 ? 1 : u->mu;
    double wider = 0.25 * p->rate * gain * (z * z - 1);
    wider = wider > 0.5 ? 0.5 : wider < -0.5 ? -0.5 : wider;
    u->sigma *= math_exp(wider);
    u->sigma = u->sigma < SIGMA_MIN ? SIGMA_MIN : u->sigma > SIGMA_MAX ? SIGMA_MAX : u->sigma;
}

static void tell(void *state, uint32_t record)
{
    struct reinforce *p = state;
    const struct point *point = &p->history->records[record].point;
    double utility = standing_add(p->standing, record);
    double gain = utility - p->baseline;

    for (uint32_t i = 0; i < point->n; i++) {
        struct gene g = point->genes[i];
        const struct slot *s = &p->history->space->slots[g.slot];
        struct unit *u = unit_of(p, g.slot);
        if (u->logits)
            learn_option(p, u, s, g.k, gain);
        else
            learn_number(p, u, slot_unit(s, g), gain);
    }
    p->baseline = p->memory * p->baseline + (1 - p->memory) * utility;
}

struct draw {
    struct reinforce *policy;
    double wider; // known points: a flatter policy
    struct rng rng;
};

static struct gene choose(void *ctx, const struct decision *d)
{
    struct draw *a = ctx;
    struct unit *u = unit_of(a->policy, d->index);
    double total = 0;

    if (!u->logits) {
        double x = u->mu + a->wider * u->sigma * rng_normal(&a->rng);
        x = x < 0 ? -x : x > 1 ? 2 - x : x; // back from the ends
        struct gene g = slot_gene(d->slot, d->index, x < 0 || x > 1 ? rng_f64(&a->rng) : x);
        return decision_nearest(d, g, &a->rng);
    }
    for (uint64_t k = 0; k < d->slot->n; k++)
        total += !d->allowed || d->allowed[k] ? math_exp(u->logits[k] / a->wider) : 0;
    double left = rng_f64(&a->rng) * total;
    struct gene g = {.slot = d->index}, last = decision_option(d, 0);
    for (; g.k < d->slot->n; g.k++) {
        if (d->allowed && !d->allowed[g.k])
            continue;
        last = g;
        left -= math_exp(u->logits[g.k] / a->wider);
        if (left < 0)
            break;
    }
    return last;
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    struct reinforce *p = state;
    struct draw a = {.policy = p, .wider = 1 + 0.25 * q->attempt};

    a.rng = ask_rng(p->history, q, ENTITY_ASK);
    if (p->history->n_told < p->n_startup)
        return walk_run(p->history->walk, out, variation_random, &a.rng);
    return walk_run(p->history->walk, out, choose, &a);
}

const struct algorithm reinforce_algorithm = {
    .name = "reinforce",
    .version = "reinforce-1",
    .help = "A policy of one distribution a decision, moved along the gradient of how a trial "
            "stands among the others; decisions not in play are not touched.",
    .source = "Williams, Machine Learning 8 (1992); factorised as in Bello et al., ICML 2017",
    .knobs = knobs_table,
    .create = create,
    .destroy = destroy,
    .tell = tell,
    .ask = ask,
};
