// SPDX-License-Identifier: MIT
// watch.c - clients that want to hear of a job: at most ten times a second, and at its end.
#include "coordinator/shell_state.h"

#define WATCH_INTERVAL (100 * CLOCK_MS)
// The rate shown is that of the last one to two of these.
#define SAMPLE_INTERVAL (3 * CLOCK_SECOND)

void watch_add(struct shell *s, struct docket *r, uint64_t peer, uint64_t id, bool final_only)
{
    struct watch *w = mem_alloc(sizeof *w);
    w->peer = peer;
    w->id = id;
    w->final_only = final_only;
    w->not_before = s->now + WATCH_INTERVAL;
    w->next = r->watches;
    r->watches = w;
}

static void say(struct shell *s, struct docket *r, struct watch *w)
{
    struct arena *a = arena_create();
    struct value v = document_status(s, r, a);
    api_reply(s, w->peer, w->id, &v, true);
    w->dirty = false;
    w->not_before = s->now + WATCH_INTERVAL;
    arena_destroy(a);
}

static void sample(struct shell *s, struct docket *r)
{
    struct live *l = r->live;
    struct job_view v;
    if (s->now - l->since.at < SAMPLE_INTERVAL || !core_job_view(s->core, r->number, &v))
        return;
    l->before = l->since;
    l->since.at = s->now;
    l->since.n_done = v.n_done;
}

void watch_changed(struct shell *s, struct docket *r)
{
    sample(s, r);
    for (struct watch *w = r->watches; w; w = w->next) {
        if (w->final_only || w->dirty)
            continue;
        w->dirty = true;
        if (w->not_before < s->watch_due)
            s->watch_due = w->not_before;
    }
}

void watch_flush(struct shell *s)
{
    if (s->now < s->watch_due)
        return;
    s->watch_due = INT64_MAX;
    for (uint32_t i = 0; i < s->n_dockets; i++) {
        struct docket *r = s->dockets[i];
        for (struct watch *w = r->watches; w; w = w->next) {
            if (w->dirty && w->not_before <= s->now)
                say(s, r, w);
            else if (w->dirty && w->not_before < s->watch_due)
                s->watch_due = w->not_before;
        }
    }
}

void watch_ended(struct shell *s, struct docket *r)
{
    for (struct watch *w = r->watches, *next; w; w = next) {
        next = w->next;
        if (r->document.n)
            api_reply_packed(s, w->peer, w->id, r->document, false);
        else
            api_fail(s, w->peer, w->id, ERR_LIMIT, "the answer is too large to be sent");
        mem_free(w);
    }
    r->watches = NULL;
}

void watch_forget(struct shell *s, uint64_t peer)
{
    for (uint32_t i = 0; i < s->n_dockets; i++)
        for (struct watch **at = &s->dockets[i]->watches; *at;) {
            struct watch *w = *at;
            if (w->peer != peer) {
                at = &w->next;
                continue;
            }
            *at = w->next;
            mem_free(w);
        }
}
