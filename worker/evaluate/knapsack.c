// SPDX-License-Identifier: MIT
#include "worker/evaluate/knapsack.h"

#include <assert.h>
#include <string.h>

#include "common/math.h"

// ---- online ----------------------------------------------------------------------------

double knapsack_threshold(const struct knapsack_online *k)
{
    double z = k->budget > 0 ? k->spent / k->budget : 1;

    // low / e times (high e / low)^z, in one exponential.
    return k->low * math_exp(z * (math_log(k->high / k->low) + 1) - 1);
}

bool knapsack_offer(struct knapsack_online *k, double value, double cost)
{
    if (!(cost > 0) || k->spent + cost > k->budget || !(value / cost >= knapsack_threshold(k)))
        return false;
    k->spent += cost;
    return true;
}

// ---- offline ---------------------------------------------------------------------------

// Row g has the best sum of the first g groups for every budget; choice[g][b] is the item
// (plus 1) that group g takes there, 0: none.
struct table {
    double *before, *now; // [budget + 1]
    uint32_t *choice;     // [groups][budget + 1]
    uint32_t budget;
};

// The item of [from, to) that is best with b to spend, plus 1, and 0 where none is better
// than what there was.
static uint32_t best_item(const struct table *t,
                          const struct knapsack_item *items,
                          const uint32_t range[2],
                          uint32_t b,
                          double *best)
{
    uint32_t choice = 0;

    *best = t->before[b];
    for (uint32_t i = range[0]; i < range[1]; i++) {
        double sum = items[i].cost > b ? 0 : t->before[b - items[i].cost] + items[i].value;
        if (sum > *best) {
            *best = sum;
            choice = i + 1;
        }
    }
    return choice;
}

static void add_group(struct table *t,
                      const struct knapsack_item *items,
                      const uint32_t range[2],
                      uint32_t *choice)
{
    for (uint32_t b = 0; b <= t->budget; b++)
        choice[b] = best_item(t, items, range, b, &t->now[b]);
    double *row = t->before;
    t->before = t->now;
    t->now = row;
}

static uint32_t group_end(const struct knapsack_item *items, uint32_t n, uint32_t from)
{
    uint32_t to = from + 1;
    while (to < n && items[to].group == items[from].group)
        to++;
    return to;
}

double knapsack_best(const struct knapsack_item *items,
                     uint32_t n,
                     uint32_t budget,
                     struct arena *scratch,
                     bool *taken)
{
    size_t width = (size_t)budget + 1;
    assert(budget <= KNAPSACK_BUDGET_MAX && n * width <= KNAPSACK_CELLS_MAX);
    struct arena_mark mark = arena_mark(scratch);
    struct table t = {.before = arena_alloc(scratch, width * sizeof(double)),
                      .now = arena_alloc(scratch, width * sizeof(double)),
                      .choice = arena_alloc(scratch, n * width * sizeof(uint32_t)),
                      .budget = budget};
    uint32_t n_groups = 0, left = budget;

    memset(taken, 0, n * sizeof *taken);
    for (uint32_t i = 0; i < n; i = group_end(items, n, i))
        add_group(&t, items, (uint32_t[]){i, group_end(items, n, i)},
                  t.choice + width * n_groups++);
    double best = t.before[budget];
    while (n_groups-- > 0) {
        uint32_t item = t.choice[width * n_groups + left];
        if (item == 0)
            continue;
        taken[item - 1] = true;
        left -= items[item - 1].cost;
    }
    arena_release(scratch, mark);
    return best;
}
