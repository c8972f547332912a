// SPDX-License-Identifier: MIT
// search_endpoint.c - requests to the endpoint ride on trials, its answers come with their
// outcomes (coordinator/search/endpoint.h).
#include <string.h>

#include "common/mem.h"
#include "coordinator/drivers/search_state.h"
#include "protocol/propose.h"

void search_asked(struct search *s, uint32_t trial)
{
    struct ask q = {.trial = trial};
    uint32_t records[ENDPOINT_PARENTS], n;

    if (!s->endpoint || s->trials[trial].is_copy
        || !endpoint_picks(s->endpoint, &s->history, trial)
        || !(n = s->algorithm->parents(s->chooser, &q, records, ENDPOINT_PARENTS)))
        return;
    if (s->n_asking == s->cap_asking) {
        s->cap_asking = s->cap_asking ? s->cap_asking * 2 : 8;
        s->asking = mem_realloc(s->asking, s->cap_asking * sizeof *s->asking);
    }
    s->trials[trial].asks = true;
    s->trials[trial].of = records[0];
    s->asking[s->n_asking++] = (struct asking){
        .trial = trial,
        .request = endpoint_request(s->endpoint, &s->history, records, n, s->requests)};
}

void search_add_request(const struct search *s,
                        uint32_t trial,
                        struct value *params,
                        struct arena *a)
{
    for (uint32_t i = 0; s->trials[trial].asks && i < s->n_asking; i++)
        if (s->asking[i].trial == trial)
            (void)value_set(a, params, PROPOSE_KEY, value_copy(a, &s->asking[i].request));
}

void search_sent(struct search *s)
{
    if (s->n_asking)
        arena_reset(s->requests);
    s->n_asking = 0;
}

struct value search_strip(struct search *s, const struct value *params, struct trial *out)
{
    const struct value *request = value_find(params, PROPOSE_KEY), *parent;

    *out = (struct trial){.metrics = value_null()};
    if (!request)
        return *params;
    parent = value_find(request, "parent");
    out->asks = true;
    out->of = parent && value_is_number(parent) ? (uint32_t)value_number(parent) : UINT32_MAX;
    return value_without(s->scratch, params, PROPOSE_KEY);
}

// A point that was asked when the answer came is known.  What was asked since does not
// count: after a restart the trials of later are there before the first is told.
static bool is_known(const struct search *s, uint32_t trial, const struct point *p)
{
    uint32_t record;

    return history_find(&s->history, p, &record)
           && record < (uint64_t)s->history.n_warm + trial + s->window;
}

static bool is_proposed(const struct search *s, const struct point *p)
{
    for (uint32_t i = 0; i < s->history.n_proposals; i++)
        if (point_equal(&s->history.proposals[i], p))
            return true;
    return false;
}

void search_told(struct search *s, uint32_t trial)
{
    const struct trial *t = &s->trials[trial];
    struct point *p = &s->next;

    if (!s->endpoint || !t->asks)
        return;
    enum endpoint_end end = endpoint_read(&s->history, t->of, &t->metrics, s->scratch, p);
    if (end == ENDPOINT_TAKEN && (is_known(s, trial, p) || is_proposed(s, p)))
        end = ENDPOINT_KNOWN;
    if (end == ENDPOINT_TAKEN)
        history_propose(&s->history, p);
    s->ends[end]++;
}

void search_forget_told(struct search *s)
{
    s->history.n_proposals = 0;
    memset(s->ends, 0, sizeof s->ends);
}

struct value search_endpoint_value(const struct search *s, struct arena *a)
{
    struct value v = endpoint_value(s->endpoint, a);
    uint32_t n = 0, n_told = 0;

    for (uint32_t i = 0; i < s->n_asked; i++)
        n += s->trials[i].asks;
    (void)value_set(a, &v, "requests", value_uint(n));
    for (int i = 0; i < ENDPOINT_ENDS; i++) {
        n_told += s->ends[i];
        if (s->ends[i])
            (void)value_set(a, &v, endpoint_end_names[i], value_uint(s->ends[i]));
    }
    if (n > n_told) // by the last trials, after which nothing was asked
        (void)value_set(a, &v, "too late", value_uint(n - n_told));
    return v;
}

static bool is_answer(const char *metric)
{
    return strcmp(metric, PROPOSE_ANSWER) == 0 || strcmp(metric, PROPOSE_FAILED) == 0;
}

struct value search_metrics(const struct search *s, uint32_t trial, struct arena *a)
{
    const struct value *all = &search_outcome(s, trial)->metrics;
    struct value map = value_map();

    if (!search_outcome(s, trial)->asks || all->type != VALUE_MAP)
        return *all;
    for (uint32_t i = 0; i < all->n; i++)
        if (!is_answer(all->pairs[i].key))
            (void)value_set(a, &map, all->pairs[i].key, all->pairs[i].value);
    return map;
}

void search_add_answer(const struct search *s,
                       uint32_t trial,
                       struct value *row,
                       struct arena *a)
{
    const struct trial *t = &s->trials[trial];

    for (uint32_t i = 0; t->asks && t->metrics.type == VALUE_MAP && i < t->metrics.n; i++)
        if (is_answer(t->metrics.pairs[i].key))
            (void)value_set(a, row, t->metrics.pairs[i].key, t->metrics.pairs[i].value);
}
