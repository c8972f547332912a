// SPDX-License-Identifier: MIT
// sweep_statistics.c - what was compared, item by item (comparison.h), into the statistics.
#include <math.h>
#include <string.h>

#include "coordinator/comparison.h"
#include "coordinator/drivers/sweep_state.h"

// An item counts that failed with none of them.
static bool is_whole(const struct sweep *s, uint64_t i)
{
    for (uint32_t p = 0; p < s->n_points; p++)
        if (s->rows[p * s->per_point + i].state != ROW_HERE)
            return false;
    return true;
}

static struct value of_metric(const struct sweep *s, uint32_t metric, struct arena *a)
{
    const char **names = arena_alloc(a, s->n_points * sizeof *names);
    double **rows = arena_alloc(a, s->n_points * sizeof *rows);
    struct comparison c = {.n_methods = s->n_points};
    for (uint32_t p = 0; p < s->n_points; p++) {
        names[p] = sweep_compared_name(s, p);
        rows[p] = arena_alloc(a, s->per_point * sizeof **rows);
    }
    for (uint64_t i = 0; i < s->per_point; i++) {
        if (!is_whole(s, i))
            continue;
        for (uint32_t p = 0; p < s->n_points; p++)
            rows[p][c.n] = s->values[(p * s->per_point + i) * s->n_metrics + metric];
        c.n++;
    }
    c.names = names;
    c.rows = (const double *const *)rows;
    return comparison_value(&c, a);
}

void sweep_put_statistics(const struct sweep *s, struct arena *a, struct value *stats)
{
    struct value all = value_map();
    if (!s->rows || !s->values || !sweep_only_compares(s) || s->per_point > SWEEP_COMPARED_MAX)
        return;
    for (uint32_t m = 0; m < s->n_metrics; m++)
        if (!s->is_hash || !(s->is_hash[m] || (m && s->is_hash[m - 1])))
            value_set(a, &all, s->metrics[m], of_metric(s, m, a));
    value_set(a, stats, "compare", all);
}
