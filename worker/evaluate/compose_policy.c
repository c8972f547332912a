// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "worker/evaluate/compose.h"
#include "worker/evaluate/knapsack.h"

struct job {
    const struct inventory *k;
    const struct compose_knobs *knobs;
    bool *taken;
    bool *probed;
    uint32_t spent;
    uint32_t *top; // [n_skills][top_k]
    uint32_t n_top;
};

// ---- candidates ------------------------------------------------------------------------

// The most similar ones for skill j; of equals the first.
static void rank_skill(struct job *c, uint32_t j)
{
    uint32_t *top = c->top + (size_t)j * c->n_top, n = 0;

    for (uint32_t i = 0; i < c->k->n; i++) {
        double s = c->k->components[i].similarity[j];
        uint32_t at = n < c->n_top ? n++ : c->n_top;
        for (; at > 0 && c->k->components[top[at - 1]].similarity[j] < s; at--)
            if (at < c->n_top)
                top[at] = top[at - 1];
        if (at < c->n_top)
            top[at] = i;
    }
}

static void take(struct job *c, uint32_t i)
{
    if (c->taken[i])
        return;
    c->taken[i] = true;
    c->spent += c->k->components[i].cost;
}

// ---- policies --------------------------------------------------------------------------

// Between one unit of value at the highest cost and all of it at the lowest.
static struct knapsack_online thresholds(const struct job *c)
{
    double all = 0, least = INFINITY, most = 0;

    for (uint32_t j = 0; j < c->k->n_skills; j++)
        all += c->k->weight[j];
    for (uint32_t i = 0; i < c->k->n_skills * c->n_top; i++) {
        double cost = c->k->components[c->top[i]].cost;
        least = fmin(least, cost);
        most = fmax(most, cost);
    }
    struct knapsack_online k = {
        .low = 1 / most, .high = all / least, .budget = c->knobs->budget};
    k.high = fmax(k.high, k.low);
    return k;
}

static double value_of(const struct job *c, uint32_t i, const bool *covered)
{
    double value = 0;

    for (uint32_t j = 0; j < c->k->n_skills; j++)
        if (!covered[j])
            value += c->k->weight[j] * inventory_pass(c->k, i, j);
    return value;
}

static void choose_online(struct job *c)
{
    struct knapsack_online online = thresholds(c);
    bool covered[SKILLS_MAX] = {false};

    for (uint32_t at = 0; at < c->k->n_skills * c->n_top; at++) {
        uint32_t i = c->top[at];
        if (c->probed[i])
            continue; // seen: taken or left for good
        c->probed[i] = true;
        if (!knapsack_offer(&online, value_of(c, i, covered), c->k->components[i].cost))
            continue;
        take(c, i);
        for (uint32_t j = 0; j < c->k->n_skills; j++)
            covered[j] = covered[j] || inventory_pass(c->k, i, j) > 0;
    }
}

static void choose_retrieval(struct job *c)
{
    for (uint32_t j = 0; j < c->k->n_skills; j++)
        for (uint32_t at = 0; at < c->n_top; at++) {
            uint32_t i = c->top[j * c->n_top + at];
            if (!c->taken[i] && c->spent + c->k->components[i].cost > c->knobs->budget)
                continue;
            take(c, i);
            break;
        }
}

static void choose_offline(struct job *c, struct arena *scratch)
{
    uint32_t n = c->k->n_skills * c->n_top;
    struct knapsack_item *items = arena_alloc(scratch, n * sizeof *items);
    bool *best = arena_alloc(scratch, n * sizeof *best);
    bool probes = c->knobs->policy == COMPOSE_PROBED;

    for (uint32_t at = 0; at < n; at++) {
        uint32_t i = c->top[at], j = at / c->n_top;
        c->probed[i] = probes;
        items[at].value =
            c->k->weight[j]
            * (probes ? inventory_pass(c->k, i, j) : c->k->components[i].similarity[j]);
        items[at].cost = c->k->components[i].cost;
        items[at].group = j;
    }
    (void)knapsack_best(items, n, c->knobs->budget, scratch, best);
    for (uint32_t at = 0; at < n; at++)
        if (best[at])
            take(c, c->top[at]);
}

static void choose_all(struct job *c)
{
    for (uint32_t i = 0; i < c->k->n; i++)
        take(c, i);
}

// ---- what it came to ---------------------------------------------------------------------

static bool has_failed(const struct inventory *k, uint32_t i)
{
    for (uint32_t j = 0; j < k->n_skills; j++)
        if (inventory_pass(k, i, j) > 0)
            return false;
    return true;
}

static struct composed outcome(const struct job *c)
{
    struct composed y = {.cost = c->spent};
    bool works[SKILLS_MAX] = {false};
    double all = 0;

    for (uint32_t i = 0; i < c->k->n; i++) {
        y.n_probes += c->probed[i] ? c->k->n_probes * c->k->n_skills : 0;
        if (!c->taken[i])
            continue;
        y.n_taken++;
        y.n_failed += has_failed(c->k, i);
        for (uint32_t j = 0; j < c->k->n_skills; j++)
            works[j] = works[j] || c->k->components[i].works[j];
    }
    for (uint32_t j = 0; j < c->k->n_skills; j++) {
        all += c->k->weight[j];
        y.success += works[j] ? c->k->weight[j] : 0;
    }
    y.success = all > 0 ? y.success / all : 0;
    return y;
}

struct composed compose_choose(const struct inventory *k,
                               const struct compose_knobs *knobs,
                               bool *taken,
                               struct arena *scratch)
{
    struct arena_mark mark = arena_mark(scratch);
    struct job c = {.k = k,
                    .knobs = knobs,
                    .taken = taken,
                    .probed = arena_alloc(scratch, k->n * sizeof(bool)),
                    .n_top = knobs->top_k < k->n ? knobs->top_k : k->n};

    c.top = arena_alloc(scratch, (size_t)k->n_skills * c.n_top * sizeof *c.top);
    memset(taken, 0, k->n * sizeof *taken);
    for (uint32_t j = 0; j < k->n_skills; j++)
        rank_skill(&c, j);
    if (knobs->policy == COMPOSE_ONLINE)
        choose_online(&c);
    else if (knobs->policy == COMPOSE_RETRIEVAL)
        choose_retrieval(&c);
    else if (knobs->policy == COMPOSE_IDENTITY)
        choose_all(&c);
    else
        choose_offline(&c, scratch);
    struct composed y = outcome(&c);
    arena_release(scratch, mark);
    return y;
}
