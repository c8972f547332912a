// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <string.h>

#include "common/expr.h"
#include "coordinator/drivers/search_state.h"
#include "coordinator/params.h"
#include "coordinator/search/prior.h"
#include "coordinator/spec.h"

enum { WINDOW_DEFAULT = 16, WINDOW_MAX = 65536, LIST_MAX = 100000 };

static struct point point_room(const struct search *s)
{
    uint32_t n = s->space->n_genes_max + 1;
    return (struct point){.genes = arena_alloc(s->arena, n * sizeof(struct gene))};
}

static enum error parse_enqueue(struct search *s, const struct spec *job)
{
    const struct value *list = NULL;
    enum error e = spec_list(job, "enqueue", 0, LIST_MAX, &list);

    if (e || !list)
        return e;
    s->enqueued = arena_alloc(s->arena, (list->n + 1) * sizeof *s->enqueued);
    for (; s->n_enqueued < list->n; s->n_enqueued++) {
        uint32_t i = s->n_enqueued;
        struct spec at = spec_at(job, &list->items[i], "enqueue[%" PRIu32 "]", i);
        s->enqueued[i] = point_room(s);
        if ((e = space_encode(s->space, &at, s->history.walk, &s->enqueued[i])))
            return e;
    }
    return OK;
}

static enum error parse_known(struct search *s, const struct spec *at)
{
    static const char *const keys[] = {"params", "metrics", NULL};
    const struct value *params = NULL, *metrics = NULL;
    enum error e;

    if ((e = spec_keys(at, keys, NULL)) || (e = spec_require(at, "params", "a point"))
        || (e = spec_require(at, "metrics", "its metrics"))
        || (e = spec_map(at, "params", &params)) || (e = spec_map(at, "metrics", &metrics)))
        return e;
    struct spec inner = spec_at(at, params, "params");
    if ((e = space_encode(s->space, &inner, s->history.walk, &s->next)))
        return e;
    struct value own = value_copy(s->arena, metrics);
    uint32_t record = history_ask(&s->history, &s->next);
    s->history.records[record].score = objective_score(&s->objectives, &own, params, s->arena);
    s->history.n_warm++;
    return OK;
}

static enum error parse_warm_start(struct search *s, const struct spec *job)
{
    const struct value *list = NULL;
    enum error e = spec_list(job, "warm_start", 0, LIST_MAX, &list);

    for (uint32_t i = 0; !e && list && i < list->n; i++) {
        struct spec at = spec_at(job, &list->items[i], "warm_start[%" PRIu32 "]", i);
        e = parse_known(s, &at);
    }
    return e;
}

// What earlier jobs say, for an algorithm that listens.
static enum error parse_prior(struct search *s, const struct spec *job)
{
    struct prior_reader reader = {s->space, &s->objectives, s->history.walk, s->arena};
    const struct value *v = spec_find(job, "prior");
    const char *names[64], *own = s->algorithm->name;
    char takers[256];
    uint32_t n = 0;

    if (v && !s->algorithm->takes_prior) {
        for (uint32_t i = 0; algorithms[i] && n < 63; i++)
            if (algorithms[i]->takes_prior)
                names[n++] = algorithms[i]->name;
        names[n] = NULL;
        spec_join(names, takers, sizeof takers);
        return spec_fail(job, v, "prior: algorithm '%s' takes none, expected one of: %s", own,
                         takers);
    }
    return prior_parse(job, &reader, &s->history.prior);
}

// --- measured times ---------------------------------------------------------------
bool search_is_volatile(const struct search *s, const char *metric)
{
    for (uint32_t i = 0; s->volatiles && i < s->volatiles->n; i++)
        if (strcmp(s->volatiles->items[i].s, metric) == 0)
            return true;
    return false;
}

static enum error refuse_volatile(const struct search *s,
                                  const struct spec *job,
                                  const char *key,
                                  const char *metric)
{
    if (!s->all_volatile && !search_is_volatile(s, metric))
        return OK;
    return spec_fail(job, spec_find(job, key),
                     "%s uses '%s', which is volatile, expected reproducible: false", key,
                     metric);
}

// What decides what is asked next must be the same in every run.
static enum error check_volatile(const struct search *s, const struct spec *job)
{
    const struct objectives *o = &s->objectives;
    enum error e = OK;

    if (s->is_reproducible && !s->all_volatile && !s->volatiles)
        return OK;
    for (uint32_t i = 0; !e && s->is_reproducible && i < o->n; i++)
        e = refuse_volatile(s, job, "objectives", o->goals[i].metric);
    for (uint32_t i = 0; !e && s->is_reproducible && i < o->n_constraints; i++)
        e = refuse_volatile(s, job, "constraints", o->constraints[i].metric);
    for (uint32_t i = 0; !e && s->is_reproducible && i < o->n_derived; i++) {
        const char *const *names;
        uint32_t n = expr_names(o->derived[i].expr, &names);
        for (uint32_t j = 0; !e && j < n; j++)
            if (!s->all_volatile)
                e = refuse_volatile(s, job, "derived", names[j]);
    }
    return e;
}

// A workload that is not pure knows more than the point: the item's number, a clock.
static enum error
parse_pure(struct search *s, const struct driver_workload *w, const struct spec *job)
{
    bool is_pure = w->catalog && params_flag(w->catalog, "pure");
    bool runs_commands = !w->catalog || params_flag(w->catalog, "commands");

    s->is_pure = is_pure && s->is_reproducible;
    enum error e = spec_bool(job, "pure", &s->is_pure);
    if (!e && s->is_pure && !is_pure && !runs_commands)
        return spec_fail(job, spec_find(job, "pure"),
                         "pure: true is not so of '%s', whose outcome does not depend on its "
                         "parameters alone, expected no such key",
                         w->name);
    return e;
}

static enum error parse_counts(struct search *s, const struct spec *job)
{
    int64_t trials = 0, window = WINDOW_DEFAULT;
    enum error e;

    if ((e = spec_require(job, "trials", "how many points to try"))
        || (e = spec_int(job, "trials", 1, SEARCH_TRIALS_MAX, &trials))
        || (e = spec_int(job, "window", 1, WINDOW_MAX, &window)))
        return e;
    s->n_trials = (uint32_t)trials;
    s->window = (uint32_t)window;
    return OK;
}

enum error search_parse(struct search *s, const struct driver_setup *setup, struct errtext *t)
{
    struct spec job = spec_of(setup->spec, setup->file, t);
    enum error e;

    s->metrics = setup->workload.metrics;
    s->is_reproducible = true;
    s->all_volatile =
        setup->workload.catalog && params_flag(setup->workload.catalog, "volatile");
    if ((e = spec_require(&job, "space", "the parameters to search"))
        || (e = space_parse(&job, s->arena, &s->space))
        || (e = objective_parse(&job, s->metrics, s->arena, &s->objectives))
        || (e = algorithm_parse(&job, s->space, &s->algorithm, s->knobs))
        || (e = endpoint_parse(&job, s->arena, &s->endpoint)) || (e = parse_counts(s, &job))
        || (e = spec_bool(&job, "reproducible", &s->is_reproducible))
        || (e = spec_strs(&job, "volatile", 0, 64, &s->volatiles))
        || (e = check_volatile(s, &job)) || (e = parse_pure(s, &setup->workload, &job)))
        return e;
    history_init(&s->history, s->space, &s->objectives, setup->seed);
    s->history.window = s->window;
    s->next = point_room(s);
    if ((e = parse_enqueue(s, &job)) || (e = parse_prior(s, &job)))
        return e;
    return parse_warm_start(s, &job);
}
