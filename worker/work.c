// SPDX-License-Identifier: MIT
#include "worker/work.h"

#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "worker/exchange.h"
#include "worker/group.h"
#include "worker/sandbox.h"

enum {
    BATCH_MAX = 256, // results a report
    SPIN_WHOLE = 16,
    BURST = 8, // leases run without a wait: the next ones come as a burst too
};
// A report waits this long for more results, but not behind a lease that takes
// longer than SHORT.
#define BATCH_WAIT      (50 * INT64_C(1000))
#define SHORT           (20 * INT64_C(1000))
#define CONGESTION_LOOK (2 * CLOCK_MS)

// For the lease that runs.
struct asked {
    struct asked *next;
    struct msg_serve serve;
    uint8_t bytes[]; // its body
};

struct work {
    struct work_options o;
    struct runner *runner;
    struct orders *queue, *queue_tail;
    struct orders *spent;  // done with, to go back
    struct report *report; // being filled; the runner writes into it while a lease runs
    struct report *live;   // logs of the lease that runs
    struct report *free_reports;
    int64_t report_since; // when its first entry came
    struct map revoked;   // leases that are queued or run, revoked
    uint64_t current;     // lease that runs, 0: none
    uint64_t last_job;    // of the lease before
    int64_t last_ns;      // time it took
    int64_t now;
    uint32_t spin_share; // of SPIN_WHOLE
    uint32_t n_run;      // leases since the last wait
    struct asked *asked, **asked_end, *taken;
    bool ended, failed;
    char *why;
};

// ---- orders ----------------------------------------------------------------------

static void keep_asked(struct work *w, const struct msg_serve *m)
{
    if (m->lease != w->current)
        return; // it has ended: the coordinator will know
    struct asked *x = mem_alloc(sizeof *x + m->body.n);
    if (m->body.n)
        memcpy(x->bytes, m->body.p, m->body.n);
    x->serve = *m;
    x->serve.body.p = x->bytes;
    *w->asked_end = x;
    w->asked_end = &x->next;
}

static void drop_asked(struct work *w)
{
    mem_free(w->taken);
    for (struct asked *next; w->asked; w->asked = next) {
        next = w->asked->next;
        mem_free(w->asked);
    }
    w->taken = NULL;
    w->asked_end = &w->asked;
}

static void note(struct work *w, const struct order *x)
{
    if (x->type == ORDER_SERVE)
        keep_asked(w, &x->serve);
    if (x->type == ORDER_REVOKE)
        map_set(&w->revoked, x->number, 1);
    if (x->type != ORDER_END || w->ended)
        return;
    w->ended = true;
    w->failed = x->failed;
    w->why = mem_dup(x->why);
}

// Take in what is there; what cannot wait for its turn is noted.
static void pull(struct work *w)
{
    struct orders *o;
    while ((o = mailbox_take(w->o.from_link))) {
        bool later = false;
        for (uint32_t i = 0; i < o->n; i++) {
            note(w, &o->list[i]);
            later = later || o->list[i].type != ORDER_SERVE;
        }
        for (struct report *r = o->spent, *next; r; r = next) {
            next = r->next;
            r->next = w->free_reports;
            w->free_reports = r;
        }
        o->spent = NULL;
        o->next = NULL;
        if (!later) { // or a lease that serves would gather them for ever
            o->next = w->spent;
            w->spent = o;
            continue;
        }
        *(w->queue ? &w->queue_tail->next : &w->queue) = o;
        w->queue_tail = o;
    }
}

// The next order; NULL: none is there.
static const struct order *next_order(struct work *w)
{
    while (w->queue && w->queue->at == w->queue->n) {
        struct orders *done = w->queue;
        w->queue = done->next;
        done->next = w->spent;
        w->spent = done;
    }
    return w->queue ? &w->queue->list[w->queue->at++] : NULL;
}

// ---- reports ---------------------------------------------------------------------

static struct report *take_report(struct work *w)
{
    struct report *r = w->free_reports;
    if (!r)
        return report_create();
    w->free_reports = r->next;
    report_reset(r);
    return r;
}

static struct report *report_of(struct work *w)
{
    if (!w->report)
        w->report = take_report(w);
    if (report_is_empty(w->report))
        w->report_since = w->now;
    return w->report;
}

static void send(struct work *w, struct report **r)
{
    if (!*r || report_is_empty(*r))
        return;
    (*r)->spent = w->spent;
    w->spent = NULL;
    link_thread_send(w->o.link, *r);
    *r = NULL;
}

static void flush(struct work *w)
{
    send(w, &w->live);
    send(w, &w->report);
}

static void flush_before(struct work *w, const struct rec_lease *l)
{
    if (!w->report || report_is_empty(w->report))
        return;
    if (w->report->n_results >= BATCH_MAX || w->now - w->report_since >= BATCH_WAIT
        || l->job != w->last_job || w->last_ns >= SHORT)
        flush(w);
}

// ---- what the runner asks --------------------------------------------------------

static bool is_cancelled(void *ctx)
{
    struct work *w = ctx;
    if (!mailbox_is_empty(w->o.from_link))
        pull(w);
    send(w, &w->live);
    return w->ended || (w->revoked.n && map_find(&w->revoked, w->current, NULL));
}

static void take_log(void *ctx, const struct msg_log *m)
{
    struct work *w = ctx;
    if (!w->live)
        w->live = take_report(w);
    report_add_log(w->live, m);
}

static bool take(void *ctx, int64_t wait_ns, struct msg_serve *out)
{
    struct work *w = ctx;
    bool stop = is_cancelled(w);
    if (!w->asked && !stop && wait_ns > 0) {
        mailbox_wait(w->o.from_link, wait_ns, 0);
        pull(w);
    }
    mem_free(w->taken);
    w->taken = w->asked;
    if (!w->taken)
        return false;
    w->asked = w->taken->next;
    if (!w->asked)
        w->asked_end = &w->asked;
    *out = w->taken->serve;
    return true;
}

static void tell(void *ctx, uint64_t lease, const struct rec_piece *p)
{
    struct work *w = ctx;
    if (!w->live)
        w->live = take_report(w);
    report_add_piece(w->live, lease, p);
}

static enum error
fetch(void *ctx, const struct rec_file *f, const char *path, struct errtext *t)
{
    const struct runner_host *h = &((struct work *)ctx)->o.host;
    return h->fetch(h->ctx, f, path, t);
}

static enum error
keep(void *ctx, const char *path, struct sha256 *hash, uint64_t *size, struct errtext *t)
{
    const struct runner_host *h = &((struct work *)ctx)->o.host;
    return h->keep(h->ctx, path, hash, size, t);
}

void work_idle(struct work *w)
{
    atomic_fetch_add_explicit(&w->o.shared->progress, 1, memory_order_relaxed);
    send(w, &w->live);
}

// ---- leases ----------------------------------------------------------------------

static void begin(struct work *w, const struct rec_lease *l)
{
    w->current = l->lease;
    atomic_store_explicit(&w->o.shared->working, l->lease, memory_order_relaxed);
}

static void finish(struct work *w, const struct rec_lease *l, int64_t start)
{
    w->last_job = l->job;
    w->last_ns = w->now - start;
    w->n_run++;
    send(w, &w->live);
    drop_asked(w);
    w->current = 0;
    if (w->revoked.n)
        (void)map_remove(&w->revoked, l->lease);
}

static void run_solo(struct work *w, const struct rec_lease *l)
{
    struct rec_result result;
    int64_t start = w->now;

    flush_before(w, l);
    begin(w, l);
    enum error e = runner_run(w->runner, l, w->o.gang(w->o.gang_ctx, w->o.rank, 1),
                              report_of(w)->arena, &w->now, &result);
    struct report *r = report_of(w);
    if (e)
        report_add_dropped(r, l->lease);
    else
        *report_add_result(r) = result;
    finish(w, l, start);
}

// The root always answers: that is how the coordinator knows that the gang is through.
static void answer_for_gang(struct work *w, const struct rec_lease *l, const char *why)
{
    *report_add_result(report_of(w)) = (struct rec_result){.lease = l->lease,
                                                           .job = l->job,
                                                           .first = l->first,
                                                           .count = l->count,
                                                           .worker_fault = str_of(why)};
}

static void run_gang(struct work *w, const struct order_gang *g)
{
    struct group *group = w->o.gang(w->o.gang_ctx, g->first_rank, g->n_ranks);
    flush(w);
    for (uint32_t i = 0; i < g->n_leases; i++) {
        const struct rec_lease *l = &g->leases[i];
        struct rec_result result;
        int64_t start = w->now;
        flush_before(w, l);
        begin(w, l);
        enum error e = runner_run(w->runner, l, group, report_of(w)->arena, &w->now, &result);
        bool root = group_rank(group) == 0;
        if (root && e)
            answer_for_gang(w, l, e == ERR_CANCELLED ? "cancelled" : "job not known");
        else if (root)
            *report_add_result(report_of(w)) = result;
        finish(w, l, start);
    }
    report_add_gang_done(report_of(w), g->gang);
    flush(w);
}

static void define(struct work *w, struct bin payload)
{
    struct message m = {.type = MSG_JOB, .payload = payload};
    struct errtext t;
    if (runner_define(w->runner, &m, &t))
        LOG_ERROR("job.refused", "why=\"%s\"", t.text);
}

static void obey(struct work *w, const struct order *x)
{
    switch (x->type) {
    case ORDER_JOB:
        define(w, x->job);
        break;
    case ORDER_FORGET:
        runner_forget(w->runner, x->number);
        break;
    case ORDER_LEASE:
        run_solo(w, &x->lease);
        break;
    case ORDER_GANG:
        run_gang(w, &x->gang);
        break;
    case ORDER_REVOKE:
        // Its lease came before and is through.
        (void)map_remove(&w->revoked, x->number);
        break;
    case ORDER_SERVE: // taken when it came
    case ORDER_END:
        break;
    }
}

// ---- the loop --------------------------------------------------------------------

// As in the channel: what comes while spinning brings the spin back, what does
// not halves it.
static void wait_for_orders(struct work *w, int64_t timeout_ns)
{
    int64_t spin = w->n_run < BURST ? w->o.spin_ns / SPIN_WHOLE * w->spin_share : 0;
    int64_t start = clock_now();
    atomic_store_explicit(&w->o.shared->working, 0, memory_order_relaxed);
    mailbox_wait(w->o.from_link, timeout_ns, spin);
    w->now = clock_now();
    w->n_run = 0;
    if (w->now - start > w->o.spin_ns)
        w->spin_share = w->spin_share > 1 ? w->spin_share / 2 : 1;
    else if (w->spin_share < SPIN_WHOLE)
        w->spin_share *= 2;
}

// The outbox is full: the coordinator, or its disk, is behind.
static void wait_for_room(struct work *w)
{
    flush(w);
    while (!w->ended && atomic_load(&w->o.shared->congested)) {
        wait_for_orders(w, CONGESTION_LOOK);
        pull(w);
    }
}

// Without its sandbox's helper a rank would fail every command it is given: it
// ends, and its pod comes back whole.
static void end_without_helper(struct work *w)
{
    if (!w->o.host.sandbox || !sandbox_is_gone(w->o.host.sandbox) || w->ended)
        return;
    w->ended = w->failed = true;
    mem_free(w->why);
    w->why = mem_dup("the sandbox helper is gone");
}

bool work_run(struct work *w, const char **why)
{
    w->now = clock_now();
    for (;;) {
        pull(w);
        end_without_helper(w);
        if (w->ended)
            break;
        if (atomic_load_explicit(&w->o.shared->congested, memory_order_relaxed))
            wait_for_room(w);
        const struct order *x = next_order(w);
        if (x) {
            obey(w, x);
            continue;
        }
        flush(w);
        wait_for_orders(w, -1);
    }
    flush(w);
    *why = w->why;
    return w->failed;
}

struct work *work_create(const struct work_options *o)
{
    struct work *w = mem_alloc(sizeof *w);
    struct runner_host h = o->host;
    w->o = *o;
    h.is_cancelled = is_cancelled;
    h.log = take_log;
    h.take = take;
    h.tell = tell;
    h.fetch = o->host.fetch ? fetch : NULL;
    h.keep = o->host.keep ? keep : NULL;
    h.ctx = w;
    h.progress = &o->shared->progress;
    w->runner = runner_create(&h);
    w->spin_share = SPIN_WHOLE;
    w->asked_end = &w->asked;
    map_init(&w->revoked);
    return w;
}

void work_destroy(struct work *w)
{
    if (!w)
        return;
    runner_destroy(w->runner);
    orders_destroy(w->queue);
    orders_destroy(w->spent);
    report_destroy(w->report);
    report_destroy(w->live);
    report_destroy(w->free_reports);
    drop_asked(w);
    map_fini(&w->revoked);
    mem_free(w->why);
    mem_free(w);
}
