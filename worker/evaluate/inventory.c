// SPDX-License-Identifier: MIT
#include "worker/evaluate/inventory.h"

#include <inttypes.h>
#include <string.h>

#include "common/math.h"
#include "common/rng.h"
#include "worker/evaluate/evaluate.h"

// ---- made ------------------------------------------------------------------------------

// Chances that a probe helps, of who does what he says and of who does not.
static const double honest_helps = 0.95, impostor_helps = 0.05;
// Similarity is drawn from [low, 1] for a skill that a component claims, else [0, low].
static const double claim_low = 0.6;
enum { COST_MAX = 100, MORE_SKILLS_IN = 4 };

static void draw_probes(struct component *c, uint32_t j, uint32_t n, bool works, struct rng *r)
{
    for (uint32_t i = 0; i < n; i++)
        c->helpful[j] += rng_f64(r) < (works ? honest_helps : impostor_helps);
}

static void
make_component(struct component *c, uint32_t i, const struct inventory_knobs *k, struct rng *r)
{
    double kind = rng_f64(r);
    bool impostor = kind < k->impostors, stale = !impostor && kind < k->impostors + k->stale;

    c->cost = 1 + (uint32_t)rng_below(r, COST_MAX);
    for (uint32_t j = 0; j < k->n_skills; j++) {
        // Its own skill, and now and then one more.
        bool claims =
            j == i % k->n_skills || rng_below(r, (uint64_t)MORE_SKILLS_IN * k->n_skills) == 0;
        double u = rng_f64(r);
        c->similarity[j] = claims ? claim_low + (1 - claim_low) * u : claim_low * u;
        c->works[j] = claims && !impostor && !stale;
        draw_probes(c, j, k->n_probes, c->works[j], r);
    }
    c->broken = stale;
}

struct inventory
inventory_make(const struct inventory_knobs *k, uint64_t seed, uint64_t item, struct arena *a)
{
    struct component *list = arena_alloc(a, k->n * sizeof *list);
    struct inventory out = {
        .n = k->n, .n_skills = k->n_skills, .n_probes = k->n_probes, .components = list};
    struct rng r = evaluate_rng(seed, 0, 0, item);

    for (uint32_t j = 0; j < k->n_skills; j++)
        out.weight[j] = 0.5 + rng_f64(&r);
    for (uint32_t i = 0; i < k->n; i++) {
        struct rng own = evaluate_rng(seed, 1 + i, 0, item);
        make_component(&list[i], i, k, &own);
    }
    return out;
}

// ---- read ------------------------------------------------------------------------------

static bool
read_numbers(const struct value *v, uint32_t n, double low, double high, double *out)
{
    if (!v || v->type != VALUE_LIST || v->n != n)
        return false;
    for (uint32_t j = 0; j < n; j++) {
        out[j] = value_is_number(&v->items[j]) ? value_number(&v->items[j]) : -1;
        if (!(out[j] >= low && out[j] <= high))
            return false;
    }
    return true;
}

static bool
read_component(const struct value *v, const struct inventory *k, struct component *c)
{
    const struct value *cost = value_find(v, "cost"), *broken = value_find(v, "broken");
    const struct value *works = value_find(v, "works");
    double helpful[SKILLS_MAX], does[SKILLS_MAX] = {0};

    if (!cost || cost->type != VALUE_INT || cost->i < 1 || cost->i > UINT32_MAX / 2
        || !read_numbers(value_find(v, "similarity"), k->n_skills, 0, 1, c->similarity)
        || !read_numbers(value_find(v, "helpful"), k->n_skills, 0, k->n_probes, helpful)
        || (works && !read_numbers(works, k->n_skills, 0, 1, does))
        || (broken && broken->type != VALUE_BOOL))
        return false;
    c->cost = (uint32_t)cost->i;
    c->broken = broken && broken->b;
    for (uint32_t j = 0; j < k->n_skills; j++) {
        c->helpful[j] = (uint32_t)helpful[j];
        c->works[j] = works ? does[j] > 0 : !c->broken && 2 * c->helpful[j] >= k->n_probes;
    }
    return true;
}

enum error
inventory_read(const struct value *v, struct arena *a, struct inventory *out, struct errtext *t)
{
    const struct value *skills = value_find(v, "skills"), *probes = value_find(v, "probes");
    const struct value *list = value_find(v, "components");
    struct inventory k = {0};

    if (!skills || skills->type != VALUE_LIST || skills->n < 1 || skills->n > SKILLS_MAX
        || !read_numbers(skills, skills->n, 0, 1e9, k.weight))
        return errtext_set(t, ERR_INVALID, "skills is expected to be a list of 1 to %d weights",
                           SKILLS_MAX);
    if (!probes || probes->type != VALUE_INT || probes->i < 1 || probes->i > PROBES_MAX)
        return errtext_set(t, ERR_INVALID, "probes is expected to be 1 to %d", PROBES_MAX);
    if (!list || list->type != VALUE_LIST || list->n < 1 || list->n > INVENTORY_MAX)
        return errtext_set(t, ERR_INVALID, "components is expected to be a list of 1 to %d",
                           INVENTORY_MAX);
    k.n_skills = skills->n;
    k.n_probes = (uint32_t)probes->i;
    k.n = list->n;
    struct component *c = arena_alloc(a, k.n * sizeof *c);
    k.components = c;
    for (uint32_t i = 0; i < k.n; i++)
        if (!read_component(&list->items[i], &k, &c[i]))
            return errtext_set(t, ERR_INVALID,
                               "component %" PRIu32 " is expected to be {cost, similarity: "
                               "[0 to 1, …], helpful: [0 to %" PRIu32
                               ", …], broken, works: [0 or 1, …]}, a number a skill",
                               i, k.n_probes);
    *out = k;
    return OK;
}

double inventory_pass(const struct inventory *k, uint32_t component, uint32_t j)
{
    const struct component *c = &k->components[component];
    return c->broken || 2 * c->helpful[j] < k->n_probes ? 0
                                                        : (double)c->helpful[j] / k->n_probes;
}
