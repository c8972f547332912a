// SPDX-License-Identifier: MIT
#include "worker/runner.h"

#include <stdatomic.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "protocol/pack.h"
#include "worker/group.h"
#include "worker/propose.h"
#include "worker/runner_state.h"

enum {
    OPEN_MAX_DEFAULT = 8,
    LOG_TAIL_MAX = 64 << 10, // of one LOG message
    LOG_ITEM_MAX = 1 << 20,  // live, of one item
};

struct runner *runner_create(const struct runner_host *h)
{
    struct runner *r = mem_alloc(sizeof *r);
    r->host = *h;
    if (!r->host.open_max)
        r->host.open_max = OPEN_MAX_DEFAULT;
    r->arena = arena_create();
    r->lease_arena = arena_create();
    map_init(&r->jobs);
    buf_init(&r->data, RESULT_BYTES_MAX);
    return r;
}

void runner_destroy(struct runner *r)
{
    size_t at = 0;
    uint64_t key, p;
    if (!r)
        return;
    while (map_next(&r->jobs, &at, &key, &p))
        runner_job_destroy(r, (struct runner_job *)(uintptr_t)p);
    map_fini(&r->jobs);
    buf_fini(&r->data);
    mem_free(r->metrics);
    arena_destroy(r->arena);
    arena_destroy(r->lease_arena);
    mem_free(r);
}

// ---- agreement of a gang ---------------------------------------------------------

// The gravest wins.
enum vote { VOTE_GO, VOTE_CANCEL, VOTE_FAIL_JOB, VOTE_FAIL_WORKER };

static bool is_cancelled(const struct runner *r)
{
    return r->host.is_cancelled && r->host.is_cancelled(r->host.ctx);
}

static enum vote vote_of(const struct runner_call *c, enum error opened)
{
    if (c->worker_fault || (opened && opened != FAULT_JOB))
        return VOTE_FAIL_WORKER;
    if (opened)
        return VOTE_FAIL_JOB;
    return is_cancelled(c->runner) ? VOTE_CANCEL : VOTE_GO;
}

// What all ranks do next, the same on each.
static enum vote agree(struct runner *r, struct group *g, enum vote own)
{
    uint32_t n = group_size(g);
    if (n == 1)
        return own;
    uint8_t mine = (uint8_t)own;
    uint8_t *all = arena_alloc(r->arena, n);
    group_allgather(g, &mine, 1, all);
    for (uint32_t i = 0; i < n; i++)
        mine = all[i] > mine ? all[i] : mine;
    return (enum vote)mine;
}

// ---- one call of run() -----------------------------------------------------------

static struct value merged(struct arena *a, const struct value *under, const struct value *over)
{
    struct value m = value_map();
    for (uint32_t i = 0; i < under->n; i++)
        (void)value_set(a, &m, under->pairs[i].key, under->pairs[i].value);
    for (uint32_t i = 0; i < over->n; i++)
        (void)value_set(a, &m, over->pairs[i].key, over->pairs[i].value);
    return m;
}

// Parameters of the chunk's items: of their grid point, of the lease, of both.
static const struct value *const *overrides_of(struct runner_call *c)
{
    struct arena *a = c->runner->arena;
    const struct runner_job *j = c->job;
    const struct value *point = NULL;
    if (j->def.per_point && j->def.points.n)
        point = &j->points.items[c->first / j->def.per_point];
    if (!point && !c->maps)
        return NULL;
    const struct value **list = arena_alloc(a, c->count * sizeof *list);
    c->requests = arena_alloc(a, c->count * sizeof *c->requests);
    for (uint32_t i = 0; i < c->count; i++) {
        const struct value *own =
            c->maps ? &c->maps->items[c->first - c->lease->first + i] : NULL;
        if (own && c->by_names)
            own = propose_strip(own, a, &c->requests[i]);
        list[i] = own ? own : point;
        if (own && point) {
            struct value *both = arena_alloc(a, sizeof *both);
            *both = merged(a, point, own);
            list[i] = both;
        }
    }
    return list;
}

static void room_for_metrics(struct runner *r, size_t n)
{
    if (n <= r->n_metrics)
        return;
    mem_free(r->metrics);
    r->metrics = mem_alloc(n * sizeof *r->metrics);
    r->n_metrics = n;
}

static void prepare(struct runner_call *c, struct run *run)
{
    struct runner *r = c->runner;
    size_t n = (size_t)c->count * c->job->n_metrics;

    *run = (struct run){
        .first = c->as_seen,
        .count = c->count,
        .group = c->group,
        .arena = r->arena,
        .host = c,
    };
    c->requests = NULL;
    run->overrides = overrides_of(c);
    if (c->job->n_totals) {
        run->totals = c->job->run_totals;
        memset(run->totals, 0, c->job->n_totals * sizeof *run->totals);
    }
    if (n && c->bare)
        return;
    if (n) {
        room_for_metrics(r, n);
        run->metrics = r->metrics;
        memset(run->metrics, 0xff, n * sizeof *run->metrics); // NaN: what is left out shows
    } else {
        run->named = arena_alloc(r->arena, c->count * sizeof *run->named);
    }
}

// The last words of each item's output; of what went out live only the end.
static void send_tails(struct runner_call *c, const struct run *run)
{
    for (uint32_t i = 0; run->logs && c->runner->host.log && i < c->count; i++) {
        const struct value *v = &run->logs[i];
        bool live = c->logged && c->logged_item == c->first + i;
        if (v->type != VALUE_STR || (!v->n && !live))
            continue;
        uint32_t n = live ? 0 : v->n < LOG_TAIL_MAX ? v->n : LOG_TAIL_MAX;
        struct msg_log m = {.job = c->job->number,
                            .item = c->first + i,
                            .bytes = {(const uint8_t *)v->s + (v->n - n), n},
                            .last = true};
        c->runner->host.log(c->runner->host.ctx, &m);
    }
}

// ---- proposals -------------------------------------------------------------------

// Rows as maps, so that an answer can stand beside the numbers.
static void name_rows(struct runner_call *c, struct run *run)
{
    const struct metric *m = c->job->workload->metrics;
    uint32_t n = c->job->n_metrics;

    if (run->named)
        return;
    run->named = arena_alloc(run->arena, c->count * sizeof *run->named);
    for (uint32_t i = 0; i < c->count; i++) {
        run->named[i] = value_map();
        for (uint32_t k = 0; k < n; k++)
            (void)value_set(run->arena, &run->named[i], m[k].name,
                            value_float(run->metrics[(size_t)i * n + k]));
    }
}

static bool poll_proposal(void *arg, const char *output, size_t n)
{
    struct run *run = arg;

    (void)output;
    (void)n;
    run_progress(run);
    return run_cancelled(run);
}

// What the items' requests bring, beside what they measured.
static enum error ask_for_points(struct runner_call *c, struct run *run, struct errtext *t)
{
    struct propose_host h = {c->runner->host.sandbox, poll_proposal, run};
    enum error e = OK;

    for (uint32_t i = 0; c->requests && i < c->count && !e; i++)
        if (c->requests[i] && run->named[i].type == VALUE_MAP
            && !runner_outcome_has_failed(c, i))
            e = propose_ask(&h, c->requests[i], run->arena, &run->named[i], t);
    return e;
}

static enum error run_chunk(struct runner_call *c, struct errtext *t)
{
    struct run run;
    prepare(c, &run);
    enum error e = c->job->workload->run(c->job->state, &run, t);
    if (e == ERR_CANCELLED || c->was_cancelled)
        return ERR_CANCELLED;
    send_tails(c, &run);
    if (!e && c->by_names) {
        name_rows(c, &run);
        e = ask_for_points(c, &run, t);
        if (e == ERR_CANCELLED || c->was_cancelled)
            return ERR_CANCELLED;
    }
    if (e && e != FAULT_JOB)
        c->worker_fault = arena_str(c->out, t->text, strlen(t->text));
    else
        runner_outcome_add(c, &run, e ? t->text : NULL);
    return OK;
}

// ---- a lease ---------------------------------------------------------------------

static void next_chunk(struct runner_call *c, uint64_t first)
{
    const struct rec_lease *l = c->lease;
    const struct msg_job *d = &c->job->def;
    uint64_t left = l->first + l->count - first;
    uint64_t most = c->job->n_metrics ? CHUNK : CHUNK_DYNAMIC;

    c->first = first;
    c->as_seen = d->base + first;
    if (d->per_point) {
        uint64_t within = first % d->per_point;
        c->as_seen = d->base + within;
        most = d->per_point - within < most ? d->per_point - within : most;
    }
    c->count = (uint32_t)(left < most ? left : most);
}

static void fail(struct runner_call *c, enum vote v, enum error own, const struct errtext *t)
{
    const char *why = own ? t->text : "another rank of the gang could not take part";
    if (v == VOTE_FAIL_JOB)
        runner_outcome_fail_lease(c, why);
    else if (!c->worker_fault)
        c->worker_fault = arena_str(c->out, why, strlen(why));
}

static enum error run_all(struct runner_call *c, enum error opened, struct errtext *t)
{
    struct runner *r = c->runner;
    uint64_t end = c->lease->first + c->lease->count;

    for (uint64_t at = c->lease->first; at < end; at += c->count) {
        enum vote v = agree(r, c->group, vote_of(c, opened));
        if (v == VOTE_CANCEL)
            return ERR_CANCELLED;
        if (v != VOTE_GO) {
            fail(c, v, opened, t);
            return OK;
        }
        next_chunk(c, at);
        enum error e = run_chunk(c, t);
        arena_reset(r->arena);
        if (e)
            return e;
    }
    return OK;
}

static const char *read_params(struct runner_call *c)
{
    const struct rec_lease *l = c->lease;
    const struct runner_job *j = c->job;
    struct errtext t;

    if (j->def.per_point && j->def.points.n
        && (l->first + l->count - 1) / j->def.per_point >= j->points.n)
        return "the lease lies behind the last grid point";
    if (!l->params.n)
        return NULL;
    arena_reset(c->runner->lease_arena);
    if (pack_read(l->params.p, l->params.n, c->runner->lease_arena, &c->params, &t))
        return arena_str(c->out, t.text, strlen(t.text));
    if (c->params.type != VALUE_LIST || c->params.n != l->count)
        return "the lease's params do not match its items";
    for (uint32_t i = 0; i < c->params.n; i++)
        if (c->params.items[i].type != VALUE_MAP)
            return "the lease's params are no maps";
    c->maps = &c->params;
    return NULL;
}

enum error runner_run(struct runner *r,
                      const struct rec_lease *l,
                      struct group *g,
                      struct arena *a,
                      int64_t *now,
                      struct rec_result *out)
{
    struct runner_job *j = runner_job_find(r, l->job);
    struct runner_call *c = &r->call;
    struct errtext t;

    t.text[0] = 0;
    r->n_leases++;
    if (!j) {
        (void)agree(r, g, VOTE_FAIL_WORKER);
        return ERR_NOT_FOUND;
    }
    *c = (struct runner_call){.runner = r, .job = j, .lease = l, .group = g, .out = a};
    c->worker_fault = l->count ? read_params(c) : "a lease without items";
    enum error e = runner_job_open(r, j, &t);
    if (!e)
        runner_outcome_start(c);
    e = run_all(c, e, &t);
    int64_t start = *now;
    *now = clock_now();
    if (e)
        return e;
    runner_outcome_end(c, out);
    out->elapsed_ns = (uint64_t)(*now > start ? *now - start : 0);
    return OK;
}

// ---- what a workload may ask -----------------------------------------------------

void run_progress(struct run *run)
{
    struct runner_call *c = run->host;
    _Atomic uint64_t *p = c->runner->host.progress;
    if (p) // one writer
        atomic_store_explicit(p, atomic_load_explicit(p, memory_order_relaxed) + 1,
                              memory_order_relaxed);
}

// On a gang a question to rank 0, so that all ranks stop at the same place.
bool run_cancelled(struct run *run)
{
    struct runner_call *c = run->host;
    uint8_t flag = is_cancelled(c->runner);
    if (group_size(c->group) > 1)
        group_bcast(c->group, &flag, 1, 0);
    c->was_cancelled = c->was_cancelled || flag;
    return c->was_cancelled;
}

void run_fault(struct run *run, const struct item_fault *f)
{
    runner_outcome_fault(run->host, f);
}

void run_output(struct run *run, const struct item_output *o)
{
    runner_outcome_output(run->host, o);
}

void run_log(struct run *run, uint64_t item, const void *p, size_t n)
{
    struct runner_call *c = run->host;
    uint64_t job_item = c->first + (item - c->as_seen);
    if (!c->runner->host.log || item - c->as_seen >= c->count)
        return;
    if (c->logged_item != job_item)
        c->logged = 0;
    c->logged_item = job_item;
    size_t room = LOG_ITEM_MAX - c->logged;
    n = n < room ? n : room;
    c->logged += n;
    for (size_t at = 0; at < n; at += LOG_TAIL_MAX) {
        size_t part = n - at < LOG_TAIL_MAX ? n - at : LOG_TAIL_MAX;
        struct msg_log m = {.job = c->job->number,
                            .item = job_item,
                            .bytes = {(const uint8_t *)p + at, (uint32_t)part}};
        c->runner->host.log(c->runner->host.ctx, &m);
    }
}

enum error run_fetch(struct run *run,
                     const struct sha256 *hash,
                     uint64_t size,
                     const char *path,
                     struct errtext *t)
{
    const struct runner_host *h = &((struct runner_call *)run->host)->runner->host;
    const struct rec_file f = {.hash = {hash->bytes, sizeof hash->bytes}, .size = size};
    if (!h->fetch)
        return errtext_set(t, ERR_UNSUPPORTED, "this worker fetches no blobs");
    return h->fetch(h->ctx, &f, path, t);
}

enum error run_keep_file(
    struct run *run, uint64_t item, const char *name, const char *path, struct errtext *t)
{
    struct runner_call *c = run->host;
    struct item_output o = {.item = item, .name = name};
    if (!c->runner->host.keep)
        return errtext_set(t, ERR_UNSUPPORTED, "this worker keeps no files");
    enum error e = c->runner->host.keep(c->runner->host.ctx, path, &o.hash, &o.size, t);
    if (!e)
        run_output(run, &o);
    return e;
}
