// SPDX-License-Identifier: MIT
#include "coordinator/search/variation.h"

#include "common/math.h"

#define REACH_BITS 10.0

enum { STEP_TRIES = 8 };

// Simulated binary crossover: children as far from their parents as the spread
// says, in units of the slot's scale.
static double cross(struct variation *c, double x, double y)
{
    double u = rng_f64(&c->rng), power = 1 / (c->eta + 1);
    double beta = u <= 0.5 ? math_pow(2 * u, power) : math_pow(1 / (2 * (1 - u)), power);
    double side = rng_f64(&c->rng) < 0.5 ? 1 : -1;
    double child = 0.5 * (x + y + side * beta * (x - y));
    return child < 0 ? 0 : child > 1 ? 1 : child;
}

static double mutate_unit(struct variation *c, double x)
{
    double u = rng_f64(&c->rng), power = 1 / (c->eta + 1), y;
    if (c->reach > 0) { // by a step of any size
        double far = c->reach * math_exp2(-REACH_BITS * rng_f64(&c->rng));
        y = u < 0.5 ? x - far : x + far;
        return y < 0 ? 0 : y > 1 ? 1 : y;
    }
    if (u < 0.5)
        y = math_pow(2 * u + (1 - 2 * u) * math_pow(1 - x, c->eta + 1), power) - 1;
    else
        y = 1 - math_pow(2 * (1 - u) + 2 * (u - 0.5) * math_pow(x, c->eta + 1), power);
    y += x;
    return y < 0 ? 0 : y > 1 ? 1 : y;
}

static bool is_ordered(const struct decision *d)
{
    return d->slot->kind != SLOT_CHOICE;
}

static struct gene mutate(struct variation *c, const struct decision *d, struct gene g)
{
    if (d->slot->kind == SLOT_FLOAT)
        return slot_gene(d->slot, d->index, mutate_unit(c, slot_unit(d->slot, g)));
    if (d->n_allowed < 2)
        return decision_option(d, 0);
    struct gene other = g;
    if (is_ordered(d) && rng_f64(&c->rng) < 0.5) {
        other = slot_gene(d->slot, d->index, mutate_unit(c, slot_unit(d->slot, g)));
        if (other.k == g.k) // a step at least
            other.k = g.k == 0 || (g.k + 1 < d->slot->n && rng_f64(&c->rng) < 0.5) ? g.k + 1
                                                                                   : g.k - 1;
    }
    if (other.k != g.k && decision_allows(d, other))
        return other;
    do
        other = decision_option(d, rng_below(&c->rng, d->n_allowed));
    while (other.k == g.k);
    return other;
}

// What the parents have at this slot; false when neither has it.
static bool inherit(struct variation *c, const struct decision *d, struct gene *out)
{
    const struct gene *x = point_find(c->a, d->index);
    const struct gene *y = c->b ? point_find(c->b, d->index) : NULL;

    if (!x && !y)
        return false;
    if (!x || !y) {
        *out = x ? *x : *y;
        return true;
    }
    if (is_ordered(d) && rng_f64(&c->rng) < 0.5) {
        double u = cross(c, slot_unit(d->slot, *x), slot_unit(d->slot, *y));
        *out = slot_gene(d->slot, d->index, u);
        return true;
    }
    *out = rng_f64(&c->rng) < 0.5 ? *x : *y;
    return true;
}

// In a permutation the place that the parent gave value `taken` gets `freed`.
static void
plan_swap(struct variation *c, const struct decision *d, uint64_t freed, uint64_t taken)
{
    const struct slot *slots = c->space->slots;

    for (uint32_t i = 0; i < c->a->n; i++) {
        struct gene there = c->a->genes[i];
        // Places of one permutation stand side by side.
        bool is_ours =
            there.slot > d->index
            && there.slot - d->index == slots[there.slot].index - slots[d->index].index
            && slots[there.slot].dimension == d->slot->dimension;
        if (!is_ours || there.k != taken)
            continue;
        c->has_swap = true;
        c->swap = there.slot;
        c->swapped = freed;
    }
}

struct gene variation_choose(void *ctx, const struct decision *d)
{
    struct variation *c = ctx;
    struct gene g;

    if (c->has_swap && c->swap == d->index)
        return decision_nearest(d, (struct gene){.slot = d->index, .k = c->swapped}, &c->rng);
    if (!inherit(c, d, &g))
        return decision_random(d, &c->rng);
    if (d->index != c->forced && rng_f64(&c->rng) >= c->rate)
        return decision_nearest(d, g, &c->rng);
    struct gene m = mutate(c, d, g);
    if (d->slot->role == ROLE_PERMUTATION)
        plan_swap(c, d, g.k, m.k);
    return m;
}

bool variation_step(const struct history *h,
                    const struct point *from,
                    const struct step *step,
                    struct rng rng,
                    struct point *out)
{
    struct variation v = {.space = h->space, .a = from, .reach = step->reach, .rng = rng};
    v.rate = from->n ? step->more / from->n : 0;

    for (int i = 0; i < STEP_TRIES && from->n; i++) {
        v.has_swap = false;
        v.forced = from->genes[rng_below(&v.rng, from->n)].slot;
        if (walk_run(h->walk, out, variation_choose, &v) && !point_equal(out, from))
            return true;
    }
    return false;
}

struct gene variation_random(void *ctx, const struct decision *d)
{
    return decision_random(d, ctx);
}
