// SPDX-License-Identifier: MIT
// The workload that answers with a model of earlier trials (ArchGym's proxy cost model).
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/surrogate.h"
#include "protocol/pack.h"
#include "worker/evaluate/evaluate.h"
#include "worker/workload.h"

enum { PROXY_BYTES_MAX = 1 << 28 };

static const struct param params[] = {
    {.name = "model",
     .type = PARAM_STR,
     .required = true,
     .help = "a file of the job's `files`, as `shoal fit -o` writes it"},
    {.name = NULL},
};

static const struct metric metrics[] = {
    {.name = "value", .help = "what the model predicts"},
    {.name = NULL},
};

struct state {
    struct arena *arena;
    struct surrogate *surrogate;
};

static enum error
read_value(const char *path, struct arena *a, struct value *out, struct errtext *t)
{
    FILE *f = fopen(path, "re");
    struct buf b;

    if (!f)
        return errtext_set(t, FAULT_WORKER, "the proxy cannot be read: %s", strerror(errno));
    buf_init(&b, PROXY_BYTES_MAX);
    (void)buf_read(&b, f); // what is cut short is no proxy
    (void)fclose(f);
    enum error e = b.full || pack_read(b.bytes, b.n, a, out, NULL)
                       ? errtext_set(t, FAULT_JOB, "the model's file is no proxy")
                       : OK;
    buf_fini(&b);
    return e;
}

static void close_proxy(void *state)
{
    struct state *s = state;
    arena_destroy(s->arena);
    mem_free(s);
}

static enum error open_proxy(const struct workload_job *job, void **out, struct errtext *t)
{
    const struct value *name = value_find(job->params, "model");
    const char *path = name && name->type == VALUE_STR ? workload_path(job, name->s) : NULL;
    struct state *s;
    struct value v;

    if (!path)
        return errtext_set(t, FAULT_JOB, "model '%.100s' is not among the job's files",
                           name && name->type == VALUE_STR ? name->s : "");
    s = mem_alloc(sizeof *s);
    s->arena = arena_create();
    enum error e = read_value(path, s->arena, &v, t);
    struct errtext why;
    if (!e && surrogate_open(&v, s->arena, &s->surrogate, &why))
        e = errtext_set(t, FAULT_JOB, "%s", why.text);
    if (e) {
        close_proxy(s);
        return e;
    }
    *out = s;
    return OK;
}

static enum error evaluate_item(const void *state, struct run *r, uint32_t i, struct errtext *t)
{
    const struct state *s = state;
    struct value none = value_map();

    (void)t;
    r->metrics[i] = surrogate_predict(s->surrogate, r->overrides ? r->overrides[i] : &none);
    return OK;
}

static enum error run_proxy(void *state, struct run *r, struct errtext *t)
{
    return evaluate_each(evaluate_item, state, r, t);
}

const struct workload workload_proxy = {
    .name = "proxy",
    .help =
        "Answers with a model fitted on earlier trials by `shoal fit`; the space's names are "
        "those of these trials.",
    .params = params,
    .metrics = metrics,
    .open_names = true,
    .stall_ms = 60000,
    .pure = true,
    .open = open_proxy,
    .close = close_proxy,
    .run = run_proxy,
};
