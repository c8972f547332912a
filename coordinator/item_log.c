// SPDX-License-Identifier: MIT
// item_log.c - what items print: kept (bounded), and passed on to who follows.  Items
// have the numbers that users know, which begin at the job's `first`.
#include <inttypes.h>
#include <string.h>

#include "coordinator/shell_state.h"

enum {
    LOG_JOB_MAX = 64 * 1024 * 1024, // kept of one job
    LOG_READ_MAX = 4 * 1024 * 1024, // shown of it at a time, the newest
    LOG_HELD_MAX = 1024 * 1024,     // for a follower, while the journal reads
};

static bool concerns(const struct follow *f, uint64_t job, uint64_t item)
{
    return f->job == job && (f->item == UINT64_MAX || f->item == item);
}

static void put_piece(struct arena *a, struct value *list, uint64_t item, struct bin bytes)
{
    struct value m = value_map();
    (void)value_set(a, &m, "item", value_uint(item));
    (void)value_set(a, &m, "bytes", value_bin(a, bytes.p, bytes.n));
    (void)value_push(a, list, m);
}

static void
say(struct shell *s, const struct follow *f, struct value list, bool truncated, bool more)
{
    struct arena *a = arena_create();
    struct value v = value_map();
    (void)value_set(a, &v, "logs", list);
    (void)value_set(a, &v, "truncated", value_bool(truncated));
    api_reply(s, f->peer, f->id, &v, more);
    arena_destroy(a);
}

static void
say_piece(struct shell *s, const struct follow *f, uint64_t item, struct bin bytes, bool more)
{
    struct arena *a = arena_create();
    struct value list = value_list();
    if (bytes.n)
        put_piece(a, &list, item, bytes);
    say(s, f, list, false, more);
    arena_destroy(a);
}

static void follow_destroy(struct shell *s, struct follow *f)
{
    struct follow **at = &s->follows;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    buf_fini(&f->held);
    mem_free(f);
}

// Held pieces: item, length, bytes.
static void hold(struct follow *f, uint64_t item, struct bin bytes)
{
    uint64_t head[2] = {item, bytes.n};
    if (f->held.n + sizeof head + bytes.n > LOG_HELD_MAX)
        return; // best effort
    buf_put(&f->held, head, sizeof head);
    buf_put(&f->held, bytes.p, bytes.n);
}

static void pass_on(struct shell *s, const struct msg_log *m)
{
    for (struct follow *f = s->follows, *next; f; f = next) {
        next = f->next;
        if (!concerns(f, m->job, m->item))
            continue;
        bool ends = m->last && f->item == m->item;
        if (f->reading) {
            // What came in the question's own turn is in the journal before it.
            if (s->now != f->asked)
                hold(f, m->item, m->bytes);
            f->ended |= ends;
            continue;
        }
        say_piece(s, f, m->item, m->bytes, !ends);
        if (ends)
            follow_destroy(s, f);
    }
}

static void keep(struct shell *s, struct docket *r, const struct msg_log *m)
{
    if (!m->bytes.n || r->log_bytes + m->bytes.n > LOG_JOB_MAX)
        return;
    r->log_bytes += m->bytes.n;
    uint32_t n = (uint32_t)sizeof m->item + m->bytes.n;
    uint8_t *bytes = arena_alloc(s->turn->arena, n);
    memcpy(bytes, &m->item, sizeof m->item);
    memcpy(bytes + sizeof m->item, m->bytes.p, m->bytes.n);
    turn_journal(s, r->number, JOURNAL_LOG, (struct bin){bytes, n}, DURABILITY_NONE);
    if (r->log_bytes + 4096 > LOG_JOB_MAX)
        LOG_WARN("log.limit", "job=%s: no more of its output is kept", r->id);
}

void item_log_message(struct shell *s, const struct msg_log *m)
{
    struct docket *r = docket_get(s, m->job);
    if (!r)
        return;
    struct msg_log numbered = *m;
    numbered.item += r->first;
    keep(s, r, &numbered);
    pass_on(s, &numbered);
}

// ---- reading -------------------------------------------------------------------------

// Neighbours of one item are joined.
static struct value pieces(const struct journal_event *e, struct arena *a)
{
    struct value list = value_list();
    struct buf b;
    buf_init(&b, LOG_READ_MAX * 2);
    for (uint32_t i = 0; i < e->n; i++) {
        buf_put(&b, e->entries[i].bytes.p, e->entries[i].bytes.n);
        if (i + 1 < e->n && e->entries[i + 1].item == e->entries[i].item)
            continue;
        put_piece(a, &list, e->entries[i].item, (struct bin){b.bytes, (uint32_t)b.n});
        buf_reset(&b);
    }
    buf_fini(&b);
    return list;
}

static struct follow *find_reader(const struct shell *s, const struct pending *p)
{
    for (struct follow *f = s->follows; f; f = f->next)
        if (f->peer == p->peer && f->id == p->id)
            return f;
    return NULL;
}

static void release_held(struct shell *s, struct follow *f)
{
    f->reading = false;
    for (size_t at = 0; at < f->held.n;) {
        uint64_t head[2];
        memcpy(head, f->held.bytes + at, sizeof head);
        at += sizeof head;
        say_piece(s, f, head[0], (struct bin){f->held.bytes + at, (uint32_t)head[1]}, true);
        at += head[1];
    }
    buf_fini(&f->held);
    if (!f->ended)
        return;
    say_piece(s, f, 0, (struct bin){0}, false);
    follow_destroy(s, f);
}

static void answered(struct shell *s, struct pending *p, struct journal_event *e)
{
    struct follow *f = find_reader(s, p);
    struct follow once = {.peer = p->peer, .id = p->id};
    if (e->error)
        api_fail(s, p->peer, p->id, e->error, "the journal could not be read");
    else
        say(s, f ? f : &once, pieces(e, e->arena), e->truncated, f != NULL);
    if (f && e->error)
        follow_destroy(s, f);
    else if (f)
        release_held(s, f);
}

void item_log_read(const struct call *c, struct docket *r, uint64_t item, bool follow)
{
    struct shell *s = c->shell;
    struct pending *p = api_pend(c, r->number);
    p->answered = answered;
    if (follow && r->live) {
        struct follow *f = mem_alloc(sizeof *f);
        f->peer = c->peer;
        f->id = c->id;
        f->job = r->number;
        f->item = item;
        f->reading = true;
        f->asked = s->now;
        buf_init(&f->held, LOG_HELD_MAX);
        f->next = s->follows;
        s->follows = f;
    }
    struct journal_question q = {.cookie = p, .source = FROM_LOG, .bytes_max = LOG_READ_MAX};
    q.range.job = r->number;
    q.range.from = item == UINT64_MAX ? 0 : item;
    q.range.to = item;
    turn_ask(s, &q);
}

void item_log_ended(struct shell *s, const struct docket *r)
{
    for (struct follow *f = s->follows, *next; f; f = next) {
        next = f->next;
        if (f->job != r->number)
            continue;
        if (f->reading) {
            f->ended = true;
            continue;
        }
        say_piece(s, f, 0, (struct bin){0}, false);
        follow_destroy(s, f);
    }
}

void item_log_forget(struct shell *s, uint64_t peer)
{
    for (struct follow *f = s->follows, *next; f; f = next) {
        next = f->next;
        if (f->peer == peer)
            follow_destroy(s, f);
    }
}
