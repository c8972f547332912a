// SPDX-License-Identifier: MIT
// head.c - the coordinator: the real core, a disk that commits later and loses
// the uncommitted, and drivers that count what they are told.
#include <string.h>

#include "common/mem.h"
#include "protocol/codec.h"
#include "protocol/pack.h"
#include "tests/sim/sim.h"

// A peer's number: fresh for every life of the coordinator and of the pod.
static uint64_t peer_of(const struct sim *s, uint32_t link)
{
    return (s->head.life << 40) + (s->pods[link / RANKS].instance << 8) + link + 1;
}

static void submit(struct sim *s, uint64_t number)
{
    struct sim_job *j = &s->jobs[number];
    struct message m = {.type = MSG_JOB};
    struct buf b;
    m.job.job = number;
    m.job.workload = str_of("sim");
    m.job.params = (struct bin){(const uint8_t *)"\x80", 1};
    m.job.rows = true;
    buf_init(&b, 4096);
    codec_encode(&m, &b);
    struct job_spec spec = {
        .number = number,
        .name = "sim",
        .owner = number == 1 ? "ann" : "bob",
        .workload = "sim",
        .priority = number == 3,
        .gang = j->gang,
        .shard = number == 2 ? 7 : 0,
        .max_attempts = 1,
        .max_crashes = 1000, // nothing here is the item's fault
        .max_failures = UINT64_MAX,
        .stall_ns = 4 * CLOCK_SECOND,
        .durability = DURABILITY_FULL,
        .job_message = {b.bytes, (uint32_t)b.n},
        .n_items = j->n_items,
    };
    struct effects fx;
    struct errtext t;
    effects_init(&fx, s->arena);
    struct event e = {.type = EVENT_SUBMIT, .now = s->now, .spec = &spec};
    if (core_step(s->head.core, &e, &fx, &t))
        sim_break(s, "submit: %s", t.text);
    buf_fini(&b);
}

static void tell(struct sim *s, uint64_t job, const struct outcome *o)
{
    struct sim_job *j = &s->jobs[job];
    for (uint64_t i = o->first; i < o->first + o->count; i++)
        if (i < ITEMS_MAX && ++j->told[i] > 1)
            sim_break(s, "job %d: item %d was told twice", (int)job, (int)i);
    j->n_told += o->count;
    if (o->n_faults)
        sim_break(s, "job %d: an item was given up", (int)job);
}

// The disk: what a committed turn leaves behind.
static void commit(struct sim *s, const struct effect *e)
{
    struct head *h = &s->head;
    if (h->n_kept == h->cap_kept) {
        h->cap_kept = h->cap_kept ? h->cap_kept * 2 : 64;
        h->kept = mem_realloc(h->kept, h->cap_kept * sizeof *h->kept);
    }
    h->kept[h->n_kept++] =
        (struct kept){e->kind, e->job, mem_copy(e->bytes.p, e->bytes.n), e->bytes.n};
    if (e->kind == JOURNAL_STATE)
        s->jobs[e->job].closed = true;
}

static void step(struct sim *s, struct event e, struct effects *fx)
{
    struct errtext t;
    e.now = s->now;
    (void)core_step(s->head.core, &e, fx, NULL);
    if (core_check(s->head.core, &t))
        sim_break(s, "law: %s", t.text);
}

static struct turn *turn_now(struct sim *s)
{
    struct head *h = &s->head;
    struct turn *t = mem_alloc(sizeof *t);
    t->arena = arena_create();
    t->commit_at = INT64_MAX;
    *h->last = t;
    h->last = &t->next;
    return t;
}

static uint32_t link_of(const struct sim *s, uint64_t peer)
{
    for (uint32_t k = 0; k < LINKS; k++)
        if (peer_of(s, k) == peer)
            return k;
    return LINKS; // a pod that is gone
}

static void release(struct sim *s, const struct effect *e)
{
    struct effects fx;
    uint32_t link = e->type == EFFECT_SEND ? link_of(s, e->peer) : LINKS;
    if (link < LINKS)
        network_send(s, false, link, e->message);
    if (e->type == EFFECT_TELL)
        tell(s, e->job, &e->outcome);
    if (e->type == EFFECT_JOB) {
        s->jobs[e->job].ended = true;
        return;
    }
    struct sim_job *j = e->type == EFFECT_TELL ? &s->jobs[e->job] : NULL;
    if (!j || j->n_told < j->n_items)
        return;
    struct turn *t = turn_now(s); // the driver has all it wanted
    effects_init(&fx, t->arena);
    struct event end = {.type = EVENT_FINISHED, .job = e->job};
    end.finished.state = JOB_DONE;
    end.finished.result = (struct bin){(const uint8_t *)"\x80", 1};
    step(s, end, &fx);
    t->list = fx.list;
    t->n = fx.n;
    t->commit_at = s->now + CLOCK_MS;
    s->head.turn_at = s->now;
}

// Hand the effects of a core step to the turn that they belong to.
static void add(struct turn *t, const struct effects *fx)
{
    t->list = fx->list;
    t->n = fx->n;
}

static void run(struct sim *s, struct event e)
{
    struct effects fx;
    struct turn *t = turn_now(s);
    effects_init(&fx, t->arena);
    step(s, e, &fx);
    add(t, &fx);
    for (uint32_t i = 0; i < t->n; i++)
        if (!t->list[i].after && t->list[i].type == EFFECT_SEND)
            release(s, &t->list[i]);
    // A commit takes about a millisecond, sometimes many.
    t->commit_at = s->now + (int64_t)(200 + sim_draw(s, 1500)) * 1000;
    if (sim_draw(s, 30) == 0)
        t->commit_at += (int64_t)sim_draw(s, 20) * CLOCK_MS;
    if (e.type != EVENT_TURN_END && s->now + 20000 < s->head.turn_at)
        s->head.turn_at = s->now + 20000;
}

static void recover(struct sim *s)
{
    struct head *h = &s->head;
    struct effects fx;
    struct turn *turn = turn_now(s);
    effects_init(&fx, turn->arena);
    for (uint32_t i = 0; i < h->n_kept; i++) {
        struct kept *k = &h->kept[i];
        struct message m;
        struct value v;
        struct errtext t;
        uint8_t header[FRAME_HEADER_SIZE];
        struct frame_header fh = {.version = 1, .type = MSG_RESULT, .length = k->n};
        frame_put_header(&fh, header);
        struct event e = {.type = EVENT_RECOVER_RESULT, .job = k->job, .message = &m};
        if (k->kind == JOURNAL_RESULT) {
            if (codec_decode((struct bin){header, sizeof header}, (struct bin){k->bytes, k->n},
                             turn->arena, &m, &t))
                sim_break(s, "the journal does not read back: %s", t.text);
            step(s, e, &fx);
        } else if (k->kind == JOURNAL_POD && !pack_read(k->bytes, k->n, turn->arena, &v, &t)) {
            e.type = EVENT_RECOVER_POD;
            e.instance = v.items[0].type == VALUE_UINT ? v.items[0].u : (uint64_t)v.items[0].i;
            e.pod = (enum pod_record)(v.items[1].type == VALUE_UINT ? (int)v.items[1].u
                                                                    : (int)v.items[1].i);
            step(s, e, &fx);
        }
    }
    step(s, (struct event){.type = EVENT_RECOVERED}, &fx);
    add(turn, &fx);
    turn->commit_at = s->now;
}

void head_start(struct sim *s)
{
    struct head *h = &s->head;
    struct core_options o = {.incarnation = ++h->incarnation};
    h->life++;
    h->core = core_create(&o);
    h->last = &h->turns;
    h->turn_at = s->now;
    for (uint64_t n = 1; n <= JOBS; n++) {
        memset(s->jobs[n].told, 0, sizeof s->jobs[n].told);
        s->jobs[n].n_told = 0;
        s->jobs[n].ended = s->jobs[n].closed;
        if (!s->jobs[n].closed)
            submit(s, n);
    }
    recover(s);
    sim_trace(s, 5, h->life, h->n_kept);
}

static void drop_turns(struct head *h)
{
    for (struct turn *t = h->turns, *next; t; t = next) {
        next = t->next;
        arena_destroy(t->arena);
        mem_free(t);
    }
    h->turns = NULL;
    h->last = &h->turns;
}

void head_crash(struct sim *s)
{
    drop_turns(&s->head);
    core_destroy(s->head.core);
    s->head.core = NULL;
    s->head.up_at = s->now + (int64_t)(50 + sim_draw(s, 3000)) * CLOCK_MS;
    s->n_crashes++;
    sim_trace(s, 6, 0, 0);
}

void head_receive(struct sim *s, uint32_t link, const struct message *m)
{
    if (s->head.core)
        run(s, (struct event){.type = EVENT_MESSAGE, .peer = peer_of(s, link), .message = m});
}

int64_t head_next(const struct sim *s)
{
    const struct head *h = &s->head;
    if (!h->core)
        return h->up_at;
    int64_t at = core_next_deadline(h->core);
    at = h->turn_at < at ? h->turn_at : at;
    if (h->turns && h->turns->commit_at < at)
        at = h->turns->commit_at;
    return at > s->now ? at : s->now;
}

static void commit_first(struct sim *s)
{
    struct head *h = &s->head;
    struct turn *t = h->turns;
    h->turns = t->next;
    if (!h->turns)
        h->last = &h->turns;
    for (uint32_t i = 0; i < t->n; i++)
        if (t->list[i].type == EFFECT_JOURNAL)
            commit(s, &t->list[i]);
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->list[i].after)
            release(s, &t->list[i]);
        if (t->list[i].type == EFFECT_TELL)
            for (uint32_t k = 0; k < t->list[i].outcome.count; k++)
                s->jobs[t->list[i].job].durable[t->list[i].outcome.first + k] = true;
    }
    arena_destroy(t->arena);
    mem_free(t);
}

void head_step(struct sim *s)
{
    struct head *h = &s->head;
    if (!h->core) {
        if (h->up_at <= s->now)
            head_start(s);
        return;
    }
    while (h->turns && h->turns->commit_at <= s->now)
        commit_first(s); // strictly in order: the first holds back the rest
    if (h->turn_at <= s->now || core_next_deadline(h->core) <= s->now) {
        h->turn_at = INT64_MAX;
        run(s, (struct event){.type = EVENT_TURN_END});
    }
    for (uint64_t n = 1; n <= JOBS; n++)
        if (s->jobs[n].ended && !core_n_open_jobs(h->core))
            core_drop_job(h->core, n);
}

void head_fini(struct sim *s)
{
    struct head *h = &s->head;
    drop_turns(h);
    core_destroy(h->core);
    for (uint32_t i = 0; i < h->n_kept; i++)
        mem_free(h->kept[i].bytes);
    mem_free(h->kept);
}

bool head_all_done(const struct sim *s)
{
    for (uint64_t n = 1; n <= JOBS; n++)
        if (!s->jobs[n].closed || !s->jobs[n].ended)
            return false;
    return true;
}
