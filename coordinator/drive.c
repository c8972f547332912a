// SPDX-License-Identifier: MIT
// drive.c - drivers between the core and the pool: tells in, items and results out.
#include <inttypes.h>
#include <string.h>

#include "common/hash.h"
#include "coordinator/shell_state.h"
#include "protocol/pack.h"

// Of a step's output, between steps.
enum { OUT_BYTES_KEPT = 64 * 1024 };
// Between attempts to store a result's blobs while the disk is full.
#define STORE_RETRY (500 * CLOCK_MS)

static void step_done(struct shell *s, struct task *t);
static void store_done(struct shell *s, struct task *t);

void drive_attach(struct shell *s, struct docket *r, struct plan *p)
{
    struct live *l = mem_alloc(sizeof *l);
    l->plan = p;
    l->step.shell = s;
    l->step.docket = r;
    l->out = arena_create();
    l->waiting = arena_create();
    l->progress_arena = arena_create();
    l->told_end = &l->told;
    l->extensions_end = &l->extensions;
    ranges_init(&l->told_failed);
    ranges_init(&l->reopened);
    r->live = l;
    r->durability = p->job.durability;
    r->first = p->checked->first;
}

static void live_destroy(struct live *l)
{
    plan_destroy(l->plan);
    arena_destroy(l->out);
    arena_destroy(l->waiting);
    arena_destroy(l->progress_arena);
    ranges_fini(&l->told_failed);
    ranges_fini(&l->reopened);
    for (uint32_t i = 0; i < l->n_failures; i++)
        mem_free(l->failures[i].text);
    mem_free(l);
}

static void unlink_due(struct shell *s, struct docket *r)
{
    struct docket **at = &s->due;
    while (*at && *at != r)
        at = &(*at)->live->next_due;
    if (!*at)
        return;
    *at = r->live->next_due;
    if (s->due_end == &r->live->next_due)
        s->due_end = at;
}

// The core learns of the job; an inline driver says at once what its items are.
enum error drive_submit(struct shell *s, struct docket *r, struct errtext *t)
{
    struct live *l = r->live;
    plan_set_number(l->plan, r->number);
    l->plan->job.name = r->name;
    l->plan->job.owner = r->owner;
    struct event e = {.type = EVENT_SUBMIT, .spec = &l->plan->job};
    enum error error = turn_request(s, &e, t);
    if (!error)
        drive_want_step(s, r);
    return error;
}

void drive_detach(struct docket *r)
{
    struct live *l = r->live;
    if (!l)
        return;
    if (l->step_due)
        unlink_due(l->step.shell, r);
    r->live = NULL;
    l->step.docket = NULL;
    if (!l->stepping)
        live_destroy(l); // else when it comes back from the pool
}

// ---- what a step said ----------------------------------------------------------------

static struct bin pack(const struct value *v, struct arena *a)
{
    struct buf b;
    buf_init(&b, UINT32_MAX);
    pack_write(v, &b);
    struct bin out = {arena_copy(a, b.bytes, b.n), (uint32_t)b.n};
    buf_fini(&b);
    return out;
}

// [first, [params…]], or [first, n] when items have no params of their own.  Each item's
// are packed once: out[i] lies within the entry.
static struct bin asked_entry(const struct live *l,
                              uint64_t n,
                              const struct value *params,
                              struct bin *out,
                              struct arena *a)
{
    struct value first = value_uint(l->n_items), count = value_uint(n);
    struct buf b;
    buf_init(&b, UINT32_MAX);
    pack_write_list(2, &b);
    pack_write(&first, &b);
    if (params)
        pack_write_list((uint32_t)n, &b);
    else
        pack_write(&count, &b);
    size_t start = b.n;
    for (uint64_t i = 0; params && i < n; i++) {
        size_t before = b.n;
        pack_write(&params[i], &b);
        out[i].n = (uint32_t)(b.n - before);
    }
    struct bin entry = {arena_copy(a, b.bytes, b.n), (uint32_t)b.n};
    buf_fini(&b);
    const uint8_t *at = entry.p + start;
    for (uint64_t i = 0; params && i < n; at += out[i++].n)
        out[i].p = at;
    return entry;
}

uint64_t *drive_answered(const struct live *l, uint64_t n, struct arena *a, uint64_t *n_out)
{
    const struct driver *d = l->plan->driver;
    uint64_t *list = NULL, first = l->n_items;

    *n_out = 0;
    for (uint64_t i = 0; d->answers && i < n; i++) {
        if (!d->answers(l->plan->state, first + i))
            continue;
        if (!list)
            list = arena_alloc(a, (n - i) * sizeof *list);
        list[(*n_out)++] = first + i;
    }
    return list;
}

static void say_items(struct shell *s, struct docket *r, const struct driver_output *o)
{
    struct live *l = r->live;
    struct arena *a = s->turn->arena;
    uint64_t n = o->n_items > l->n_items ? o->n_items - l->n_items : 0;
    if (!n && o->waits_for == l->waits_for)
        return;
    struct bin *params = n && o->params ? arena_alloc(a, n * sizeof *params) : NULL;
    struct bin entry = asked_entry(l, n, o->params, params, a);
    // What a driver on the pool asked is kept: after a restart it is not asked again.
    // An inline driver says the same anew, and at once.
    if (n && !l->plan->driver->is_inline && r->durability != DURABILITY_NONE)
        turn_journal(s, r->number, JOURNAL_ASKED, entry, r->durability);
    uint64_t n_answered, *answered = drive_answered(l, n, a, &n_answered);
    l->n_items += n;
    l->waits_for = o->waits_for;
    turn_event(s, &(struct event){.type = EVENT_ITEMS,
                                  .job = r->number,
                                  .items = {.n_items = l->n_items,
                                            .params = params,
                                            .waits_for = o->waits_for,
                                            .is_waiting = o->waits_for != 0,
                                            .answered = answered,
                                            .n_answered = n_answered}});
}

static void finish(struct shell *s, struct docket *r)
{
    struct arena *a = s->turn->arena;
    struct value v = document_done(s, r, a);
    bool failed = r->live->step.output.why_failed || (r->n_items && r->n_failed == r->n_items);
    enum job_state state = failed ? JOB_FAILED : JOB_DONE;
    docket_set_document(r, state, &v);
    turn_event(s, &(struct event){.type = EVENT_FINISHED,
                                  .job = r->number,
                                  .finished = {.state = state, .result = r->document}});
}

static void store_run(struct pool_task *t)
{
    struct step_task *x = (struct step_task *)t;
    struct shell *s = x->shell;
    struct live *l = (struct live *)((char *)x - offsetof(struct live, step));
    struct errtext why;
    bool sync = l->plan->job.durability != DURABILITY_NONE;
    for (uint32_t i = 0; i < x->output.n_blobs; i++) {
        const struct driver_blob *b = &x->output.blobs[i];
        struct sha256 *hash = &l->blob_hashes[i];
        *hash = b->hash ? *b->hash : sha256_of(b->bytes, b->n);
        while (blobs_put_hashed(s->blobs, b->bytes, b->n, sync, hash, &why)) {
            LOG_ERROR("blob.store", "why=\"%s\"", why.text);
            if (pool_is_stopping(s->files))
                return;
            clock_sleep(STORE_RETRY);
        }
    }
}

// What it asked is in the core now: a large one is not kept until the next step.
static void drop_output(struct live *l)
{
    if (l->step.output.finished || arena_used(l->out) <= OUT_BYTES_KEPT)
        return;
    arena_destroy(l->out);
    l->out = arena_create();
}

static void take_output(struct shell *s, struct docket *r)
{
    struct live *l = r->live;
    const struct driver_output *o = &l->step.output;
    if (o->progress.type != VALUE_NULL) {
        arena_reset(l->progress_arena);
        l->progress = value_copy(l->progress_arena, &o->progress);
    }
    l->n_expected = o->n_expected;
    say_items(s, r, o);
    // With items open again it will say so once more.
    if (!o->finished || l->n_reopening || l->reopened.total) {
        drop_output(l);
        return;
    }
    l->finishing = true;
    if (!o->n_blobs) {
        finish(s, r);
        return;
    }
    l->blob_hashes = arena_alloc(l->out, o->n_blobs * sizeof *l->blob_hashes);
    l->stepping = true;
    l->step.task.pool.run = store_run;
    l->step.task.done = store_done;
    pool_add(s->files, &l->step.task.pool);
}

// ---- steps ---------------------------------------------------------------------------

void drive_want_step(struct shell *s, struct docket *r)
{
    struct live *l = r->live;
    if (l->step_due || l->finishing)
        return;
    l->step_due = true;
    l->next_due = NULL;
    *s->due_end = r;
    s->due_end = &l->next_due;
}

static void prepare_step(struct live *l)
{
    arena_reset(l->out);
    l->step.output = (struct driver_output){.arena = l->out,
                                            .n_items = l->n_items,
                                            .waits_for = l->waits_for,
                                            .progress = value_null()};
}

static void step_run(struct pool_task *t)
{
    struct step_task *x = (struct step_task *)t;
    struct live *l = (struct live *)((char *)x - offsetof(struct live, step));
    l->plan->driver->step(l->plan->state, &x->output);
}

static void step(struct shell *s, struct docket *r)
{
    struct live *l = r->live;
    prepare_step(l);
    if (l->plan->driver->is_inline) {
        step_run(&l->step.task.pool);
        take_output(s, r);
        return;
    }
    l->stepping = true;
    l->step.task.pool.run = step_run;
    l->step.task.done = step_done;
    pool_add(s->drivers, &l->step.task.pool);
}

void drive_steps(struct shell *s)
{
    struct docket *r = s->due;
    s->due = NULL;
    s->due_end = &s->due;
    while (r) {
        struct live *l = r->live;
        struct docket *next = l->next_due;
        l->step_due = false;
        // While one is under way the next is wanted again when it is back; while items
        // are open again, when they were told.
        if (!l->stepping && !l->finishing && !l->reopened.total)
            step(s, r);
        r = next;
    }
}

static void extend_now(struct shell *s, struct docket *r, struct extension *x)
{
    struct errtext t = {{0}};
    struct live *l = r->live;
    enum error e = l->plan->driver->extend(l->plan->state, &x->args, &t);
    if (e) {
        api_fail(s, x->peer, x->id, e, t.text);
        return;
    }
    if (r->durability != DURABILITY_NONE)
        turn_journal(s, r->number, JOURNAL_EXTEND, pack(&x->args, s->turn->arena),
                     r->durability);
    struct value v = document_row(s, r, s->turn->arena);
    api_reply_after(s, x->peer, x->id, &v, false);
    drive_want_step(s, r);
}

// The driver is ours again: what came meanwhile.
static void catch_up(struct shell *s, struct docket *r)
{
    struct live *l = r->live;
    const struct driver *d = l->plan->driver;
    bool any = l->told || l->extensions;
    for (struct told *x = l->told; x && !l->finishing; x = x->next)
        d->tell(l->plan->state, &x->outcome);
    for (struct extension *x = l->extensions; x; x = x->next) {
        if (l->finishing)
            api_fail(s, x->peer, x->id, ERR_BUSY, "the job is ending; try again");
        else
            extend_now(s, r, x);
    }
    l->told = NULL;
    l->told_end = &l->told;
    l->extensions = NULL;
    l->extensions_end = &l->extensions;
    arena_reset(l->waiting);
    if (any)
        drive_want_step(s, r);
}

// Its record; NULL: the job has ended meanwhile, nothing of it is wanted.
static struct docket *come_back(struct task *t)
{
    struct step_task *x = (struct step_task *)t;
    struct live *l = (struct live *)((char *)x - offsetof(struct live, step));
    l->stepping = false;
    if (!x->docket)
        live_destroy(l);
    return x->docket;
}

static void step_done(struct shell *s, struct task *t)
{
    struct docket *r = ((struct step_task *)t)->docket;
    (void)come_back(t);
    if (!r)
        return;
    take_output(s, r);
    catch_up(s, r);
}

static void store_done(struct shell *s, struct task *t)
{
    struct docket *r = ((struct step_task *)t)->docket;
    (void)come_back(t);
    if (!r)
        return;
    finish(s, r);
    catch_up(s, r);
}

// ---- tells -----------------------------------------------------------------------------

static void note_failures(struct live *l, const struct outcome *o)
{
    for (uint32_t i = 0; i < o->n_faults; i++) {
        ranges_add(&l->told_failed, o->faults[i].item, o->faults[i].item + 1);
        if (l->n_failures < FAILURES_MAX)
            l->failures[l->n_failures++] =
                (struct failure){o->faults[i].item, mem_dup(o->faults[i].text)};
    }
}

static void forget_failures(struct live *l, const struct outcome *o)
{
    uint32_t n = 0;
    ranges_remove(&l->told_failed, o->first, o->first + o->count);
    ranges_remove(&l->reopened, o->first, o->first + o->count);
    for (uint32_t i = 0; i < l->n_failures; i++) {
        bool again = l->failures[i].item - o->first < o->count;
        if (again)
            mem_free(l->failures[i].text);
        else
            l->failures[n++] = l->failures[i];
    }
    l->n_failures = n;
}

static struct told *keep(struct live *l, const struct outcome *o)
{
    struct arena *a = l->waiting;
    struct told *x = arena_alloc(a, sizeof *x);
    x->outcome = *o;
    x->outcome.data = arena_copy(a, o->data, o->n_data);
    struct outcome_fault *faults = arena_copy(a, o->faults, o->n_faults * sizeof *faults);
    for (uint32_t i = 0; i < o->n_faults; i++)
        faults[i].text = arena_str(a, faults[i].text, strlen(faults[i].text));
    x->outcome.faults = faults;
    if (o->outputs) {
        struct value *outputs = arena_alloc(a, sizeof *outputs);
        *outputs = value_copy(a, o->outputs);
        x->outcome.outputs = outputs;
    }
    return x;
}

void drive_tell(struct shell *s, struct docket *r, const struct outcome *told)
{
    struct live *l = r->live;
    struct outcome o = *told;
    if (l->finishing)
        return;
    o.again =
        l->told_failed.total && ranges_covered(&l->told_failed, o.first, o.first + o.count) > 0;
    if (o.again)
        forget_failures(l, &o);
    if (o.n_faults)
        note_failures(l, &o);
    if (!l->stepping) {
        l->plan->driver->tell(l->plan->state, &o);
        drive_want_step(s, r);
        return;
    }
    struct told *x = keep(l, &o);
    *l->told_end = x;
    l->told_end = &x->next;
}

// The failed items are open again in the core.  In the drivers' order of things this
// happens where it stands among the tells.
void drive_reopen(struct shell *s, struct docket *r)
{
    r->live->n_reopening++;
    struct effect *e = effects_add(shell_fx(s), EFFECT_REOPENED);
    e->after = true;
    e->job = r->number;
}

void drive_reopened(struct docket *r)
{
    struct live *l = r->live;
    l->n_reopening--;
    for (uint32_t i = 0; i < l->told_failed.n; i++)
        ranges_add(&l->reopened, l->told_failed.list[i].lo, l->told_failed.list[i].hi);
}

enum error drive_extend(struct shell *s, struct docket *r, const struct call *c)
{
    struct live *l = r->live;
    if (!l->plan->driver->extend)
        return errtext_set(c->t, ERR_UNSUPPORTED, "a job of kind %s cannot be extended",
                           r->kind);
    if (l->finishing)
        return errtext_set(c->t, ERR_BUSY, "the job is ending; try again");
    struct extension x = {.peer = c->peer, .id = c->id, .args = *c->args};
    if (!l->stepping) {
        extend_now(s, r, &x);
        return OK;
    }
    struct extension *kept = arena_copy(l->waiting, &x, sizeof x);
    kept->args = value_copy(l->waiting, c->args);
    *l->extensions_end = kept;
    l->extensions_end = &kept->next;
    return OK;
}
