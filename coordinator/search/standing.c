// SPDX-License-Identifier: MIT
#include "coordinator/search/standing.h"

#include <string.h>

#include "common/mem.h"

// Of more records than this every second, fourth, … is kept: enough to stand among.
enum { KEPT_MAX = 8192 };

struct standing {
    const struct history *history;
    uint32_t n, cap;
    uint32_t n_seen, stride;        // every stride-th is kept
    double *sorted[OBJECTIVES_MAX]; // ascending
};

struct standing *standing_create(const struct history *h)
{
    struct standing *s = mem_alloc(sizeof *s);
    s->history = h;
    s->stride = 1;
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

static void thin(struct standing *s)
{
    for (uint32_t axis = 0; axis < s->history->objectives->n; axis++)
        for (uint32_t i = 0; 2 * i + 1 < s->n; i++)
            s->sorted[axis][i] = s->sorted[axis][2 * i + 1];
    s->n /= 2;
    s->stride *= 2;
}

static void make_room(struct standing *s)
{
    if (s->n == KEPT_MAX)
        thin(s);
    if (s->n < s->cap)
        return;
    s->cap = s->cap ? s->cap * 2 : 64;
    for (uint32_t i = 0; i < s->history->objectives->n; i++)
        s->sorted[i] = mem_realloc(s->sorted[i], s->cap * sizeof *s->sorted[i]);
}

double standing_add(struct standing *s, uint32_t record)
{
    const struct score *score = &s->history->records[record].score;
    uint32_t m = s->history->objectives->n;
    double sum = 0;

    if (score->verdict != SCORE_FEASIBLE)
        return 0;
    make_room(s);
    bool is_kept = s->n_seen++ % s->stride == 0;
    for (uint32_t i = 0; i < m; i++) {
        uint32_t below = place(s, i, score->losses[i], false);
        uint32_t upto = place(s, i, score->losses[i], true);
        double rank = (below + upto) / 2.0;
        double *at = s->sorted[i] + upto;
        sum += s->n ? 1 - rank / s->n : 0.5;
        if (!is_kept)
            continue;
        memmove(at + 1, at, (s->n - upto) * sizeof *at);
        *at = score->losses[i];
    }
    s->n += is_kept;
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
