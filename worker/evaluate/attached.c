// SPDX-License-Identifier: MIT
#include "worker/evaluate/attached.h"

#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"

static enum error read_file(const char *path, size_t bytes_max, char **text, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return FAULT_WORKER;
    *text = mem_alloc(bytes_max + 1);
    *n = fread(*text, 1, bytes_max + 1, f);
    (void)fclose(f);
    return OK;
}

enum error attached_text(const struct workload_job *job,
                         const struct attached *k,
                         const char *name,
                         char **text,
                         size_t *n,
                         struct errtext *t)
{
    const char *path = workload_path(job, name);

    if (!path)
        return errtext_set(t, FAULT_JOB,
                           "%s '%.100s' is not among the job's files: add files: [%.100s]",
                           k->what, name, name);
    if (read_file(path, k->bytes_max, text, n))
        return errtext_set(t, FAULT_WORKER, "cannot open %s", path);
    if (*n <= k->bytes_max)
        return OK;
    mem_free(*text);
    return errtext_set(t, FAULT_JOB, "%s has more than %zu bytes", name, k->bytes_max);
}

enum error attached_value(const struct workload_job *job,
                          const char *name,
                          struct arena *a,
                          struct value *out,
                          struct errtext *t)
{
    const struct value *v = value_find(job->params, name);
    const struct attached kind = {.what = name, .bytes_max = 16 << 20};
    char *text = NULL;
    size_t n = 0;

    *out = v ? value_copy(a, v) : value_null();
    if (!v || v->type != VALUE_STR)
        return OK;
    enum error e = attached_text(job, &kind, v->s, &text, &n, t);
    if (e)
        return e;
    e = json_parse(text, n, a, out, t);
    mem_free(text);
    return e ? errtext_prefix(t, FAULT_JOB, "%.100s", v->s) : OK;
}

enum error attached_open(const struct workload_job *job,
                         size_t size,
                         enum error (*read)(void *state, struct errtext *t),
                         void **out,
                         struct errtext *t)
{
    struct attached_state *s = mem_alloc(size);

    s->seed = job->seed;
    s->arena = arena_create();
    s->params = value_copy(s->arena, job->params);
    enum error e = attached_value(job, "data", s->arena, &s->data, t);
    if (!e && read(s, t))
        e = FAULT_JOB;
    if (e)
        attached_close(s);
    else
        *out = s;
    return e;
}

void attached_close(void *state)
{
    struct attached_state *s = state;
    arena_destroy(s->arena);
    mem_free(s);
}
