// SPDX-License-Identifier: MIT
#include "coordinator/plan.h"

#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "protocol/codec.h"
#include "protocol/frame.h"
#include "protocol/pack.h"

static struct bin pack(const struct value *v, struct arena *a)
{
    struct buf b;
    buf_init(&b, UINT32_MAX);
    pack_write(v, &b);
    struct bin out = {arena_copy(a, b.bytes, b.n), (uint32_t)b.n};
    buf_fini(&b);
    return out;
}

static const struct value *find_attached(const struct value *list, const char *name)
{
    for (uint32_t i = 0; list && i < list->n; i++) {
        const struct value *v = value_find(&list->items[i], "name");
        if (v && v->type == VALUE_STR && strcmp(v->s, name) == 0)
            return &list->items[i];
    }
    return NULL;
}

// Whatever `files` of the job file names was attached.
static enum error
check_files(const struct plan *p, const struct plan_source *src, struct errtext *t)
{
    const struct value *wanted = p->checked->jobfile.files;
    for (uint32_t i = 0; src->files && wanted && i < wanted->n; i++) {
        const struct value *v = &wanted->items[i];
        if (find_attached(src->files, v->s))
            continue;
        return errtext_set(t, ERR_PARSE, "%s:%u:%u: file '%s' was not attached", src->file,
                           v->line, v->column, v->s);
    }
    return OK;
}

static struct rec_file file_of(const struct value *v, struct arena *a)
{
    const struct value *name = value_find(v, "name");
    const struct value *hash = value_find(v, "hash");
    const struct value *size = value_find(v, "size");
    const struct value *mode = value_find(v, "mode");
    struct rec_file f = {.mode = 0644};
    f.name = str_of(arena_str(a, name->s, name->n));
    if (hash && hash->type == VALUE_BIN)
        f.hash = (struct bin){arena_copy(a, hash->s, hash->n), hash->n};
    if (size)
        f.size = (uint64_t)value_number(size);
    if (mode)
        f.mode = (uint32_t)value_number(mode);
    return f;
}

static void take_files(struct plan *p, const struct value *attached)
{
    struct arena *a = p->checked->arena;
    const struct value *wanted = p->checked->jobfile.files;
    if (!attached || !wanted || !wanted->n)
        return;
    p->message.files = arena_alloc(a, wanted->n * sizeof *p->message.files);
    for (uint32_t i = 0; i < wanted->n; i++)
        p->message.files[p->message.n_files++] =
            file_of(find_attached(attached, wanted->items[i].s), a);
}

static struct bin params_of(void *plan, uint64_t item, struct arena *a)
{
    const struct plan *p = plan;
    struct value v = p->driver->params_of(p->state, item, a);
    return pack(&v, a);
}

static bool is_solo(void *plan, uint64_t item)
{
    const struct plan *p = plan;
    return p->driver->is_solo(p->state, item);
}

// All items have such params or none: the first one tells.
static bool has_params_of(const struct plan *p)
{
    struct arena *a = p->checked->arena;
    struct arena_mark m = arena_mark(a);
    bool has = p->driver->params_of && p->driver->params_of(p->state, 0, a).type == VALUE_MAP;
    arena_release(a, m);
    return has;
}

static void fill(struct plan *p)
{
    const struct job_plan *c = p->checked;
    const struct jobfile *f = &c->jobfile;
    p->job = (struct job_spec){
        .workload = f->workload,
        .priority = f->priority,
        .gang = f->gang,
        .serves = p->driver->serves,
        .shard = c->shard,
        .max_attempts = f->max_attempts,
        .max_crashes = f->max_crashes,
        .max_failures = f->max_failures,
        .backoff_ns = f->backoff_ns,
        .deadline_ns = f->deadline_ns,
        .stall_ns = c->stall_ns,
        .cpus = f->cpus,
        .memory_mb = f->memory_mb,
        .resources = f->resources,
        .durability = f->durability,
        .folds = c->folds,
        .exact = c->exact,
        .per_point = c->per_point,
    };
    p->job.ctx = p;
    p->job.is_solo = p->driver->is_solo ? is_solo : NULL;
    p->job.params_of = has_params_of(p) ? params_of : NULL;
    p->message = (struct msg_job){
        .workload = str_of(f->workload),
        .params = pack(&c->params, c->arena),
        .seed = f->seed,
        .per_point = c->per_point,
        .base = c->first,
        .rows = !c->folds,
        .exact = c->exact,
        .reproducible = f->reproducible,
    };
    if (c->points)
        p->message.points = pack(c->points, c->arena);
}

enum error plan_create(const struct plan_source *src, struct plan **out, struct errtext *t)
{
    struct job_plan *checked;
    enum error e =
        job_plan_create(src->text, src->n_text, src->file, src->catalog, &checked, t);
    if (e)
        return e;
    struct plan *p = mem_alloc(sizeof *p);
    p->checked = checked;
    p->driver = checked->driver;
    p->state = checked->state;
    e = check_files(p, src, t);
    if (e) {
        plan_destroy(p);
        return e;
    }
    fill(p);
    take_files(p, src->files);
    *out = p;
    return OK;
}

void plan_destroy(struct plan *p)
{
    if (!p)
        return;
    job_plan_destroy(p->checked);
    mem_free(p);
}

void plan_set_number(struct plan *p, uint64_t number)
{
    struct message m = {.type = MSG_JOB};
    struct buf b;
    buf_init(&b, FRAME_PAYLOAD_MAX);
    p->job.number = number;
    p->message.job = number;
    m.job = p->message;
    codec_encode(&m, &b);
    p->job.job_message =
        (struct bin){arena_copy(p->checked->arena, b.bytes, b.n), (uint32_t)b.n};
    buf_fini(&b);
}
