// SPDX-License-Identifier: MIT
// api_file.c - a job's file as it was submitted, from the journal.
//
// Whoever may submit may read it: a job file may hold a secret (`api_key`).
#include <string.h>

#include "coordinator/shell_state.h"
#include "protocol/pack.h"

static void answered(struct shell *s, struct pending *p, struct journal_event *e)
{
    struct errtext t = {{0}};
    struct call c = api_resume(s, p, &t);
    struct value v = value_map(), files = value_list();
    const struct journal_job *j = e->job;
    if (e->error || !j) {
        api_fail(s, p->peer, p->id, e->error ? e->error : ERR_NOT_FOUND,
                 "the job's file could not be read from the journal");
        return;
    }
    if (j->files.n && pack_read(j->files.p, j->files.n, c.a, &files, NULL))
        files = value_list();
    (void)value_set(c.a, &v, "file", value_str(c.a, j->file));
    (void)value_set(c.a, &v, "text", value_strn(c.a, (const char *)j->text.p, j->text.n));
    (void)value_set(c.a, &v, "files", files);
    api_reply(s, p->peer, p->id, &v, false);
}

enum error api_file(struct call *c)
{
    struct docket *r;
    enum error e = api_job(c, &r);
    if (e)
        return e;
    if (!r->journaled)
        return errtext_set(c->t, ERR_UNSUPPORTED,
                           "job %s ran with durability none: its file was not kept", r->id);
    struct pending *p = api_pend(c, r->number);
    struct journal_question q = {.cookie = p, .source = FROM_ROW};
    p->answered = answered;
    q.range.job = r->number;
    turn_ask(c->shell, &q);
    return OK;
}
