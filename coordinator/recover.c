// SPDX-License-Identifier: MIT
// recover.c - jobs as they were, from what the journal kept of them.
//
// What a driver asked is restored before anything is told, so there are two
// passes: ASKED, then all else in order.  Whatever comes twice or makes no sense is
// passed over: the core counts an item once.
#include <inttypes.h>
#include <string.h>

#include "common/version.h"
#include "coordinator/shell_state.h"
#include "protocol/codec.h"
#include "protocol/pack.h"

// What entries bring forth is released now and then, in memory that is used again.
enum { EFFECTS_A_TURN = 512, BYTES_A_TURN = 256 * 1024 };

static void bad_entry(const struct journal_entry *x, const struct errtext *t)
{
    LOG_WARN("journal.bad_entry", "job=%" PRIu64 " kind=%d seq=%" PRIu64 " why=\"%s\"", x->job,
             (int)x->kind, x->item, t->text);
}

static void replay_result(struct shell *s, struct docket *r, const struct journal_entry *x)
{
    uint8_t header[FRAME_HEADER_SIZE];
    struct errtext t = {{0}};
    struct message m;
    frame_put_header(&(struct frame_header){.version = WIRE_VERSION,
                                            .type = MSG_RESULT,
                                            .length = x->bytes.n},
                     header);
    if (codec_decode((struct bin){header, sizeof header}, x->bytes, s->turn->arena, &m, &t)) {
        bad_entry(x, &t);
        return;
    }
    for (uint32_t i = 0; i < m.result_batch.n_results; i++)
        for (uint32_t k = 0; k < m.result_batch.results[i].n_faults; k++)
            r->live->n_quarantined += m.result_batch.results[i].faults[k].blame == 2;
    turn_event(s, &(struct event){.type = EVENT_RECOVER_RESULT, .job = x->job, .message = &m});
}

// [first, [params…]] or [first, n]; see drive.c.
static void replay_asked(struct shell *s, struct docket *r, const struct journal_entry *x)
{
    struct arena *a = s->turn->arena;
    struct live *l = r->live;
    const struct driver *d = l->plan->driver;
    struct errtext t = {{0}};
    struct value v;
    if (pack_read(x->bytes.p, x->bytes.n, a, &v, &t) || v.type != VALUE_LIST || v.n != 2
        || v.items[0].type != VALUE_INT || (uint64_t)v.items[0].i != l->n_items) {
        bad_entry(x, &t);
        return;
    }
    const struct value *list = &v.items[1];
    bool has_params = list->type == VALUE_LIST;
    uint64_t n = has_params ? list->n : (uint64_t)value_number(list);
    struct bin *params = has_params ? arena_alloc(a, (n + 1) * sizeof *params) : NULL;
    for (uint64_t i = 0; has_params && i < n; i++) {
        struct buf b;
        buf_init(&b, UINT32_MAX);
        pack_write(&list->items[i], &b);
        params[i] = (struct bin){arena_copy(a, b.bytes, b.n), (uint32_t)b.n};
        buf_fini(&b);
        if (d->restore)
            d->restore(l->plan->state, l->n_items + i, &list->items[i]);
    }
    uint64_t n_answered, *answered = drive_answered(l, n, a, &n_answered);
    l->n_items += n;
    turn_event(s, &(struct event){.type = EVENT_RECOVER_ASKED,
                                  .job = x->job,
                                  .items = {.n_items = l->n_items,
                                            .params = params,
                                            .answered = answered,
                                            .n_answered = n_answered}});
}

static void replay_extend(struct docket *r, const struct journal_entry *x)
{
    struct errtext t = {{0}};
    const struct driver *d = r->live->plan->driver;
    // The driver may keep what it was given.
    struct arena *a = r->live->plan->checked->arena;
    struct value *v = arena_alloc(a, sizeof *v);
    enum error e = pack_read(x->bytes.p, x->bytes.n, a, v, &t);
    if (!e && d->extend)
        e = d->extend(r->live->plan->state, v, &t);
    if (e)
        bad_entry(x, &t);
}

// In which pass an entry counts.
static void replay(struct shell *s, const struct journal_entry *x, bool asked)
{
    struct docket *r = docket_get(s, x->job);
    if (!r || !r->live || asked != (x->kind == JOURNAL_ASKED || x->kind == JOURNAL_EXTEND))
        return;
    switch (x->kind) {
    case JOURNAL_ASKED:
        replay_asked(s, r, x);
        break;
    case JOURNAL_EXTEND:
        replay_extend(r, x);
        break;
    case JOURNAL_RESULT:
        replay_result(s, r, x);
        break;
    case JOURNAL_RETRY:
        turn_event(s, &(struct event){.type = EVENT_RETRY, .job = x->job});
        drive_reopen(s, r);
        break;
    default:
        break;
    }
}

// The items of an inline driver are not in the journal: it says them anew.
static void step_inline(struct shell *s)
{
    for (uint32_t i = 0; i < s->n_dockets; i++) {
        struct docket *r = s->dockets[i];
        if (r->live && r->live->plan->driver->is_inline && !r->live->n_items)
            drive_want_step(s, r);
    }
    drive_steps(s);
}

// ---- all of them, at start -----------------------------------------------------------

struct reader {
    struct shell *s;
    uint64_t from; // sequence number that the open jobs begin at
    uint32_t n_open;
    uint32_t n_entries;
    bool asked;
};

static void next_turn(struct shell *s)
{
    turn_end(s);
    turn_begin(s);
}

static enum error
make_plan(struct shell *s, const struct journal_job *j, struct plan **out, struct errtext *t)
{
    struct value files = value_null();
    struct arena *a = arena_create();
    if (j->files.n && pack_read(j->files.p, j->files.n, a, &files, NULL))
        files = value_null();
    struct plan_source src = {.text = (const char *)j->text.p,
                              .n_text = j->text.n,
                              .file = j->file,
                              .files = files.type == VALUE_LIST ? &files : NULL,
                              .catalog = workloads_known(s)};
    enum error e = plan_create(&src, out, t);
    arena_destroy(a);
    return e;
}

static enum error
reopen(struct shell *s, struct docket *r, const struct journal_job *j, struct errtext *t)
{
    struct plan *p;
    enum error e = make_plan(s, j, &p, t);
    if (e)
        return e;
    drive_attach(s, r, p);
    // Its deadline counts from when it was submitted.
    int64_t age = clock_wall_now() - r->submitted;
    int64_t now = s->now;
    r->started = now - (age > 0 ? age : 0);
    s->now = r->started;
    e = drive_submit(s, r, t);
    s->now = now;
    if (e)
        drive_detach(r);
    return e;
}

static enum error read_job(void *ctx, const struct journal_job *j)
{
    struct reader *x = ctx;
    struct errtext t = {{0}};
    struct docket *r = docket_restore(x->s, j);
    if (j->ended_seq)
        return OK;
    if (reopen(x->s, r, j, &t)) {
        // Written by a release that took what this one refuses.
        LOG_ERROR("job.unreadable", "job=%s why=\"%s\"", r->id, t.text);
        r->state = JOB_FAILED;
        return OK;
    }
    if (!x->n_open++ || j->first_seq < x->from)
        x->from = j->first_seq;
    return OK;
}

static enum error read_entry(void *ctx, const struct journal_entry *e)
{
    struct reader *x = ctx;
    replay(x->s, e, x->asked);
    x->n_entries++;
    if (shell_fx(x->s)->n > EFFECTS_A_TURN || arena_used(x->s->turn->arena) > BYTES_A_TURN)
        next_turn(x->s);
    return OK;
}

static enum error read_pod(void *ctx, const struct journal_entry *e)
{
    struct reader *x = ctx;
    turn_event(x->s, &(struct event){.type = EVENT_RECOVER_POD,
                                     .instance = e->item,
                                     .pod = (enum pod_record)e->bytes.p[0]});
    return OK;
}

static enum error read_pass(struct reader *x, bool asked, struct errtext *t)
{
    x->asked = asked;
    struct journal_range g = {.from = x->from};
    enum error e = journal_read_entries(x->s->journal, &g, read_entry, x, t);
    next_turn(x->s);
    return e;
}

enum error recover_all(struct shell *s, struct errtext *t)
{
    struct reader x = {.s = s};
    turn_begin(s);
    enum error e = journal_read_jobs(s->journal, read_job, &x, t);
    // Drivers are stepped when everything was told.
    s->due = NULL;
    s->due_end = &s->due;
    for (uint32_t i = 0; i < s->n_dockets; i++)
        if (s->dockets[i]->live)
            s->dockets[i]->live->step_due = false;
    if (!e && x.n_open)
        e = read_pass(&x, true, t);
    step_inline(s);
    if (!e && x.n_open)
        e = read_pass(&x, false, t);
    if (!e)
        e = journal_read_pods(s->journal, read_pod, &x, t);
    turn_event(s, &(struct event){.type = EVENT_RECOVERED});
    turn_end(s);
    for (uint32_t i = 0; i < s->n_dockets; i++)
        if (s->dockets[i]->live)
            drive_want_step(s, s->dockets[i]);
    if (x.n_open)
        LOG_INFO("recovered", "jobs=%u entries=%u", x.n_open, x.n_entries);
    return e;
}

// ---- one that had ended ----------------------------------------------------------------

enum error
recover_one(struct shell *s, struct docket *r, const struct journal_event *e, struct errtext *t)
{
    if (!e->job)
        return errtext_set(t, ERR_NOT_FOUND, "the journal does not have job %s any more",
                           r->id);
    struct plan *p;
    enum error error = make_plan(s, e->job, &p, t);
    if (error)
        return error;
    drive_attach(s, r, p);
    r->started = s->now;
    error = drive_submit(s, r, t);
    if (error) {
        drive_detach(r);
        return error;
    }
    struct live *l = r->live;
    r->state = JOB_RUNNING;
    r->ended = 0;
    for (uint32_t i = 0; i < e->n; i++)
        replay(s, &e->entries[i], true);
    if (l->plan->driver->is_inline && !l->n_items)
        drive_steps(s);
    for (uint32_t i = 0; i < e->n; i++)
        replay(s, &e->entries[i], false);
    drive_want_step(s, r);
    return OK;
}
