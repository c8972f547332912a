// SPDX-License-Identifier: MIT
#include "worker/evaluate/train.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "worker/group.h"

enum phase { ROLLOUT, UPDATE, EVALUATE, N_PHASES };

static const char *const phase_names[] = {"rollout", "update", "evaluate"};
static const char *const blob_names[] = {"rollout", "checkpoint"}; // by phase

// ---- blobs -------------------------------------------------------------------------------

static enum error read_file(const char *path, void *to, size_t n, struct errtext *t)
{
    FILE *f = fopen(path, "rb");
    size_t got = f ? fread(to, 1, n, f) : 0;
    if (f)
        (void)fclose(f);
    return got == n ? OK : errtext_set(t, FAULT_WORKER, "cannot read %s", path);
}

static enum error fetch(struct run *r,
                        const struct value *blob,
                        const char *path,
                        struct bin *out,
                        struct errtext *t)
{
    const struct value *hash = value_find(blob, "hash"), *size = value_find(blob, "size");
    struct sha256 h;
    if (!hash || hash->type != VALUE_BIN || hash->n != sizeof h || !size
        || size->type != VALUE_INT || size->i < 0 || size->i > TRAIN_BLOB_MAX)
        return errtext_set(t, FAULT_JOB, "a blob is no map {hash, size} of at most %d bytes",
                           TRAIN_BLOB_MAX);
    memcpy(h.bytes, hash->s, sizeof h);
    (void)unlink(path);
    enum error e = run_fetch(r, &h, (uint64_t)size->i, path, t);
    if (e)
        return e == ERR_NOT_FOUND ? FAULT_JOB : FAULT_WORKER;
    uint8_t *p = arena_alloc(r->arena, (size_t)size->i + 1);
    e = read_file(path, p, (size_t)size->i, t);
    (void)unlink(path);
    *out = (struct bin){p, (uint32_t)size->i};
    return e;
}

static enum error keep(struct run *r,
                       uint64_t item,
                       const char *name,
                       const char *path,
                       const struct buf *b,
                       struct errtext *t)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0;
    for (size_t at = 0; good && at < b->n;) {
        ssize_t n = write(fd, b->bytes + at, b->n - at);
        good = n > 0 || (n < 0 && errno == EINTR);
        at += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0 && close(fd))
        good = false;
    enum error e = good ? run_keep_file(r, item, name, path, t)
                        : errtext_set(t, FAULT_WORKER, "cannot write %s", path);
    (void)unlink(path);
    return e ? FAULT_WORKER : OK;
}

// ---- one item ----------------------------------------------------------------------------

static enum error
fetch_all(struct train_call *c, const struct value *over, const char *path, struct errtext *t)
{
    const struct value *checkpoint = value_find(over, "checkpoint");
    const struct value *list = value_find(over, "rollouts");
    enum error e = OK;
    if (checkpoint && checkpoint->type == VALUE_MAP)
        e = fetch(c->run, checkpoint, path, &c->checkpoint, t);
    if (e || !list || list->type != VALUE_LIST)
        return e;
    if (list->n > TRAIN_BLOBS_MAX)
        return errtext_set(t, FAULT_JOB, "more than %d rollouts", TRAIN_BLOBS_MAX);
    struct bin *all = arena_alloc(c->run->arena, (list->n + 1) * sizeof *all);
    for (uint32_t i = 0; i < list->n && !e; i++) {
        e = fetch(c->run, &list->items[i], path, &all[i], t);
        run_progress(c->run);
    }
    c->rollouts = all;
    c->n_rollouts = list->n;
    return e;
}

static enum error phase_of(const struct value *over, enum phase *out, struct errtext *t)
{
    const struct value *v = over ? value_find(over, "phase") : NULL;
    for (int i = 0; v && v->type == VALUE_STR && i < N_PHASES; i++)
        if (strcmp(v->s, phase_names[i]) == 0) {
            *out = (enum phase)i;
            return OK;
        }
    return errtext_set(t, FAULT_JOB, "this workload learns: its job is of kind train");
}

struct lesson {
    const struct trainee *what;
    void *state;
    const char *path; // of a blob on its way
};

static enum error run_item(const void *arg, struct run *r, uint32_t i, struct errtext *t)
{
    const struct lesson *l = arg;
    const struct value *over = r->overrides ? r->overrides[i] : NULL;
    enum phase phase = ROLLOUT;
    struct buf out;
    struct train_call c = {.run = r, .out = &out, .numbers = &r->named[i]};
    enum error e = phase_of(over, &phase, t);
    if (e || (e = fetch_all(&c, over, l->path, t)))
        return e;
    buf_init(&out, TRAIN_BLOB_MAX);
    r->named[i] = value_map();
    c.iteration = (uint64_t)evaluate_int(over, NULL, "iteration", 0);
    c.part = (uint32_t)evaluate_int(over, NULL, "part", 0);
    c.of = (uint32_t)evaluate_int(over, NULL, "of", 1);
    c.seed = (uint64_t)evaluate_int(over, NULL, "seed", 0);
    e = phase == ROLLOUT  ? l->what->rollout(l->state, &c, t)
        : phase == UPDATE ? l->what->update(l->state, &c, t)
                          : l->what->evaluate(l->state, &c, t);
    if (!e && phase == ROLLOUT)
        train_number(&c, "bytes", (double)out.n);
    if (!e && phase != EVALUATE && group_rank(r->group) == 0)
        e = keep(r, r->first + i, blob_names[phase], l->path, &out, t);
    buf_fini(&out);
    return e;
}

enum error train_run(const struct trainee *what,
                     void *state,
                     const char *scratch,
                     struct run *r,
                     struct errtext *t)
{
    struct lesson l = {what, state, arena_printf(r->arena, "%s/train.blob", scratch)};
    return evaluate_each(run_item, &l, r, t);
}

void train_number(const struct train_call *c, const char *name, double x)
{
    value_set(c->run->arena, c->numbers, name, value_float(x));
}
