// SPDX-License-Identifier: MIT
#include "coordinator/jobcheck.h"

#include <string.h>

#include "common/clock.h"
#include "common/fold.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/yaml.h"
#include "coordinator/params.h"
#include "coordinator/spec.h"

enum { WORKLOADS_SHOWN = 64, STALL_MS_DEFAULT = 60000 };
#define STALL_MS_MAX INT64_C(604800000) // a week

static enum error
unknown_workload(const struct job_plan *p, const struct spec *job, const struct value *catalog)
{
    const struct value *at = value_find(job->map, "workload");
    const char *name = p->jobfile.workload;
    const char *names[WORKLOADS_SHOWN + 1];
    char list[600];
    uint32_t n = 0;

    for (uint32_t i = 0; catalog && catalog->type == VALUE_LIST && i < catalog->n; i++) {
        const struct value *known = value_find(&catalog->items[i], "name");
        if (known && known->type == VALUE_STR && n < WORKLOADS_SHOWN)
            names[n++] = known->s;
    }
    names[n] = NULL;
    if (!n)
        return spec_fail(job, at, "workload is '%.60s', expected a worker to announce it first",
                         name);
    spec_join(names, list, sizeof list);
    const char *near = options_nearest(name, names);
    if (near)
        return spec_fail(job, at,
                         "workload is '%.60s', expected one of: %s (did you mean '%s'?)", name,
                         list, near);
    return spec_fail(job, at, "workload is '%.60s', expected one of: %s", name, list);
}

static enum error
check_workload(struct job_plan *p, const struct spec *job, const struct value *catalog)
{
    const struct jobfile *j = &p->jobfile;
    const struct value *entry = params_find_workload(catalog, j->workload);

    if (!entry)
        return unknown_workload(p, job, catalog);
    struct value copy = value_copy(p->arena, entry);
    entry = p->entry = arena_copy(p->arena, &copy, sizeof copy);
    p->metrics = params_metrics(entry, p->arena);
    p->commands = params_flag(entry, "commands");
    const struct value *algorithm = spec_find(job, "algorithm");
    p->calls_out = algorithm && value_find(algorithm, "endpoint");
    const struct value *stall = value_find(entry, "stall_ms");
    bool stalls = stall && stall->type == VALUE_INT && stall->i > 0 && stall->i < STALL_MS_MAX;
    p->stall_ns = (stalls ? stall->i : STALL_MS_DEFAULT) * CLOCK_MS;
    if (j->gang > 1 && !params_flag(entry, "collective"))
        return spec_expected(job, "gang", "1: workload '%s' does not run as a gang",
                             j->workload);
    return OK;
}

// What a grid, lines or a space give to every item.
static const char *const *given_elsewhere(const struct value *spec, struct arena *a)
{
    static const char *const key[] = {"grid", "space"};
    uint32_t n = 2, k = 0;

    for (int i = 0; i < 2; i++) {
        const struct value *map = value_find(spec, key[i]);
        n += map && map->type == VALUE_MAP ? map->n : 0;
    }
    const char **names = arena_alloc(a, n * sizeof *names);
    for (int i = 0; i < 2; i++) {
        const struct value *map = value_find(spec, key[i]);
        for (uint32_t m = 0; map && map->type == VALUE_MAP && m < map->n; m++)
            names[k++] = map->pairs[m].key;
    }
    if (value_find(spec, "lines"))
        names[k++] = "line";
    return names;
}

// A kind with a workload of its own: its params stand among the job's keys.
static enum error check_own_params(struct job_plan *p, const struct spec *job)
{
    const char *const *name = p->driver->param_keys;
    struct value params = value_map();

    for (; name && *name; name++) {
        const struct value *v = spec_find(job, *name);
        if (v)
            value_set(p->arena, &params, *name, *v);
    }
    params.line = job->map->line;
    params.column = job->map->column;
    struct spec at = spec_of(&params, job->file, job->t);
    return params_check(p->entry, &at, NULL, p->arena, &p->params);
}

static enum error check_params(struct job_plan *p, const struct spec *job)
{
    struct value params = *p->jobfile.params;

    if (!params.line) { // left out: the file's own place
        params.line = job->map->line;
        params.column = job->map->column;
    }
    struct spec at = spec_at(job, &params, "params");
    return params_check(p->entry, &at, given_elsewhere(job->map, p->arena), p->arena,
                        &p->params);
}

// Every name that a space sets, those beneath a choice's values too, is a
// parameter that may vary.  The driver has seen that the space makes sense.
static enum error check_names(const struct job_plan *p, const struct spec *nest)
{
    enum error e = OK;

    for (uint32_t i = 0; i < nest->map->n && !e; i++) {
        const struct value_pair *pair = &nest->map->pairs[i];
        struct value key = {.line = pair->line, .column = pair->column};
        struct spec at = spec_at(nest, &key, "%s", pair->key);
        const struct value *values = value_find(&pair->value, "values");
        e = params_check_set(p->entry, &at, pair->key, NULL);
        for (uint32_t k = 0; !e && values && values->type == VALUE_MAP && k < values->n; k++) {
            const struct value *inner = &values->pairs[k].value;
            struct spec below = spec_at(nest, inner, "%s.%s", pair->key, values->pairs[k].key);
            if (inner->type == VALUE_MAP)
                e = check_names(p, &below);
        }
    }
    return e;
}

static enum error check_space(const struct job_plan *p, const struct spec *job)
{
    const struct value *space = value_find(job->map, "space");
    struct spec at = spec_at(job, space, "space");

    return space && space->type == VALUE_MAP ? check_names(p, &at) : OK;
}

static enum error create_driver(struct job_plan *p, const char *file, struct errtext *t)
{
    struct driver_setup setup = {
        .spec = p->jobfile.spec,
        .file = arena_str(p->arena, file, strlen(file)),
        .seed = p->jobfile.seed,
        .workload = {.name = p->jobfile.workload, .metrics = p->metrics, .catalog = p->entry},
    };
    enum error e = p->driver->create(&setup, &p->state, t);

    if (e)
        return e;
    p->folds = p->driver->wants(p->state) == DRIVER_FOLDS;
    if (p->driver->layout)
        p->driver->layout(p->state, &p->per_point, &p->first, &p->points);
    // The driver decides in the same way: the bytes of folds depend on it.
    p->exact = p->per_point <= FOLD_EXACT_MAX;
    if (!p->points)
        p->per_point = 0;
    int64_t shard;
    p->shard = p->driver->shard;
    const struct value *v = value_find(p->jobfile.spec, "shard");
    if (v && spec_is_int(v, &shard) && shard > 0)
        p->shard = (uint64_t)shard;
    return OK;
}

enum error job_plan_create(const char *text,
                           size_t n,
                           const char *file,
                           const struct value *catalog,
                           struct job_plan **out,
                           struct errtext *t)
{
    struct job_plan *p = mem_alloc(sizeof *p);

    p->arena = arena_create();
    struct value *root = arena_alloc(p->arena, sizeof *root);
    struct spec job = spec_of(root, file, t);
    enum error e;
    if (!(e = yaml_parse(text, n, file, p->arena, root, t))
        && !(e = jobfile_check(root, file, &p->jobfile, t))) {
        p->driver = p->jobfile.driver;
        if (!(e = check_workload(p, &job, catalog)))
            e = p->driver->workload ? check_own_params(p, &job) : check_params(p, &job);
        if (!e)
            e = create_driver(p, file, t);
        if (!e)
            e = check_space(p, &job);
    }
    if (e) {
        job_plan_destroy(p);
        return e;
    }
    *out = p;
    return OK;
}

void job_plan_destroy(struct job_plan *p)
{
    if (!p)
        return;
    if (p->state)
        p->driver->destroy(p->state);
    arena_destroy(p->arena);
    mem_free(p);
}

enum error job_check(const char *text,
                     size_t n,
                     const char *file,
                     const struct value *catalog,
                     struct errtext *t)
{
    struct job_plan *p = NULL;
    enum error e = job_plan_create(text, n, file, catalog, &p, t);

    job_plan_destroy(p);
    return e;
}
