// SPDX-License-Identifier: MIT
#include "coordinator/search/ranking.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/search/hypervolume.h"

// The least weight of a record among the best, so that none vanishes.
#define WEIGHT_MIN 1e-12

struct list {
    uint32_t n, cap;
    uint32_t *items;
};

struct ranking {
    const struct history *history;
    uint32_t m;        // objectives
    uint32_t n_most;   // more of the best are never asked for
    struct list order; // one objective
    uint32_t n_fronts, cap_fronts;
    struct list *fronts; // several
};

static void list_insert(struct list *l, uint32_t at, uint32_t record)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 8;
        l->items = mem_realloc(l->items, l->cap * sizeof *l->items);
    }
    memmove(l->items + at + 1, l->items + at, (l->n - at) * sizeof *l->items);
    l->items[at] = record;
    l->n++;
}

struct ranking *ranking_create(const struct history *h, uint32_t n_most)
{
    struct ranking *r = mem_alloc(sizeof *r);
    r->history = h;
    r->n_most = n_most;
    r->m = h->objectives->n;
    return r;
}

void ranking_destroy(struct ranking *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < r->n_fronts; i++)
        mem_free(r->fronts[i].items);
    mem_free(r->fronts);
    mem_free(r->order.items);
    mem_free(r);
}

static const struct score *score_of(const struct ranking *r, uint32_t record)
{
    return &r->history->records[record].score;
}

static bool dominates(const struct ranking *r, uint32_t a, uint32_t b)
{
    return score_dominates(score_of(r, a), score_of(r, b), r->m);
}

static struct list *front_at(struct ranking *r, uint32_t f)
{
    if (f == r->n_fronts) {
        if (r->n_fronts == r->cap_fronts) {
            r->cap_fronts = r->cap_fronts ? r->cap_fronts * 2 : 8;
            r->fronts = mem_realloc(r->fronts, r->cap_fronts * sizeof *r->fronts);
        }
        r->fronts[r->n_fronts++] = (struct list){0};
    }
    return &r->fronts[f];
}

// Put `in` into front f; what it dominates there moves on to the next front.
static void push_down(struct ranking *r, uint32_t f, struct list in)
{
    while (in.n) {
        struct list *front = front_at(r, f++), out = {0};
        uint32_t kept = 0;
        for (uint32_t i = 0; i < front->n; i++) {
            bool is_beaten = false;
            for (uint32_t j = 0; j < in.n && !is_beaten; j++)
                is_beaten = dominates(r, in.items[j], front->items[i]);
            if (is_beaten)
                list_insert(&out, out.n, front->items[i]);
            else
                front->items[kept++] = front->items[i];
        }
        front->n = kept;
        for (uint32_t j = 0; j < in.n; j++)
            list_insert(front, front->n, in.items[j]);
        mem_free(in.items);
        in = out;
    }
    mem_free(in.items);
}

static void add_to_fronts(struct ranking *r, uint32_t record)
{
    uint32_t f = 0;
    for (; f < r->n_fronts; f++) {
        bool is_beaten = false;
        for (uint32_t i = 0; i < r->fronts[f].n && !is_beaten; i++)
            is_beaten = dominates(r, r->fronts[f].items[i], record);
        if (!is_beaten)
            break;
    }
    struct list one = {0};
    list_insert(&one, 0, record);
    push_down(r, f, one);
}

void ranking_add(struct ranking *r, uint32_t record)
{
    if (r->m > 1) {
        add_to_fronts(r, record);
        return;
    }
    uint32_t low = 0, high = r->order.n;
    while (low < high) { // behind its equals: the older one is better
        uint32_t mid = (low + high) / 2;
        if (score_compare(score_of(r, record), score_of(r, r->order.items[mid]), 1) < 0)
            high = mid;
        else
            low = mid + 1;
    }
    list_insert(&r->order, low, record);
    r->order.n -= r->order.n > r->n_most;
}

// A tenth beyond the worst in each objective.
static void reference_of(const double *losses, uint32_t n, uint32_t m, double *out)
{
    for (uint32_t j = 0; j < m; j++) {
        double worst = -INFINITY;
        for (uint32_t i = 0; i < n; i++)
            worst = fmax(worst, losses[(size_t)i * m + j]);
        out[j] = fmax(worst * 1.1, worst * 0.9);
        if (out[j] == 0)
            out[j] = WEIGHT_MIN;
    }
}

static double *losses_of(const struct ranking *r, const uint32_t *records, uint32_t n)
{
    double *losses = mem_alloc(((size_t)n + 1) * r->m * sizeof *losses);
    for (uint32_t i = 0; i < n; i++)
        memcpy(losses + (size_t)i * r->m, score_of(r, records[i])->losses,
               r->m * sizeof *losses);
    return losses;
}

// k of a front that is larger.
static void
choose_from(const struct ranking *r, const struct list *front, uint32_t k, uint32_t *records)
{
    double reference[OBJECTIVES_MAX];

    if (score_of(r, front->items[0])->verdict != SCORE_FEASIBLE) {
        memcpy(records, front->items, k * sizeof *records);
        return;
    }
    double *losses = losses_of(r, front->items, front->n);
    reference_of(losses, front->n, r->m, reference);
    hypervolume_subset(losses, front->n, r->m, reference, k, records);
    for (uint32_t i = 0; i < k; i++)
        records[i] = front->items[records[i]];
    mem_free(losses);
}

// By what each adds to the hypervolume of all, the largest 1.
static void weigh(const struct ranking *r, const uint32_t *records, uint32_t k, double *weights)
{
    uint32_t *good = mem_alloc((k + 1) * sizeof *good), n = 0;
    double reference[OBJECTIVES_MAX], most = WEIGHT_MIN;

    for (uint32_t i = 0; i < k; i++)
        if (score_of(r, records[i])->verdict == SCORE_FEASIBLE)
            good[n++] = i;
    double *losses = mem_alloc(((size_t)n + 1) * r->m * sizeof *losses);
    double *others = mem_alloc(((size_t)n + 1) * r->m * sizeof *others);
    size_t row = r->m * sizeof *losses;
    for (uint32_t i = 0; i < n; i++)
        memcpy(losses + (size_t)i * r->m, score_of(r, records[good[i]])->losses, row);
    reference_of(losses, n, r->m, reference);
    double all = hypervolume_of(losses, n, r->m, reference);
    for (uint32_t i = 0; i < k; i++)
        weights[i] = WEIGHT_MIN;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(others, losses, i * row);
        memcpy(others + (size_t)i * r->m, losses + (size_t)(i + 1) * r->m, (n - i - 1) * row);
        double adds = all - hypervolume_of(others, n - 1, r->m, reference);
        weights[good[i]] = adds > WEIGHT_MIN ? adds : WEIGHT_MIN;
        most = fmax(most, weights[good[i]]);
    }
    for (uint32_t i = 0; i < n; i++)
        weights[good[i]] = fmax(weights[good[i]] / most, WEIGHT_MIN);
    mem_free(good);
    mem_free(losses);
    mem_free(others);
}

void ranking_best(const struct ranking *r, uint32_t k, uint32_t *records, double *weights)
{
    if (r->m == 1) {
        assert(k <= r->order.n);
        memcpy(records, r->order.items, k * sizeof *records);
        for (uint32_t i = 0; i < k; i++)
            weights[i] = 1;
        return;
    }
    uint32_t n = 0;
    for (uint32_t f = 0; f < r->n_fronts && n < k; f++) {
        const struct list *front = &r->fronts[f];
        uint32_t take = front->n < k - n ? front->n : k - n;
        if (take == front->n)
            memcpy(records + n, front->items, take * sizeof *records);
        else
            choose_from(r, front, take, records + n);
        n += take;
    }
    assert(n == k);
    weigh(r, records, k, weights);
}
