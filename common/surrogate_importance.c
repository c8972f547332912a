// SPDX-License-Identifier: MIT
// surrogate_importance.c - how much worse a model predicts once a parameter is shuffled.
//
// Source     Breiman, "Random forests", Machine Learning 45 (2001), section 10.
#include <string.h>

#include "common/mem.h"
#include "common/rng.h"
#include "common/surrogate.h"

enum { SHUFFLES = 5 };

// The mean squared error with the parameter's values taken from rows order[i]; where the
// other row has none, neither has this one.
static double error_with(const struct surrogate *s,
                         const struct surrogate_trials *d,
                         const char *name,
                         const uint32_t *order,
                         struct arena *a)
{
    double sum = 0;
    for (uint32_t i = 0; i < d->n; i++) {
        struct arena_mark mark = arena_mark(a);
        struct value row = value_map();
        const struct value *other = value_find(d->rows[order[i]], name);
        for (uint32_t k = 0; k < d->rows[i]->n; k++) {
            const struct value_pair *p = &d->rows[i]->pairs[k];
            if (strcmp(p->key, name) != 0)
                value_set(a, &row, p->key, p->value);
        }
        if (other)
            value_set(a, &row, name, *other);
        double e = surrogate_predict(s, &row) - d->targets[i];
        arena_release(a, mark);
        sum += e * e / d->n;
    }
    return sum;
}

static double importance_of(const struct surrogate *s,
                            const struct surrogate_trials *d,
                            const char *name,
                            struct rng *r,
                            struct arena *a)
{
    uint32_t *order = mem_alloc((d->n + 1) * sizeof *order);
    double rise = 0;

    for (uint32_t i = 0; i < d->n; i++)
        order[i] = i;
    double before = error_with(s, d, name, order, a);
    for (int k = 0; k < SHUFFLES; k++) {
        for (uint32_t i = d->n; i > 1; i--) { // Fisher and Yates
            uint32_t j = (uint32_t)rng_below(r, i), other = order[j];
            order[j] = order[i - 1];
            order[i - 1] = other;
        }
        rise += (error_with(s, d, name, order, a) - before) / SHUFFLES;
    }
    mem_free(order);
    return rise;
}

static double variance(const struct surrogate_trials *d)
{
    double mean = 0, sum = 0;
    for (uint32_t i = 0; i < d->n; i++)
        mean += d->targets[i] / d->n;
    for (uint32_t i = 0; i < d->n; i++)
        sum += (d->targets[i] - mean) * (d->targets[i] - mean) / d->n;
    return sum;
}

// Behind all that are at least as important.
static void insert(struct value *sorted, const char *name, double x, struct arena *a)
{
    value_set(a, sorted, name, value_float(x));
    for (uint32_t k = sorted->n - 1; k > 0 && sorted->pairs[k - 1].value.f < x; k--) {
        struct value_pair p = sorted->pairs[k];
        sorted->pairs[k] = sorted->pairs[k - 1];
        sorted->pairs[k - 1] = p;
    }
}

struct value surrogate_importance(const struct surrogate *s,
                                  const struct surrogate_trials *held_out,
                                  uint64_t seed,
                                  struct arena *a)
{
    struct value sorted = value_map();
    double scale = variance(held_out);

    for (uint32_t i = 0; i < held_out->n; i++)
        for (uint32_t k = 0; k < held_out->rows[i]->n; k++) {
            const char *name = held_out->rows[i]->pairs[k].key;
            if (value_find(&sorted, name))
                continue;
            struct rng r = rng_at(seed, 3, 0, sorted.n);
            double x = importance_of(s, held_out, name, &r, a);
            insert(&sorted, name, scale > 0 ? x / scale : 0, a);
        }
    return sorted;
}
