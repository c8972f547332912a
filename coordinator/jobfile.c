// SPDX-License-Identifier: MIT
#include "coordinator/jobfile.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/options.h"
#include "coordinator/spec.h"

// Limits that keep a typing error from becoming a job nobody meant.
enum {
    PRIORITY_MAX = 1000,
    CPUS_MAX = 65536,
    ATTEMPTS_MAX = 1000,
    KINDS_MAX = 16,
    PATH_BYTES_MAX = 1000,
    TAG_BYTES_MAX = 200,
    RESOURCES_MAX = 64,
};
#define MEMORY_MB_MAX (INT64_C(1) << 40)
#define SECONDS_MAX   (10.0 * 366 * 86400)

const char *const jobfile_keys[] = {
    "kind",       "name",         "seed",       "workload",     "params",
    "files",      "gang",         "priority",   "cpus",         "memory_mb",
    "resources",  "max_attempts", "backoff_s",  "max_failures", "max_crashes",
    "deadline_s", "tags",         "durability", "reproducible", NULL,
};

// Likely a typing error: then the key that is there is the one to name.
static enum error kind_missing(const struct spec *s, const char *kinds)
{
    static const char *const kind[] = {"kind", NULL};

    for (uint32_t i = 0; i < s->map->n; i++) {
        const struct value_pair *p = &s->map->pairs[i];
        struct value at = {.line = p->line, .column = p->column};
        if (strcmp(p->key, "kind") != 0 && options_nearest(p->key, kind))
            return spec_fail(s, &at, "unknown key '%s', did you mean 'kind'?", p->key);
    }
    return spec_fail(s, NULL, "key 'kind' is missing, expected one of: %s", kinds);
}

static enum error check_kind(const struct spec *s, struct jobfile *j)
{
    const char *kinds[KINDS_MAX + 1] = {NULL};
    char list[200];

    for (uint32_t i = 0; drivers[i] && i < KINDS_MAX; i++)
        kinds[i] = drivers[i]->name;
    spec_join(kinds, list, sizeof list);
    // Before the names of keys: which are known depends on the kind.
    if (s->map->type != VALUE_MAP)
        return spec_keys(s, kinds, NULL);
    if (!spec_find(s, "kind"))
        return kind_missing(s, list);
    enum error e = spec_str(s, "kind", kinds, &j->kind);
    if (e)
        return e;
    j->driver = driver_find(j->kind);
    return OK;
}

// It appears in tables, in file names and on command lines.
static enum error check_name(const struct spec *s, struct jobfile *j)
{
    enum error e = spec_str(s, "name", NULL, &j->name);
    if (e || !j->name)
        return e;
    bool odd = *j->name == '-' || *j->name == '.' || *j->name == ' ';
    for (const char *c = j->name; *c; c++)
        odd = odd || (unsigned char)*c < ' ' || *c == 0x7f || *c == '/';
    if (odd || strlen(j->name) > JOBFILE_NAME_MAX)
        return spec_expected(s, "name",
                             "at most %d characters without '/' that begin with no '-' or '.'",
                             JOBFILE_NAME_MAX);
    return OK;
}

static const char *path_fault(const char *path)
{
    if (strlen(path) > PATH_BYTES_MAX)
        return "a shorter path";
    if (*path == '/')
        return "a path relative to the job file";
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || !at[2]))
            return "a path without '..'";
        if (!*at || *at == '/' || (*at == '.' && (at[1] == '/' || !at[1])))
            return "a path without empty or '.' parts";
    }
    for (const char *c = path; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return "a path without control characters";
    return NULL;
}

static int by_text(const void *a, const void *b)
{
    const struct value *const *x = a;
    const struct value *const *y = b;
    int c = strcmp((*x)->s, (*y)->s);
    return c ? c : (*x > *y) - (*x < *y);
}

static enum error check_unique(const struct spec *s, const char *key, const struct value *list)
{
    const struct value **sorted = mem_alloc((list->n + 1) * sizeof *sorted);
    enum error e = OK;

    for (uint32_t i = 0; i < list->n; i++)
        sorted[i] = &list->items[i];
    qsort(sorted, list->n, sizeof *sorted, by_text);
    for (uint32_t i = 1; i < list->n && !e; i++)
        if (strcmp(sorted[i - 1]->s, sorted[i]->s) == 0)
            e = spec_fail(s, sorted[i], "%s has '%.100s' twice, expected once", key,
                          sorted[i]->s);
    mem_free(sorted);
    return e;
}

static enum error check_files(const struct spec *s, struct jobfile *j)
{
    enum error e = spec_strs(s, "files", 0, JOBFILE_FILES_MAX, &j->files);

    for (uint32_t i = 0; !e && j->files && i < j->files->n; i++) {
        const struct value *v = &j->files->items[i];
        const char *fault = path_fault(v->s);
        if (fault)
            e = spec_fail(s, v, "files[%" PRIu32 "] is '%.100s', expected %s", i, v->s, fault);
    }
    return e || !j->files ? e : check_unique(s, "files", j->files);
}

static enum error check_tags(const struct spec *s, struct jobfile *j)
{
    enum error e = spec_strs(s, "tags", 0, JOBFILE_TAGS_MAX, &j->tags);

    for (uint32_t i = 0; !e && j->tags && i < j->tags->n; i++)
        if (j->tags->items[i].n > TAG_BYTES_MAX)
            e = spec_fail(s, &j->tags->items[i],
                          "tags[%" PRIu32 "] has %" PRIu32 " bytes, expected at most %d", i,
                          j->tags->items[i].n, TAG_BYTES_MAX);
    return e;
}

static enum error check_resources(const struct spec *s, struct jobfile *j)
{
    enum error e = spec_map(s, "resources", &j->resources);

    if (e || !j->resources)
        return e;
    if (j->resources->n > RESOURCES_MAX)
        return spec_fail(s, j->resources,
                         "resources has %" PRIu32 " names, expected at most %d",
                         j->resources->n, RESOURCES_MAX);
    struct spec inner = spec_at(s, j->resources, "resources");
    for (uint32_t i = 0; !e && i < j->resources->n; i++) {
        double amount = 0;
        const char *name = j->resources->pairs[i].key;
        if (j->resources->pairs[i].value.type == VALUE_NULL)
            e = spec_expected(&inner, name, "a number of at least 0.0");
        else
            e = spec_float(&inner, name, 0, HUGE_VAL, &amount);
    }
    return e;
}

static enum error check_placing(const struct spec *s, struct jobfile *j)
{
    int64_t gang = 1, priority = 0, cpus = 1, memory = 0;
    enum error e;

    if ((e = spec_int(s, "gang", 1, JOBFILE_GANG_MAX, &gang))
        || (e = spec_int(s, "priority", -PRIORITY_MAX, PRIORITY_MAX, &priority))
        || (e = spec_int(s, "cpus", 1, CPUS_MAX, &cpus))
        || (e = spec_int(s, "memory_mb", 0, MEMORY_MB_MAX, &memory)))
        return e;
    j->gang = (uint32_t)gang;
    j->priority = (int32_t)priority;
    j->cpus = (uint32_t)cpus;
    j->memory_mb = (uint64_t)memory;
    return check_resources(s, j);
}

static enum error check_failing(const struct spec *s, struct jobfile *j)
{
    int64_t attempts = 1, crashes = 3, failures = -1;
    double backoff = 1, deadline = 0;
    enum error e;

    if ((e = spec_int(s, "max_attempts", 1, ATTEMPTS_MAX, &attempts))
        || (e = spec_int(s, "max_crashes", 1, ATTEMPTS_MAX, &crashes))
        || (e = spec_int(s, "max_failures", 0, INT64_MAX, &failures))
        || (e = spec_float(s, "backoff_s", 0, SECONDS_MAX, &backoff))
        || (e = spec_float(s, "deadline_s", 1e-3, SECONDS_MAX, &deadline)))
        return e;
    j->max_attempts = (uint32_t)attempts;
    j->max_crashes = (uint32_t)crashes;
    j->max_failures = failures < 0 ? UINT64_MAX : (uint64_t)failures;
    j->backoff_ns = (int64_t)(backoff * (double)CLOCK_SECOND);
    j->deadline_ns = (int64_t)(deadline * (double)CLOCK_SECOND);
    return OK;
}

static enum error check_keeping(const struct spec *s, struct jobfile *j)
{
    static const char *const name[] = {
        [DURABILITY_NONE] = "none",
        [DURABILITY_NORMAL] = "normal",
        [DURABILITY_FULL] = "full",
        NULL,
    };
    const char *durability = "full";
    enum error e;

    if ((e = spec_str(s, "durability", name, &durability))
        || (e = spec_bool(s, "reproducible", &j->reproducible)))
        return e;
    for (int i = DURABILITY_NONE; i <= DURABILITY_FULL; i++)
        if (strcmp(name[i], durability) == 0)
            j->durability = (enum durability)i;
    return OK;
}

// A kind with a workload of its own has the params among its keys.
static enum error check_implied(const struct spec *s, struct jobfile *j)
{
    static const char *const not_here[] = {"workload", "params"};

    j->workload = j->driver->workload;
    for (int i = 0; i < 2; i++)
        if (spec_find(s, not_here[i]))
            return spec_fail(s, spec_find(s, not_here[i]),
                             "kind %s has no key '%s', expected what it takes at the top level",
                             j->kind, not_here[i]);
    return OK;
}

static enum error check_workload(const struct spec *s, struct jobfile *j)
{
    static const struct value no_params = {.type = VALUE_MAP};
    enum error e;

    j->params = &no_params;
    if (j->driver->workload)
        return check_implied(s, j);
    if ((e = spec_require(s, "workload", "the name of a workload"))
        || (e = spec_str(s, "workload", NULL, &j->workload)))
        return e;
    return spec_map(s, "params", &j->params);
}

static enum error check_work(const struct spec *s, struct jobfile *j)
{
    enum error e = check_workload(s, j);

    if (e || (e = spec_u64(s, "seed", &j->seed)))
        return e;
    return check_files(s, j);
}

static const char *const *keys_of(const struct driver *d)
{
    assert(d); // a kind that is checked has one
    return d->keys;
}

enum error jobfile_check(const struct value *spec,
                         const char *file,
                         struct jobfile *out,
                         struct errtext *t)
{
    struct spec s = spec_of(spec, file, t);
    struct jobfile j = {.spec = spec, .reproducible = true};
    enum error e;

    if ((e = check_kind(&s, &j)) || (e = spec_keys(&s, jobfile_keys, keys_of(j.driver)))
        || (e = check_name(&s, &j)) || (e = check_work(&s, &j)) || (e = check_tags(&s, &j))
        || (e = check_placing(&s, &j)) || (e = check_failing(&s, &j))
        || (e = check_keeping(&s, &j)))
        return e;
    *out = j;
    return OK;
}
