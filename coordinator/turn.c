// SPDX-License-Identifier: MIT
// turn.c - one turn's effects: what leaves at once, and what waits for the disk.
#include <assert.h>
#include <string.h>

#include "coordinator/shell_state.h"
#include "protocol/guard.h"

// Turns kept for reuse until nothing happens for a while (turn_trim); an arena that
// grew beyond SPARE_BYTES is given back at once.
enum { SPARE_MAX = 16, SPARE_BYTES = 8 * 1024 * 1024, SMALL_BYTES = 64 * 1024 };

void turn_begin(struct shell *s)
{
    struct turn *t = s->spare;
    if (t) {
        s->spare = t->next;
        t->next = NULL;
    } else {
        t = mem_alloc(sizeof *t);
        t->arena = arena_create();
    }
    t->number = 0;
    t->lazy = false;
    t->questions = NULL;
    t->n_questions = t->cap_questions = 0;
    effects_init(&t->fx, t->arena);
    effects_reserve(&t->fx, s->n_effects);
    s->turn = t;
}

static void turn_destroy(struct turn *t)
{
    arena_destroy(t->arena);
    mem_free(t);
}

static void recycle(struct shell *s, struct turn *t)
{
    uint32_t n = 0;
    if (arena_used(t->arena) > SMALL_BYTES)
        s->trim_at = s->now + QUIET_NS;
    for (const struct turn *x = s->spare; x && n < SPARE_MAX; x = x->next)
        n++;
    if (n == SPARE_MAX || arena_used(t->arena) > SPARE_BYTES) {
        turn_destroy(t);
        return;
    }
    arena_reset(t->arena);
    t->next = s->spare;
    s->spare = t;
}

void turn_event(struct shell *s, const struct event *e)
{
    struct event x = *e;
    x.now = s->now;
    enum error error = core_step(s->core, &x, shell_fx(s), NULL);
    if (error)
        LOG_WARN("core.refused", "event=%d why=%s", (int)e->type, error_name(error));
}

enum error turn_request(struct shell *s, struct event *e, struct errtext *t)
{
    e->now = s->now;
    return core_step(s->core, e, shell_fx(s), t);
}

void turn_journal(
    struct shell *s, uint64_t job, enum journal_kind kind, struct bin bytes, enum durability d)
{
    struct effects *fx = shell_fx(s);
    struct effect *e = effects_add(fx, EFFECT_JOURNAL);
    e->job = job;
    e->kind = kind;
    e->bytes = bytes;
    if (fx->durability < d)
        fx->durability = d;
}

void turn_ask(struct shell *s, const struct journal_question *q)
{
    struct turn *t = s->turn;
    if (t->n_questions == t->cap_questions) {
        uint32_t cap = t->cap_questions ? t->cap_questions * 2 : 4;
        struct journal_question *list = arena_alloc(t->arena, cap * sizeof *list);
        if (t->n_questions)
            memcpy(list, t->questions, t->n_questions * sizeof *list);
        t->questions = list;
        t->cap_questions = cap;
    }
    t->questions[t->n_questions++] = *q;
}

void turn_send(struct shell *s, uint64_t peer, const struct message *m)
{
    if (peer & GATE_PEER) {
        gate_message(s, peer, m);
        return;
    }
    enum error e = channel_send(s->channel, peer, m);
    if (e == ERR_LIMIT)
        LOG_ERROR("send.limit", "type=%s peer=%llu", message_name(m->type),
                  (unsigned long long)peer);
    // ERR_CLOSED: the monitor says so too, and liveness notices in any case.
}

// ---- to the journal ----------------------------------------------------------------

// [instance, enum pod_record], as the core packs it.
static void pod_entry(struct journal_entry *x, struct bin bytes)
{
    struct guard_cursor c = {bytes.p, bytes.p + bytes.n};
    struct guard_token list;
    struct guard_token instance;
    struct guard_token is;
    static const uint8_t records[] = {POD_GONE, POD_HERE, POD_DRAINING};
    bool sound = !guard_next(&c, &list) && !guard_next(&c, &instance) && !guard_next(&c, &is)
                 && instance.type == GUARD_UINT && is.type == GUARD_UINT
                 && is.u <= POD_DRAINING;
    assert(sound);
    x->item = instance.u;
    x->bytes = (struct bin){&records[is.u], 1};
}

// Why a job ended, when the core decided it: beside its STATE stands its JOB.
static const struct effect *find_end(const struct effects *fx, uint64_t job)
{
    for (uint32_t i = 0; i < fx->n; i++)
        if (fx->list[i].type == EFFECT_JOB && fx->list[i].job == job)
            return &fx->list[i];
    return NULL;
}

// The final document, and the columns of the job's row.
static void state_entry(struct shell *s, struct journal_entry *x)
{
    struct arena *a = s->turn->arena;
    struct docket *r = docket_get(s, x->job);
    const struct effect *end = find_end(shell_fx(s), x->job);
    if (!r || !end)
        return;
    if (!r->document.n || r->document_state != end->state) {
        struct value v = document_ended(s, r, end->state, end->why, a);
        docket_set_document(r, end->state, &v);
    }
    struct journal_job *row = arena_alloc(a, sizeof *row);
    *row = (struct journal_job){
        .state = end->state, .ended = r->ended, .n_items = r->n_items, .n_failed = r->n_failed};
    x->row = row;
    x->bytes = (struct bin){arena_copy(a, r->document.p, r->document.n), r->document.n};
}

static struct journal_entry entry_of(struct shell *s, const struct effect *e)
{
    struct journal_entry x = {.job = e->job, .kind = e->kind, .bytes = e->bytes};
    switch (e->kind) {
    case JOURNAL_SUBMIT: // the row stands where its bytes would
        x.row = (const void *)e->bytes.p;
        x.bytes = (struct bin){0};
        break;
    case JOURNAL_STATE:
        state_entry(s, &x);
        break;
    case JOURNAL_POD:
        pod_entry(&x, e->bytes);
        break;
    case JOURNAL_LOG: // the item's number stands before its bytes
    case JOURNAL_META:
        memcpy(&x.item, e->bytes.p, sizeof x.item);
        x.bytes.p += sizeof x.item;
        x.bytes.n -= (uint32_t)sizeof x.item;
        break;
    default:
        break;
    }
    return x;
}

static void hand_over(struct shell *s, struct turn *t, uint32_t n)
{
    struct journal_entry *list = arena_alloc(t->arena, n * sizeof *list);
    uint32_t k = 0;
    for (uint32_t i = 0; i < t->fx.n; i++)
        if (t->fx.list[i].type == EFFECT_JOURNAL)
            list[k++] = entry_of(s, &t->fx.list[i]);
    struct journal_batch b = {
        .entries = list, .n = n, .durability = t->fx.durability, .lazy = t->lazy && n == 1};
    t->number = s->handed = journal_hand_over(s->journal, &b);
}

// ---- the turn's end ------------------------------------------------------------------

static bool leaves_at_once(const struct effect *e)
{
    return e->type == EFFECT_SEND && !e->after;
}

static void release_effect(struct shell *s, const struct effect *e)
{
    struct docket *r;
    switch (e->type) {
    case EFFECT_SEND:
        if (e->after)
            turn_send(s, e->peer, e->message);
        break;
    case EFFECT_TELL:
        r = docket_get(s, e->job);
        if (e->after && r && r->live)
            drive_tell(s, r, &e->outcome);
        break;
    case EFFECT_JOB:
        r = docket_get(s, e->job);
        if (r)
            docket_ended(s, r, e->state, e->why);
        break;
    case EFFECT_REOPENED:
        r = docket_get(s, e->job);
        if (e->after && r && r->live)
            drive_reopened(r);
        break;
    case EFFECT_CHANGED:
        r = docket_get(s, e->job);
        if (r && r->live)
            watch_changed(s, r);
        break;
    default:
        break;
    }
}

static void release(struct shell *s, struct turn *t)
{
    for (uint32_t i = 0; i < t->fx.n; i++)
        release_effect(s, &t->fx.list[i]);
    recycle(s, t);
}

// Outcomes for drivers that need not wait for the commit: so a result and the end
// that it brings about are one commit.
static void tell_early(struct shell *s, uint32_t from)
{
    struct effects *fx = shell_fx(s);
    struct docket *r = NULL; // of the effect before
    for (uint32_t i = from; i < fx->n; i++) {
        struct effect *e = &fx->list[i];
        if (e->type != EFFECT_TELL && e->type != EFFECT_REOPENED)
            continue;
        if (!r || r->number != e->job)
            r = docket_get(s, e->job);
        if (!r || !r->live || !r->live->plan->driver->knows_all_items)
            continue;
        e->after = false; // done
        if (e->type == EFFECT_TELL)
            drive_tell(s, r, &e->outcome);
        else
            drive_reopened(r);
    }
    drive_steps(s);
}

void turn_end(struct shell *s)
{
    struct turn *t = s->turn;
    uint32_t n_writes = 0;
    tell_early(s, 0);
    uint32_t n = t->fx.n;
    turn_event(s, &(struct event){.type = EVENT_TURN_END});
    tell_early(s, n);
    for (uint32_t i = 0; i < t->fx.n; i++)
        n_writes += t->fx.list[i].type == EFFECT_JOURNAL;
    if (n_writes && !s->recovering)
        hand_over(s, t, n_writes);
    for (uint32_t i = 0; i < t->n_questions; i++)
        journal_ask(s->journal, &t->questions[i]);
    for (uint32_t i = 0; i < t->fx.n; i++)
        if (leaves_at_once(&t->fx.list[i]))
            turn_send(s, t->fx.list[i].peer, t->fx.list[i].message);
    s->n_effects = t->fx.n;
    s->turn = NULL;
    if (!t->number && !s->waiting) {
        release(s, t);
        return;
    }
    t->next = NULL;
    *s->waiting_end = t;
    s->waiting_end = &t->next;
}

void turn_release_committed(struct shell *s)
{
    while (s->waiting && s->waiting->number <= s->committed) {
        struct turn *t = s->waiting;
        s->waiting = t->next;
        if (!s->waiting)
            s->waiting_end = &s->waiting;
        release(s, t);
    }
}

void turn_trim(struct shell *s)
{
    for (struct turn *t = s->spare, *next; t; t = next) {
        next = t->next;
        turn_destroy(t);
    }
    s->spare = NULL;
}

void turn_fini(struct shell *s)
{
    turn_trim(s);
    for (struct turn *t = s->waiting, *next; t; t = next) {
        next = t->next;
        turn_destroy(t);
    }
    if (s->turn)
        turn_destroy(s->turn);
}
