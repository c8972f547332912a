// SPDX-License-Identifier: MIT
// Days of urban air mobility: an item is an episode of a scenario under a policy.
//
// The scenario's scalar keys are parameters too, so that a grid varies them; the world is
// made anew only when they change.  With `episode` given, items do not count: a search
// evaluates its trials on the same days.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "worker/evaluate/evaluate.h"
#include "worker/evaluate/fleet_scenario.h"
#include "worker/evaluate/fleet_table.h"
#include "worker/fleet/day.h"

struct state {
    const struct workload_job *job; // its parts, copied
    struct workload_job job_copy;
    struct arena *arena;
    struct scenario base;    // as the file says
    struct scenario current; // with an item's parameters over it
    struct world *world;     // of `current`; NULL: none yet
    struct day *day;
    const struct policy *policy;
    void *policy_state;
};

// ---- the world -------------------------------------------------------------------

static enum error set_keys(struct scenario *out, const struct value *map, struct errtext *t)
{
    for (uint32_t i = 0; map && i < map->n; i++) {
        const struct scenario_key *k = scenario_key_find(map->pairs[i].key);
        if (!k || !value_is_number(&map->pairs[i].value))
            continue;
        double x = value_number(&map->pairs[i].value);
        if (x != floor(x) || x < (double)k->min || x > (double)k->max)
            return errtext_set(t, FAULT_JOB,
                               "parameter %s is %g, expected an integer from %" PRId64
                               " to %" PRId64,
                               k->name, x, k->min, k->max);
        *(int64_t *)(void *)((char *)out + k->offset) = (int64_t)x;
    }
    return OK;
}

static void drop_world(struct state *s)
{
    if (s->policy && s->policy->destroy)
        s->policy->destroy(s->policy_state);
    s->policy = NULL;
    s->policy_state = NULL;
    day_destroy(s->day);
    world_destroy(s->world);
    s->day = NULL;
    s->world = NULL;
}

// Both were zero before they were filled, so that nothing but their keys differs.
static bool is_same(const void *a, const void *b, size_t n)
{
    return memcmp(a, b, n) == 0;
}

static enum error make_world(struct state *s, const struct value *over, struct errtext *t)
{
    struct scenario want = s->base;
    enum error e = set_keys(&want, s->job->params, t);
    if (!e)
        e = set_keys(&want, over, t);
    if (e || (s->world && is_same(&want, &s->current, sizeof want)))
        return e;
    drop_world(s);
    if (scenario_check(&want, t))
        return FAULT_JOB;
    s->current = want;
    if (world_create(&s->current, &s->world, t))
        return FAULT_JOB;
    s->day = day_create(s->world);
    return OK;
}

static enum error make_policy(struct state *s, const struct value *over, struct errtext *t)
{
    const struct value *name = evaluate_find(over, s->job->params, "policy");
    const struct policy *p =
        policy_find(name && name->type == VALUE_STR ? name->s : fleet_policy_default);
    struct policy_setup setup = {s->world, s->job->params, over, s->job};

    if (!p)
        return errtext_set(t, FAULT_JOB, "parameter policy names none");
    if (s->policy == p && !p->per_item)
        return OK;
    if (s->policy && s->policy->destroy)
        s->policy->destroy(s->policy_state);
    s->policy = NULL;
    s->policy_state = NULL;
    enum error e = p->create ? p->create(&setup, &s->policy_state, t) : OK;
    if (!e)
        s->policy = p;
    return e;
}

// ---- traces ----------------------------------------------------------------------

struct trace_file {
    FILE *file;
    struct buf buf;
};

static void write_out(struct trace_file *f)
{
    if (f->buf.n)
        (void)fwrite(f->buf.bytes, 1, f->buf.n, f->file);
    buf_reset(&f->buf);
}

static void write_record(void *ctx, const struct record *r)
{
    struct trace_file *f = ctx;
    trace_put_record(&f->buf, r);
    if (f->buf.n > (1u << 16))
        write_out(f);
}

static enum error trace_day(struct state *s, struct run *r, uint64_t item, struct errtext *t)
{
    struct trace_head head = {s->current.name, s->policy->name, day_seed(s->day),
                              day_episode(s->day)};
    struct trace_file f = {0};
    char *path = arena_printf(r->arena, "%s/trace", s->job->scratch);
    char *name = arena_printf(r->arena, "%s.%s.s%" PRIu64 ".e%" PRIu64 ".jsonl", head.scenario,
                              head.policy, head.seed, head.episode);

    f.file = fopen(path, "wb");
    if (!f.file)
        return errtext_set(t, FAULT_WORKER, "cannot write %s", path);
    buf_init(&f.buf, SIZE_MAX / 4);
    trace_put_head(&f.buf, &head);
    day_set_trace(s->day, write_record, &f);
    day_run(s->day, s->policy, s->policy_state);
    day_set_trace(s->day, NULL, NULL);
    trace_put_metrics(&f.buf, day_metrics(s->day), day_hash(s->day));
    write_out(&f);
    buf_fini(&f.buf);
    bool failed = ferror(f.file) != 0;
    enum error e = fclose(f.file) != 0 || failed
                       ? errtext_set(t, FAULT_WORKER, "cannot write %s", path)
                       : run_keep_file(r, item, name, path, t);
    (void)unlink(path);
    return e;
}

// Where the vertiports lie: what a map of the day needs beside its trace.
static enum error keep_places(struct state *s, struct run *r, uint64_t item, struct errtext *t)
{
    char *path = arena_printf(r->arena, "%s/places", s->job->scratch);
    FILE *f = fopen(path, "wb");
    if (!f)
        return errtext_set(t, FAULT_WORKER, "cannot write %s", path);
    (void)fprintf(f, "{\"scenario\": \"%s\", \"vertiports\": [", s->current.name);
    for (uint32_t v = 0; v < s->current.n_ports; v++)
        (void)fprintf(f, "%s{\"x\": %" PRId64 ", \"y\": %" PRId64 "}", v ? ", " : "",
                      s->current.ports[v].x, s->current.ports[v].y);
    (void)fputs("]}\n", f);
    bool failed = ferror(f) != 0;
    enum error e = fclose(f) != 0 || failed
                       ? errtext_set(t, FAULT_WORKER, "cannot write %s", path)
                       : run_keep_file(r, item, "places.json", path, t);
    (void)unlink(path);
    return e;
}

// ---- an item ---------------------------------------------------------------------

static bool is_on(const struct state *s, const struct value *over, const char *key)
{
    const struct value *v = evaluate_find(over, s->job->params, key);
    return v && v->type == VALUE_BOOL && v->b;
}

struct days {
    uint64_t seed, first;
    uint32_t n;
};

static enum error days_of(const struct state *s,
                          const struct value *over,
                          uint64_t item,
                          struct days *out,
                          struct errtext *t)
{
    int64_t episode = evaluate_int(over, s->job->params, "episode", -1);
    int64_t seed = evaluate_int(over, s->job->params, "day_seed", -1);

    *out = (struct days){
        .seed = seed >= 0 ? (uint64_t)seed : s->job->seed,
        .first = episode >= 0 ? (uint64_t)episode : item,
        .n = (uint32_t)evaluate_int(over, s->job->params, "episodes", 1),
    };
    if (out->first + out->n > UINT64_C(1) << DAY_EPISODE_BITS)
        return errtext_set(t, FAULT_JOB,
                           "episode %" PRIu64 " lies behind the last one, 2^32 - 1",
                           out->first + out->n - 1);
    return OK;
}

static enum error
one_day(struct state *s, struct run *r, uint64_t item, bool traced, struct errtext *t)
{
    enum error e = s->policy->begin ? s->policy->begin(s->policy_state, s->day, r, t) : OK;
    if (e)
        return e;
    if (traced)
        e = trace_day(s, r, item, t);
    else
        day_run(s->day, s->policy, s->policy_state);
    if (!e && s->policy->end)
        e = s->policy->end(s->policy_state, s->day, t);
    return e;
}

// The metrics of one day, or the mean over several.
static enum error run_days(struct state *s, struct run *r, uint32_t i, struct errtext *t)
{
    const struct value *over = r->overrides ? r->overrides[i] : NULL;
    bool traced = is_on(s, over, "trace");
    double *row = r->metrics + (size_t)i * FLEET_METRICS;
    struct days days;
    uint64_t digest = 0;
    enum error e = make_world(s, over, t);

    if (e || (e = make_policy(s, over, t)) || (e = days_of(s, over, r->first + i, &days, t)))
        return e;
    memset(row, 0, FLEET_METRICS * sizeof *row);
    for (uint32_t k = 0; !e && k < days.n; k++) {
        uint64_t episode = days.first + k;
        day_reset(s->day, days.seed, (uint32_t)episode);
        e = one_day(s, r, r->first + i, traced, t);
        uint64_t hash = day_hash(s->day);
        for (uint32_t m = 0; m < METRICS_ROWS; m++)
            row[m] += (double)metrics_get(day_metrics(s->day), &metrics_rows[m]) / days.n;
        row[METRICS_ROWS] = (double)(hash >> 32);
        row[METRICS_ROWS + 1] = (double)(hash & UINT32_MAX);
        digest += trace_digest(hash, episode);
        run_progress(r);
    }
    if (!e && is_on(s, over, "places"))
        e = keep_places(s, r, r->first + i, t);
    if (!e && r->totals)
        r->totals[0] += digest;
    return e;
}

static enum error run_fleet(void *state, struct run *r, struct errtext *t)
{
    struct state *s = state;

    for (uint32_t i = 0; i < r->count && !run_cancelled(r); i++) {
        struct errtext why = {{0}};
        enum error e = run_days(s, r, i, &why);
        if (!e)
            continue;
        if (e == FAULT_WORKER)
            return errtext_set(t, e, "%s", why.text);
        struct item_fault f = {.item = r->first + i,
                               .blame = FAULT_JOB,
                               .text = arena_str(r->arena, why.text, strlen(why.text))};
        run_fault(r, &f);
    }
    return OK;
}

// ---- a job -----------------------------------------------------------------------

static void close_fleet(void *state)
{
    struct state *s = state;
    drop_world(s);
    arena_destroy(s->arena);
    mem_free(s);
}

static enum error open_fleet(const struct workload_job *job, void **out, struct errtext *t)
{
    struct state *s = mem_alloc(sizeof *s);

    s->job_copy = *job;
    s->job = &s->job_copy;
    s->arena = arena_create();
    enum error e = fleet_scenario(job, s->arena, &s->base, t);
    if (e) {
        close_fleet(s);
        return e;
    }
    *out = s;
    return OK;
}

const struct workload workload_fleet = {
    .name = "fleet.uam",
    .help = "Days of an electric fleet that serves a network of vertiports, simulated to the "
            "bit.  An item is an episode: its number is the day's.",
    .params = fleet_params,
    .metrics = fleet_metrics,
    .totals = fleet_totals,
    .compares = "policy",
    .compared = "policies",
    .row_item = "episode",
    .stall_ms = 60000,
    .open = open_fleet,
    .close = close_fleet,
    .run = run_fleet,
};
