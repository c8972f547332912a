// SPDX-License-Identifier: MIT
// fuzz_jobfile.c - job files against whatever a user may write.
//
// Two oracles.  Accepted: the same job, printed as JSON, is accepted too and is the same
// plan; a refusal is one line that begins with a place in the file.  Generated: a job
// made from the input is accepted and says what was put in; with a key that no kind of
// job has it is refused, and the refusal names that key.
//
// Threads    Single.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/yaml.h"
#include "coordinator/jobcheck.h"
#include "tests/fuzz/fuzz.h"
#include "worker/catalog.h"

// Made once; the process ends with it.
static const struct value *catalog(void)
{
    static struct arena *a;
    static struct value list;
    if (!a) {
        a = arena_create();
        list = catalog_value(a);
    }
    return &list;
}

static struct job_plan *plan_of(const char *text, size_t n, struct errtext *t)
{
    struct job_plan *p = NULL;
    enum error e = job_plan_create(text, n, "f", catalog(), &p, t);
    demand(!e == (p != NULL), "a plan, or an error");
    if (!e)
        return p;
    demand(e == ERR_PARSE || e == ERR_LIMIT || e == ERR_INVALID, "what a refusal is");
    demand(strncmp(t->text, "f:", 2) == 0, "a refusal names its file");
    const char *at = t->text + 1;
    for (int i = 0; i < 2; i++) {
        char *end = NULL;
        demand(*at == ':' && strtoul(at + 1, &end, 10) >= 1, "line and column from 1");
        at = end;
    }
    demand(strncmp(at, ": ", 2) == 0, "and what is wrong there");
    demand(!strpbrk(t->text, "\r\n"), "a refusal is one line");
    return NULL;
}

// ---- what is accepted -------------------------------------------------------

// JSON has no NaN and no infinities.
static bool fits_json(const struct value *v)
{
    switch (v->type) {
    case VALUE_FLOAT:
        return isfinite(v->f);
    case VALUE_LIST:
        for (uint32_t i = 0; i < v->n; i++)
            if (!fits_json(&v->items[i]))
                return false;
        return true;
    case VALUE_MAP:
        for (uint32_t i = 0; i < v->n; i++)
            if (!fits_json(&v->pairs[i].value))
                return false;
        return true;
    default:
        return true;
    }
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_value(const struct value *a, const struct value *b)
{
    return a == b || (a && b && value_equal(a, b));
}

static bool same_jobfile(const struct jobfile *a, const struct jobfile *b)
{
    return same_text(a->kind, b->kind) && same_text(a->name, b->name)
           && same_text(a->workload, b->workload) && a->seed == b->seed
           && same_value(a->files, b->files) && same_value(a->tags, b->tags)
           && same_value(a->resources, b->resources) && a->gang == b->gang
           && a->priority == b->priority && a->cpus == b->cpus && a->memory_mb == b->memory_mb
           && a->max_attempts == b->max_attempts && a->max_crashes == b->max_crashes
           && a->max_failures == b->max_failures && a->backoff_ns == b->backoff_ns
           && a->deadline_ns == b->deadline_ns && a->durability == b->durability
           && a->reproducible == b->reproducible;
}

static void check_same(const struct job_plan *a, const struct job_plan *b)
{
    demand(same_jobfile(&a->jobfile, &b->jobfile), "the same common keys");
    demand(a->driver == b->driver && value_equal(a->entry, b->entry), "the same work");
    demand(value_equal(&a->params, &b->params), "the same params");
    demand(a->per_point == b->per_point && a->first == b->first && a->shard == b->shard,
           "the same items");
    demand(same_value(a->points, b->points), "the same grid");
    demand(a->folds == b->folds && a->exact == b->exact && a->commands == b->commands
               && a->stall_ns == b->stall_ns,
           "the same way of working");
}

static void check_text(const char *text, size_t n)
{
    struct errtext t = {{0}};
    struct buf json;
    struct job_plan *p = plan_of(text, n, &t);
    if (!p)
        return;
    buf_init(&json, SIZE_MAX / 4);
    value_json(p->jobfile.spec, &json);
    if (fits_json(p->jobfile.spec) && json.n <= YAML_BYTES_MAX) {
        struct job_plan *again = plan_of(buf_cstr(&json), json.n, &t);
        if (!again)
            fprintf(stderr, "%s\n%s\n", t.text, buf_cstr(&json));
        demand(again != NULL, "what is accepted is accepted as JSON");
        check_same(p, again);
        job_plan_destroy(again);
    }
    buf_fini(&json);
    job_plan_destroy(p);
}

// ---- what is generated ------------------------------------------------------

// Bytes that decide; 0 when there are no more.
struct source {
    const uint8_t *p;
    size_t n;
    struct arena *a;
};

static uint32_t take(struct source *s, uint32_t below)
{
    if (!s->n)
        return 0;
    s->n--;
    return *s->p++ % below;
}

static struct value *put(struct source *s, struct value *map, const char *key, struct value v)
{
    return value_set(s->a, map, key, v);
}

static struct value number(struct source *s, double low, double high)
{
    double x = low + (high - low) * take(s, 256) / 255;
    return x == floor(x) && take(s, 2) ? value_int((int64_t)x) : value_float(x);
}

static struct value choices(struct source *s)
{
    struct value list = value_list();
    uint32_t n = 1 + take(s, 4);
    for (uint32_t i = 0; i < n; i++)
        value_push(s->a, &list,
                   take(s, 2) ? value_int(i)
                              : value_printf(s->a, "c%u: #\"%c", i, ' ' + (int)i));
    return list;
}

static struct value dimension(struct source *s, int depth)
{
    static const char *const types[] = {"float",       "int",    "choice",
                                        "permutation", "subset", "sequence"};
    struct value d = value_map();
    uint32_t type = take(s, depth ? 6 : 5);

    put(s, &d, "type", value_str(s->a, types[type]));
    if (type < 2) {
        bool log = take(s, 2);
        double low = log ? 1 : -7;
        put(s, &d, "low", value_int((int64_t)low));
        put(s, &d, "high", type ? value_int(1 + take(s, 100) + 1) : number(s, 2, 1000));
        if (log)
            put(s, &d, "log", value_bool(true));
        else if (take(s, 2))
            put(s, &d, "step", type ? value_int(1 + take(s, 5)) : value_float(0.25));
    } else if (type == 5) {
        put(s, &d, "length", value_int(1 + take(s, 5)));
        put(s, &d, "of", dimension(s, depth - 1));
    } else {
        put(s, &d, "values", choices(s));
    }
    return d;
}

// A choice whose values bring spaces along.
static struct value branches(struct source *s, uint32_t number)
{
    struct value d = value_map(), values = value_map();
    uint32_t n = 1 + take(s, 3);

    put(s, &d, "type", value_str(s->a, "choice"));
    for (uint32_t i = 0; i < n; i++) {
        struct value nest = value_map();
        if (take(s, 2))
            put(s, &nest, arena_printf(s->a, "inner%u", number), dimension(s, 1));
        put(s, &values, arena_printf(s->a, "b%u", i), nest);
    }
    put(s, &d, "values", values);
    return d;
}

static void make_search(struct source *s, struct value *job)
{
    static const char *const algorithms[] = {"random", "sobol", "ga", "tpe", "hillclimb"};
    struct value space = value_map(), list = value_list(), goal = value_map();
    uint32_t n = 1 + take(s, 4);

    put(s, job, "workload", value_str(s->a, "exec"));
    struct value *params = put(s, job, "params", value_map());
    struct value command = value_list();
    value_push(s->a, &command, value_str(s->a, "true"));
    put(s, params, "command", command);
    put(s, params, "metrics", value_str(s->a, "json"));
    for (uint32_t i = 0; i < n; i++)
        put(s, &space, arena_printf(s->a, "p%u", i),
            take(s, 4) ? dimension(s, 1) : branches(s, i));
    put(s, job, "space", space);
    put(s, &goal, "metric", value_str(s->a, "y"));
    if (take(s, 2))
        put(s, &goal, "goal", value_str(s->a, take(s, 2) ? "minimize" : "maximize"));
    value_push(s->a, &list, goal);
    put(s, job, "objectives", list);
    put(s, job, "trials", value_int(1 + take(s, 256)));
    if (take(s, 2))
        put(s, job, "window", value_int(1 + take(s, 256)));
    if (take(s, 2)) {
        struct value *a = put(s, job, "algorithm", value_map());
        put(s, a, "name", value_str(s->a, algorithms[take(s, 5)]));
    }
    if (take(s, 2)) {
        struct value rules = value_list();
        value_push(s->a, &rules, value_str(s->a, "p0 == p0 or len(p0) > 0"));
        put(s, job, "where", rules);
    }
}

static void make_sweep(struct source *s, struct value *job)
{
    put(s, job, "workload", value_str(s->a, "noop"));
    put(s, job, "items", value_int(1 + (int64_t)take(s, 256) * take(s, 256)));
    if (take(s, 2))
        put(s, job, "first", value_int(take(s, 256)));
    if (take(s, 2))
        put(s, job, "shard", value_int(1 + take(s, 256)));
    if (take(s, 2))
        put(s, job, "rows", value_bool(take(s, 2)));
    if (take(s, 2)) {
        struct value *grid = put(s, job, "grid", value_map());
        struct value bytes = value_list();
        for (uint32_t i = take(s, 5); i < 5; i++)
            value_push(s->a, &bytes, value_int(1000 * take(s, 256)));
        put(s, grid, "bytes", bytes);
    }
    if (take(s, 2)) {
        struct value *params = put(s, job, "params", value_map());
        put(s, params, "us", value_int(take(s, 256)));
    }
}

static void make_common(struct source *s, struct value *job)
{
    static const char *const durabilities[] = {"full", "normal", "none"};
    if (take(s, 2))
        put(s, job, "name", value_printf(s->a, "n%u \xc3\xa9", take(s, 256)));
    if (take(s, 2))
        put(s, job, "seed", value_uint((uint64_t)take(s, 256) << 56));
    if (take(s, 2))
        put(s, job, "priority", value_int((int64_t)take(s, 256) - 128));
    if (take(s, 2))
        put(s, job, "max_attempts", value_int(1 + take(s, 9)));
    if (take(s, 2))
        put(s, job, "backoff_s", number(s, 0, 100));
    if (take(s, 2))
        put(s, job, "deadline_s", number(s, 1, 100));
    if (take(s, 2))
        put(s, job, "durability", value_str(s->a, durabilities[take(s, 3)]));
    if (take(s, 2))
        put(s, job, "memory_mb", value_int(take(s, 256)));
}

static int64_t int_of(const struct value *job, const char *key, int64_t fallback)
{
    const struct value *v = value_find(job, key);
    return v ? v->i : fallback;
}

static void check_said(const struct value *job, const struct job_plan *p)
{
    const struct value *seed = value_find(job, "seed");
    const struct value *name = value_find(job, "name");
    demand(strcmp(p->jobfile.kind, value_find(job, "kind")->s) == 0, "the kind");
    demand(strcmp(p->jobfile.workload, value_find(job, "workload")->s) == 0, "the workload");
    demand(same_text(p->jobfile.name, name ? name->s : NULL), "the name");
    demand(p->jobfile.seed == (seed ? seed->u : 0), "the seed");
    demand(p->jobfile.priority == int_of(job, "priority", 0), "the priority");
    demand(p->jobfile.max_attempts == int_of(job, "max_attempts", 1), "the attempts");
    demand(p->first == (uint64_t)int_of(job, "first", 0), "the first item");
    demand(p->shard == (uint64_t)int_of(job, "shard", 0), "the shard");
    demand((p->points != NULL) == (value_find(job, "grid") != NULL), "the grid");
}

static void print(const struct value *job, bool pretty, struct buf *out)
{
    buf_reset(out);
    if (pretty)
        value_json_pretty(job, out);
    else
        value_json(job, out);
}

static void check_generated(const uint8_t *data, size_t size)
{
    struct source s = {data, size, arena_create()};
    struct value job = value_map(), bad = value_map();
    struct errtext t = {{0}};
    struct buf text;

    bool search = take(&s, 2);
    bool pretty = take(&s, 2);
    put(&s, &job, "kind", value_str(s.a, search ? "search" : "sweep"));
    if (search)
        make_search(&s, &job);
    else
        make_sweep(&s, &job);
    make_common(&s, &job);
    buf_init(&text, 1 << 20);
    print(&job, pretty, &text);
    struct job_plan *p = plan_of(buf_cstr(&text), text.n, &t);
    if (!p)
        fprintf(stderr, "%s\n%s\n", t.text, buf_cstr(&text));
    demand(p != NULL, "a good job is accepted");
    check_said(&job, p);
    job_plan_destroy(p);
    uint32_t at = take(&s, 256) % (job.n + 1);
    for (uint32_t i = 0; i <= job.n; i++) {
        if (i == at)
            put(&s, &bad, "zq9", value_null());
        if (i < job.n)
            put(&s, &bad, job.pairs[i].key, job.pairs[i].value);
    }
    print(&bad, pretty, &text);
    demand(!plan_of(buf_cstr(&text), text.n, &t), "a key that is none is refused");
    demand(strstr(t.text, "zq9") != NULL, "and named");
    buf_fini(&text);
    arena_destroy(s.a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_text((const char *)data, size);
    check_generated(data, size);
    return 0;
}
