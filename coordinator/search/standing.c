// SPDX-License-Identifier: MIT
#include "coordinator/search/standing.h"

#include <string.h>

#include "common/mem.h"

struct standing {
    const struct history *history;
    uint32_t n, cap;
    double *sorted[OBJECTIVES_MAX]; // ascending
};

struct standing *standing_create(const struct history *h)
{
    struct standing *s = mem_alloc(sizeof *s);
    s->history = h;
    return s;
}

void standing_destroy(struct standing *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < OBJECTIVES_MAX; i++)
        mem_free(s->sorted[i]);
    mem_free(s);
}

// How many are less than the loss, or (or_equal) do not exceed it.
static uint32_t place(const struct standing *s, uint32_t axis, double loss, bool or_equal)
{
    uint32_t low = 0, high = s->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        double x = s->sorted[axis][mid];
        if (x < loss || (or_equal && x <= loss))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

double standing_add(struct standing *s, uint32_t record)
{
    const struct score *score = &s->history->records[record].score;
    uint32_t m = s->history->objectives->n;
    double sum = 0;

    if (score->verdict != SCORE_FEASIBLE)
        return 0;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        for (uint32_t i = 0; i < m; i++)
            s->sorted[i] = mem_realloc(s->sorted[i], s->cap * sizeof *s->sorted[i]);
    }
    for (uint32_t i = 0; i < m; i++) {
        uint32_t below = place(s, i, score->losses[i], false);
        uint32_t upto = place(s, i, score->losses[i], true);
        double rank = (below + upto) / 2.0;
        double *at = s->sorted[i] + upto;
        memmove(at + 1, at, (s->n - upto) * sizeof *at);
        *at = score->losses[i];
        sum += s->n ? 1 - rank / s->n : 0.5;
    }
    s->n++;
    return sum / m;
}

double standing_quantile(const struct standing *s, uint32_t objective, double q)
{
    return s->n ? s->sorted[objective][(uint32_t)(q * (s->n - 1))] : 0;
}

uint32_t standing_count(const struct standing *s)
{
    return s->n;
}
