// SPDX-License-Identifier: MIT
#include "worker/evaluate/txn_rule.h"

#include <math.h>
#include <string.h>

#include "common/rng.h"

struct job {
    const struct txn_workload *w;
    const struct txn_knobs *knobs;
    struct txn_time time;
    double *hot;          // [n], or NULL
    const uint32_t *rank; // [n] place in the given order
    uint32_t *order;      // [n] being made
};

// ---- hotness ---------------------------------------------------------------------------

static bool conflict(const struct txn *a, const struct txn *b)
{
    for (uint32_t i = 0; i < a->n; i++)
        for (uint32_t k = 0; k < b->n; k++)
            if (a->ops[i].key == b->ops[k].key && (a->ops[i].writes || b->ops[k].writes))
                return true;
    return false;
}

static double *hotness(const struct txn_workload *w, struct arena *scratch)
{
    double *hot = arena_alloc(scratch, w->n * sizeof *hot);

    for (uint32_t a = 0; a < w->n; a++)
        for (uint32_t b = 0; b < a; b++)
            if (conflict(&w->txns[a], &w->txns[b])) {
                hot[a] += 1.0 / w->n;
                hot[b] += 1.0 / w->n;
            }
    return hot;
}

// ---- greedy ----------------------------------------------------------------------------

static double cost(const struct job *j, uint32_t x, struct rng *r)
{
    const struct txn *txn = &j->w->txns[x];
    int32_t start = txn_start(&j->time, txn), end = start + txn->len - 1;
    int32_t makespan = end > j->time.makespan ? end : j->time.makespan;
    double c = makespan + j->knobs->start_weight * start;

    if (j->hot)
        c += j->knobs->hot_weight * j->hot[x];
    return r ? c + j->knobs->noise * rng_f64(r) : c;
}

// Brings the cheapest of what is left, [at, n) of the order, to `at`.
static void choose(struct job *j, uint32_t at, struct rng *r)
{
    double least = INFINITY;
    uint32_t best = at;

    for (uint32_t i = at; i < j->w->n; i++) {
        double c = cost(j, j->order[i], r);
        if (c < least || (c == least && j->rank[j->order[i]] < j->rank[j->order[best]])) {
            least = c;
            best = i;
        }
    }
    uint32_t x = j->order[best];
    j->order[best] = j->order[at];
    j->order[at] = x;
    txn_append(&j->time, &j->w->txns[x]);
}

static int32_t greedy(struct job *j, const uint32_t *given, struct rng *r)
{
    memcpy(j->order, given, j->w->n * sizeof *given);
    txn_clear(j->w, &j->time);
    for (uint32_t at = 0; at < j->w->n; at++)
        choose(j, at, r);
    return j->time.makespan;
}

// ---- moves -----------------------------------------------------------------------------

static void move(uint32_t *order, uint32_t from, uint32_t to)
{
    uint32_t x = order[from];

    if (from < to)
        memmove(order + from, order + from + 1, (to - from) * sizeof *order);
    else
        memmove(order + to + 1, order + to, (from - to) * sizeof *order);
    order[to] = x;
}

static int32_t improve(struct job *j, int32_t value, uint32_t *order, struct rng *r)
{
    const struct txn_knobs *knobs = j->knobs;
    int32_t now = value;

    memcpy(j->order, order, j->w->n * sizeof *order);
    for (uint32_t i = 0; i < knobs->moves; i++) {
        uint32_t from = (uint32_t)rng_below(r, j->w->n), to = (uint32_t)rng_below(r, j->w->n);
        double slack = knobs->slack * (1 - (double)i / knobs->moves);
        int32_t most = now + (int32_t)slack;
        move(j->order, from, to);
        int32_t next = txn_makespan(j->w, j->order, &j->time, most);
        if (next > most) {
            move(j->order, to, from);
            continue;
        }
        now = next;
        if (now < value) {
            value = now;
            memcpy(order, j->order, j->w->n * sizeof *order);
        }
    }
    return value;
}

int32_t txn_order(const struct txn_workload *w,
                  const struct txn_knobs *knobs,
                  uint64_t seed,
                  uint32_t stream,
                  uint32_t *order,
                  struct arena *scratch)
{
    struct arena_mark mark = arena_mark(scratch);
    uint32_t *rank = arena_room(scratch, w->n * sizeof *rank);
    uint32_t *given = arena_copy(scratch, order, w->n * sizeof *order);
    struct job j = {.w = w,
                    .knobs = knobs,
                    .time = txn_begin(w, scratch),
                    .hot = knobs->hot_weight != 0 ? hotness(w, scratch) : NULL,
                    .rank = rank,
                    .order = arena_room(scratch, w->n * sizeof *order)};
    struct rng r = rng_at(seed, 0, stream, 0);
    int32_t best = INT32_MAX;

    for (uint32_t i = 0; i < w->n; i++)
        rank[given[i]] = i;
    if (knobs->rule == TXN_ORDER)
        best = txn_makespan(w, order, &j.time, INT32_MAX);
    for (uint32_t i = 0; knobs->rule == TXN_GREEDY && i < knobs->tries; i++) {
        struct rng at = rng_at(seed, 1, stream, i);
        int32_t value = greedy(&j, given, i > 0 ? &at : NULL);
        if (value < best) {
            best = value;
            memcpy(order, j.order, w->n * sizeof *order);
        }
    }
    best = improve(&j, best, order, &r);
    arena_release(scratch, mark);
    return best;
}
