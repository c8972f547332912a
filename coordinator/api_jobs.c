// SPDX-License-Identifier: MIT
// api_jobs.c - requests about one job, and the list of them.
#include <inttypes.h>
#include <string.h>

#include "coordinator/shell_state.h"

enum { ENDED_LISTED = 100 };

static enum error api_jobs(struct call *c)
{
    struct shell *s = c->shell;
    bool all = false;
    enum error e = api_bool(c, "all", &all);
    if (e)
        return e;
    struct value list = value_list();
    uint32_t n_ended = 0;
    uint32_t first = 0;
    for (uint32_t i = s->n_dockets; !all && i-- > 0;)
        if (s->dockets[i]->state != JOB_RUNNING && ++n_ended == ENDED_LISTED) {
            first = i;
            break;
        }
    for (uint32_t i = 0; i < s->n_dockets; i++)
        if (i >= first || s->dockets[i]->state == JOB_RUNNING)
            (void)value_push(c->a, &list, document_row(s, s->dockets[i], c->a));
    struct value v = value_map();
    (void)value_set(c->a, &v, "jobs", list);
    return api_answer(c, &v);
}

static enum error api_status(struct call *c)
{
    struct docket *r;
    enum error e = api_job(c, &r);
    if (e)
        return e;
    struct value v = document_status(c->shell, r, c->a);
    return api_answer(c, &v);
}

static enum error api_why(struct call *c)
{
    struct shell *s = c->shell;
    struct docket *r;
    enum error e = api_job(c, &r);
    if (e)
        return e;
    struct value v = value_map();
    const char *why = r->live ? core_why(s->core, r->number, s->now, c->a)
                              : arena_printf(c->a, "It is not running: it is %s.",
                                             docket_state_name(r->state));
    (void)value_set(c->a, &v, "job", value_str(c->a, r->id));
    (void)value_set(c->a, &v, "state", value_str(c->a, docket_state_name(r->state)));
    (void)value_set(c->a, &v, "why", value_str(c->a, why));
    return api_answer(c, &v);
}

// ---- the final document ------------------------------------------------------------------

static void document_answered(struct shell *s, struct pending *p, struct journal_event *e)
{
    struct docket *r = docket_get(s, p->job);
    if (e->error || !r) {
        api_fail(s, p->peer, p->id, ERR_IO, "the journal could not be read");
        return;
    }
    struct bin last = e->n ? e->entries[e->n - 1].bytes : (struct bin){0};
    struct value v = document_unpack(r, last, e->arena);
    api_reply(s, p->peer, p->id, &v, false);
}

static enum error answer_final(struct call *c, struct docket *r)
{
    if (r->live || r->document.n || !r->journaled) {
        struct value v = document_final(c->shell, r, c->a);
        return api_answer(c, &v);
    }
    struct pending *p = api_pend(c, r->number);
    struct journal_question q = {.cookie = p, .source = FROM_STATE};
    p->answered = document_answered;
    q.range.job = r->number;
    turn_ask(c->shell, &q);
    return OK;
}

static enum error api_results(struct call *c)
{
    struct docket *r;
    enum error e = api_job(c, &r);
    return e ? e : answer_final(c, r);
}

// While it runs its status, then its document: both have the curve of a search.
static enum error api_one(struct call *c)
{
    struct docket *r;
    enum error e = api_job(c, &r);
    if (e || !r->live)
        return e ? e : answer_final(c, r);
    struct value v = document_status(c->shell, r, c->a);
    return api_answer(c, &v);
}

static enum error api_watch(struct call *c)
{
    struct shell *s = c->shell;
    struct docket *r;
    enum error e = api_job(c, &r);
    if (e)
        return e;
    if (!r->live)
        return answer_final(c, r);
    struct value v = document_status(s, r, c->a);
    api_reply(s, c->peer, c->id, &v, true);
    watch_add(s, r, c->peer, c->id, false);
    return OK;
}

// ---- changing it ----------------------------------------------------------------------------

static struct value state_of(const struct docket *r, struct arena *a)
{
    struct value v = value_map();
    (void)value_set(a, &v, "job", value_str(a, r->id));
    (void)value_set(a, &v, "state", value_str(a, docket_state_name(r->state)));
    return v;
}

static enum error api_cancel(struct call *c)
{
    struct shell *s = c->shell;
    struct docket *r;
    enum error e = api_job(c, &r);
    if (e)
        return e;
    struct value v = state_of(r, c->a);
    if (!r->live)
        return api_answer(c, &v);
    struct event x = {.type = EVENT_CANCEL, .job = r->number};
    e = turn_request(s, &x, c->t);
    if (e)
        return e;
    (void)value_set(c->a, &v, "state", value_str(c->a, "cancelled"));
    api_reply_after(s, c->peer, c->id, &v, false);
    return OK;
}

static enum error retry_now(const struct call *c, struct docket *r)
{
    struct shell *s = c->shell;
    struct job_view view = {0};
    (void)core_job_view(s->core, r->number, &view);
    struct event x = {.type = EVENT_RETRY, .job = r->number};
    enum error e = turn_request(s, &x, c->t);
    if (e)
        return e;
    drive_reopen(s, r);
    if (r->durability != DURABILITY_NONE)
        turn_journal(s, r->number, JOURNAL_RETRY, (struct bin){0}, r->durability);
    struct value v = state_of(r, c->a);
    (void)value_set(c->a, &v, "reopened", value_uint(view.n_failed));
    api_reply_after(s, c->peer, c->id, &v, false);
    return OK;
}

static void reopened(struct shell *s,
                     struct pending *p,
                     struct journal_event *e,
                     enum error (*then)(const struct call *c, struct docket *r))
{
    struct errtext t = {{0}};
    struct call c = api_resume(s, p, &t);
    struct docket *r = docket_get(s, p->job);
    enum error error = e->error;
    if (!r)
        return; // it was forgotten, and with it whoever asked
    if (!error && !r->live)
        error = recover_one(s, r, e, &t);
    if (!error)
        error = then(&c, r);
    if (error)
        api_fail(s, p->peer, p->id, error,
                 t.text[0] ? t.text : "the journal could not be read");
}

static void retry_answered(struct shell *s, struct pending *p, struct journal_event *e)
{
    reopened(s, p, e, retry_now);
}

// An ended job is made anew first, from the journal.
static enum error
reopen(const struct call *c,
       const struct docket *r,
       void (*answered)(struct shell *, struct pending *, struct journal_event *))
{
    struct job_view v;
    if (!r->journaled)
        return errtext_set(c->t, ERR_UNSUPPORTED,
                           "job %s ran with durability none: nothing of it was kept", r->id);
    docket_drop_ended(c->shell);
    if (core_job_view(c->shell->core, r->number, &v))
        return errtext_set(c->t, ERR_BUSY, "ranks are still inside job %s; try again", r->id);
    struct pending *p = api_pend(c, r->number);
    struct journal_question q = {.cookie = p, .source = FROM_JOB};
    p->answered = answered;
    q.range.job = r->number;
    turn_ask(c->shell, &q);
    return OK;
}

static enum error api_retry(struct call *c)
{
    struct docket *r;
    bool failed = true;
    enum error e = api_job(c, &r);
    if (!e)
        e = api_bool(c, "failed", &failed);
    if (!e && !failed)
        e = errtext_set(c->t, ERR_INVALID,
                        "'failed' is false: only failed items can be tried again");
    if (e)
        return e;
    if (r->live && r->live->finishing)
        return errtext_set(c->t, ERR_BUSY, "the job is ending; try again");
    if (r->live)
        return retry_now(c, r);
    if (r->state == JOB_DONE && !r->n_failed)
        return errtext_set(c->t, ERR_INVALID, "no item of job %s failed", r->id);
    return reopen(c, r, retry_answered);
}

static enum error extend_now(const struct call *c, struct docket *r)
{
    return drive_extend(c->shell, r, c);
}

static void extend_answered(struct shell *s, struct pending *p, struct journal_event *e)
{
    reopened(s, p, e, extend_now);
}

static enum error api_extend(struct call *c)
{
    struct docket *r;
    int64_t trials = 0;
    enum error e = api_job(c, &r);
    if (!e)
        e = api_int(c, "trials", &trials);
    if (!e && trials < 1)
        e = errtext_set(c->t, ERR_INVALID, "'trials' is missing: how many in all, at least 1");
    if (e)
        return e;
    return r->live ? extend_now(c, r) : reopen(c, r, extend_answered);
}

// ---- output ---------------------------------------------------------------------

static enum error api_logs(struct call *c)
{
    struct docket *r;
    int64_t item = -1;
    bool follow = false;
    enum error e = api_job(c, &r);
    if (!e)
        e = api_int(c, "item", &item);
    if (!e)
        e = api_bool(c, "follow", &follow);
    if (e)
        return e;
    item_log_read(c, r, item < 0 ? UINT64_MAX : (uint64_t)item, follow);
    return OK;
}

static const char *const submit_args[] = {"text", "file",       "files", "name", "owner",
                                          "wait", "allow_exec", "watch", NULL};
static const char *const validate_args[] = {"text", "file", "files", NULL};
static const char *const job_args[] = {"job", NULL};
static const char *const jobs_args[] = {"all", NULL};
static const char *const retry_args[] = {"job", "failed", NULL};
static const char *const extend_args[] = {"job", "trials", NULL};
static const char *const logs_args[] = {"job", "item", "follow", NULL};

const struct verb api_job_verbs[] = {
    {"submit", ROLE_SUBMIT, submit_args, api_submit},
    {"validate", ROLE_READ, validate_args, api_validate},
    {"jobs", ROLE_READ, jobs_args, api_jobs},
    {"status", ROLE_READ, job_args, api_status},
    {"job", ROLE_READ, job_args, api_one},
    {"watch", ROLE_READ, job_args, api_watch},
    {"results", ROLE_READ, job_args, api_results},
    {"why", ROLE_READ, job_args, api_why},
    {"retry", ROLE_SUBMIT, retry_args, api_retry},
    {"extend", ROLE_SUBMIT, extend_args, api_extend},
    {"cancel", ROLE_SUBMIT, job_args, api_cancel},
    {"logs", ROLE_READ, logs_args, api_logs},
    {"file", ROLE_SUBMIT, job_args, api_file},
    {0},
};
