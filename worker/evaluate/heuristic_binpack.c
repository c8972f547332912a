// SPDX-License-Identifier: MIT
// Online bin packing: each item goes into a bin with room for it, or a new one, before the
// next is seen.  The cost is how many bins more than total size / capacity were used, in
// percent.
//
//   item      the item's size
//   room      of the bin, before the item
//   left      room - item
//   capacity  of a bin
//
// "0" is first fit, "-left" best fit.  What may be used makes a table of scores by item and
// room, so that a program is evaluated once for each pair, not in each step.
//
// Source     The distributions are those of Romera-Paredes et al., Nature 625 (2024): items
//            from Weibull(45, 3) in bins of 100, and uniform from 20 to 100 in bins of 150
//            (Falkenauer, Journal of Heuristics 2, 1996, as in OR-Library's sets).
#include <math.h>
#include <string.h>

#include "common/expr_rows.h"
#include "common/math.h"
#include "worker/evaluate/heuristic.h"

enum { CAPACITY_MAX = 150 };

struct binpack {
    struct heuristic_job job;
    uint32_t capacity;
    uint32_t *sizes; // [instance][item]
};

static uint32_t weibull(struct rng *r)
{
    double x = 45 * math_pow(-math_log(1 - rng_f64(r)), 1.0 / 3);
    double size = floor(x + 0.5);

    return size < 1 ? 1 : size > 100 ? 100 : (uint32_t)size;
}

static void *make(const struct heuristic_job *job, struct arena *a)
{
    struct binpack *b = arena_alloc(a, sizeof *b);
    bool is_uniform = strcmp(job->sizes, "uniform") == 0;

    *b = (struct binpack){.job = *job, .capacity = is_uniform ? 150 : 100};
    b->sizes = arena_room(a, (size_t)job->n_instances * job->n_items * sizeof *b->sizes);
    for (uint32_t k = 0; k < job->n_instances; k++) {
        struct rng r = heuristic_rng(job->first + k, is_uniform);
        for (uint32_t i = 0; i < job->n_items; i++)
            b->sizes[(size_t)k * job->n_items + i] =
                is_uniform ? 20 + (uint32_t)rng_below(&r, 81) : weibull(&r);
    }
    return b;
}

// By item and room; those with less room than the item are never looked at.
struct table {
    double scores[CAPACITY_MAX + 1][CAPACITY_MAX + 1];
};

static void fill_row(const struct binpack *b,
                     const struct expr *e,
                     uint32_t item,
                     double *scores,
                     struct arena *scratch)
{
    double items[CAPACITY_MAX + 1], rooms[CAPACITY_MAX + 1], lefts[CAPACITY_MAX + 1],
        capacities[CAPACITY_MAX + 1];
    const struct expr_column columns[] = {{"item", items},
                                          {"room", rooms},
                                          {"left", lefts},
                                          {"capacity", capacities},
                                          {NULL, NULL}};
    uint32_t n = b->capacity - item + 1;

    for (uint32_t i = 0; i < n; i++) {
        items[i] = item;
        rooms[i] = item + i;
        lefts[i] = i;
        capacities[i] = b->capacity;
    }
    expr_rows(e, columns, n, scratch, scores + item);
}

// Bins that one instance takes; *rooms is scratch for one number an item.
static uint32_t
pack(const struct binpack *b, const uint32_t *sizes, const struct table *t, uint32_t *rooms)
{
    uint32_t n = 0, n_full = 0; // bins with room, in the order they were opened

    for (uint32_t i = 0; i < b->job.n_items; i++) {
        const double *score = t->scores[sizes[i]];
        uint32_t best = n; // a new one
        double top = (double)NAN;
        for (uint32_t k = 0; k < n; k++)
            if (rooms[k] >= sizes[i] && (best == n || heuristic_wins(score[rooms[k]], top))) {
                best = k;
                top = score[rooms[k]];
            }
        if (best < n && heuristic_wins(score[b->capacity], top))
            best = n;
        if (best == n)
            rooms[n++] = b->capacity;
        rooms[best] -= sizes[i];
        if (rooms[best] > 0)
            continue;
        n_full++;
        n--;
        memmove(&rooms[best], &rooms[best + 1], (n - best) * sizeof *rooms);
    }
    return n + n_full;
}

static double excess(const struct binpack *b, const struct table *t, struct arena *scratch)
{
    uint32_t *rooms = arena_room(scratch, (b->job.n_items + 1) * sizeof *rooms);
    double sum = 0;

    for (uint32_t k = 0; k < b->job.n_instances; k++) {
        const uint32_t *sizes = b->sizes + (size_t)k * b->job.n_items;
        uint64_t total = 0;
        for (uint32_t i = 0; i < b->job.n_items; i++)
            total += sizes[i];
        uint64_t bound = (total + b->capacity - 1) / b->capacity;
        sum += 100.0 * (pack(b, sizes, t, rooms) - (double)bound) / (double)bound;
    }
    return sum / b->job.n_instances;
}

static struct heuristic_cost cost(const void *made, const struct expr *e, struct arena *scratch)
{
    const struct binpack *b = made;
    struct table *t = arena_alloc(scratch, sizeof *t);
    uint32_t n = 0, n_undefined = 0;

    for (uint32_t item = 1; item <= b->capacity; item++) {
        fill_row(b, e, item, t->scores[item], scratch);
        for (uint32_t room = item; room <= b->capacity; room++, n++)
            n_undefined += isnan(t->scores[item][room]) != 0;
    }
    return (struct heuristic_cost){excess(b, t, scratch), n_undefined / (double)n};
}

static double first_fit(const void *made, struct arena *scratch)
{
    return excess(made, arena_alloc(scratch, sizeof(struct table)), scratch);
}

static const char *const inputs[] = {"item", "room", "left", "capacity", NULL};

const struct heuristic_problem heuristic_binpack = {
    .name = "binpack",
    .inputs = inputs,
    .usual = "-left",
    .make = make,
    .cost = cost,
    .simple = first_fit,
};
