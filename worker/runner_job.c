// SPDX-License-Identifier: MIT
// runner_job.c - what the runner knows of jobs: definitions, opened workloads.
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/version.h"
#include "protocol/codec.h"
#include "protocol/pack.h"
#include "worker/runner_state.h"
#include "worker/scratch.h"

struct runner_job *runner_job_find(struct runner *r, uint64_t number)
{
    uint64_t p;
    if (r->last && r->last->number == number)
        return r->last;
    if (!map_find(&r->jobs, number, &p))
        return NULL;
    return r->last = (struct runner_job *)(uintptr_t)p;
}

static struct bin payload_of(const struct message *m, struct arena *a)
{
    if (m->payload.n)
        return (struct bin){arena_copy(a, m->payload.p, m->payload.n), m->payload.n};
    struct buf b;
    buf_init(&b, FRAME_PAYLOAD_MAX);
    codec_encode(m, &b);
    struct bin out = {arena_copy(a, b.bytes, b.n), (uint32_t)b.n};
    buf_fini(&b);
    return out;
}

// From our own copy of the bytes, so that everything it points to is ours.
static enum error decode(struct runner_job *j, struct errtext *t)
{
    uint8_t header[FRAME_HEADER_SIZE];
    struct frame_header h = {.version = WIRE_VERSION, .type = MSG_JOB, .length = j->bytes.n};
    struct message m;
    frame_put_header(&h, header);
    enum error e = codec_decode((struct bin){header, sizeof header}, j->bytes, j->arena, &m, t);
    if (e)
        return e;
    j->def = m.job;
    j->number = m.job.job;
    e = pack_read(m.job.params.p, m.job.params.n, j->arena, &j->params, t);
    if (!e && m.job.points.n)
        e = pack_read(m.job.points.p, m.job.points.n, j->arena, &j->points, t);
    if (!e && (j->params.type != VALUE_MAP || (m.job.points.n && j->points.type != VALUE_LIST)))
        e = errtext_set(t, ERR_PROTO, "job %llu: params or grid points of a wrong type",
                        (unsigned long long)j->number);
    return e;
}

static void find_workload(struct runner_job *j)
{
    char *name = arena_str(j->arena, j->def.workload.p, j->def.workload.n);
    j->workload = workload_find(name);
    if (!j->workload) {
        j->open_error = FAULT_WORKER;
        j->open_text = arena_printf(j->arena, "this worker has no workload '%s'", name);
        return;
    }
    for (const struct metric *m = j->workload->metrics; m && m->name; m++)
        j->n_metrics++;
    for (const struct total_row *t = j->workload->totals; t && t->name; t++)
        j->n_totals += t->n ? t->n : 1;
}

enum error runner_define(struct runner *r, const struct message *m, struct errtext *t)
{
    struct runner_job *j = mem_alloc(sizeof *j);
    j->arena = arena_create();
    j->bytes = payload_of(m, j->arena);
    enum error e = decode(j, t);
    if (e) {
        runner_job_destroy(r, j);
        return e;
    }
    struct runner_job *old = runner_job_find(r, j->number);
    if (old && old->bytes.n == j->bytes.n
        && memcmp(old->bytes.p, j->bytes.p, j->bytes.n) == 0) {
        runner_job_destroy(r, j);
        return OK;
    }
    if (old)
        runner_forget(r, j->number);
    find_workload(j);
    map_set(&r->jobs, j->number, (uintptr_t)j);
    return OK;
}

static void close_job(struct runner *r, struct runner_job *j)
{
    if (!j->is_open)
        return;
    if (j->workload->close)
        j->workload->close(j->state);
    for (uint32_t i = 0; j->folds && i < j->n_metrics; i++)
        fold_destroy(j->folds[i]);
    mem_free(j->folds);
    mem_free(j->totals);
    mem_free(j->run_totals);
    mem_free(j->files);
    if (j->directory)
        (void)scratch_remove(j->directory);
    mem_free(j->directory);
    j->folds = NULL;
    j->totals = NULL;
    j->run_totals = NULL;
    j->files = NULL;
    j->directory = NULL;
    j->state = NULL;
    j->is_open = false;
    r->n_open--;
}

void runner_job_destroy(struct runner *r, struct runner_job *j)
{
    close_job(r, j);
    arena_destroy(j->arena);
    mem_free(j);
}

void runner_forget(struct runner *r, uint64_t job)
{
    struct runner_job *j = runner_job_find(r, job);
    if (!j)
        return;
    (void)map_remove(&r->jobs, job);
    r->last = NULL;
    runner_job_destroy(r, j);
}

static void close_oldest(struct runner *r)
{
    struct runner_job *oldest = NULL;
    size_t at = 0;
    uint64_t key, p;
    while (map_next(&r->jobs, &at, &key, &p)) {
        struct runner_job *j = (struct runner_job *)(uintptr_t)p;
        if (j->is_open && (!oldest || j->used < oldest->used))
            oldest = j;
    }
    if (oldest)
        close_job(r, oldest);
}

// Attachments, each under a number of its own: names are the workload's affair.
static enum error fetch_files(struct runner *r, struct runner_job *j, struct errtext *t)
{
    char path[4096];
    if (!j->def.n_files)
        return OK;
    if (!r->host.fetch || !r->host.scratch)
        return errtext_set(t, FAULT_WORKER, "this worker takes no attachments");
    (void)snprintf(path, sizeof path, "%s/job-%llu-%llu", r->host.scratch,
                   (unsigned long long)j->number, (unsigned long long)r->n_leases);
    j->directory = mem_dup(path);
    if (mkdir(path, 0700) != 0)
        return errtext_set(t, FAULT_WORKER, "cannot make %s", path);
    j->files = mem_alloc(j->def.n_files * sizeof *j->files);
    for (uint32_t i = 0; i < j->def.n_files; i++) {
        const struct rec_file *f = &j->def.files[i];
        char *name = arena_str(j->arena, f->name.p, f->name.n);
        char *file = arena_printf(j->arena, "%s/%u", path, i);
        if (!scratch_name_ok(name) || f->hash.n != sizeof(struct sha256))
            return errtext_set(t, FAULT_JOB, "attachment '%s' has a bad name or hash", name);
        enum error e = r->host.fetch(r->host.ctx, f, file, t);
        if (e) {
            (void)errtext_prefix(t, e, "attachment '%s'", name);
            return FAULT_WORKER;
        }
        j->files[i] = (struct workload_file){
            .name = name, .path = file, .mode = f->mode & 0111 ? 0755 : 0644};
    }
    return OK;
}

static void make_folds(struct runner_job *j)
{
    if (j->n_totals) {
        j->totals = mem_alloc(j->n_totals * sizeof *j->totals);
        j->run_totals = mem_alloc(j->n_totals * sizeof *j->run_totals);
    }
    if (j->def.rows || !j->n_metrics)
        return;
    j->folds = mem_alloc(j->n_metrics * sizeof(struct fold *));
    for (uint32_t i = 0; i < j->n_metrics; i++)
        j->folds[i] = fold_create(j->def.exact);
}

static enum error open_workload(struct runner *r, struct runner_job *j, struct errtext *t)
{
    struct workload_job w = {
        .job = j->number,
        .seed = j->def.seed,
        .params = &j->params,
        .files = j->files,
        .n_files = j->def.n_files,
        .reproducible = j->def.reproducible,
        .scratch = r->host.scratch,
        .shared = r->host.shared,
        .sandbox = r->host.sandbox,
    };
    return j->workload->open ? j->workload->open(&w, &j->state, t) : OK;
}

// Errors that another rank, or another time, may not have.
static bool is_passing(enum error e)
{
    return e == FAULT_WORKER || e == FAULT_US || e == ERR_IO || e == ERR_AGAIN
           || e == ERR_TIMEOUT || e == ERR_LIMIT;
}

enum error runner_job_open(struct runner *r, struct runner_job *j, struct errtext *t)
{
    j->used = r->n_leases;
    if (j->is_open)
        return OK;
    if (j->open_error)
        return errtext_set(t, j->open_error, "%s", j->open_text);
    if (r->n_open >= r->host.open_max)
        close_oldest(r);
    enum error e = fetch_files(r, j, t);
    if (!e)
        e = open_workload(r, j, t);
    if (e) {
        if (j->directory)
            (void)scratch_remove(j->directory);
        mem_free(j->directory);
        mem_free(j->files);
        j->directory = NULL;
        j->files = NULL;
        if (is_passing(e))
            return FAULT_WORKER;
        j->open_error = FAULT_JOB;
        j->open_text = arena_str(j->arena, t->text, strlen(t->text));
        return FAULT_JOB;
    }
    make_folds(j);
    j->is_open = true;
    r->n_open++;
    return OK;
}
