// SPDX-License-Identifier: MIT
// journal_read.c - rows back to entries.
#include <stdint.h>
#include <string.h>

#include <sqlite3.h>

#include "common/log.h"
#include "common/mem.h"
#include "coordinator/journal_state.h"

static struct bin column_bytes(sqlite3_stmt *s, int i)
{
    const void *p = sqlite3_column_blob(s, i);
    return (struct bin){p, p ? (uint32_t)sqlite3_column_bytes(s, i) : 0};
}

static const char *column_text(sqlite3_stmt *s, int i)
{
    const unsigned char *p = sqlite3_column_text(s, i);
    return p ? (const char *)p : "";
}

typedef enum error (*row_fn)(void *ctx, sqlite3_stmt *s);

static enum error
each_row(struct journal *j, sqlite3_stmt *s, row_fn fn, void *ctx, struct errtext *t)
{
    enum error e = OK;
    int code = SQLITE_DONE;
    while (!e && (code = sqlite3_step(s)) == SQLITE_ROW)
        e = fn(ctx, s);
    if (!e && code != SQLITE_DONE)
        e = journal_error(j, t);
    (void)sqlite3_finalize(s);
    return e;
}

static enum error
prepare(struct journal *j, const char *sql, sqlite3_stmt **out, struct errtext *t)
{
    return sqlite3_prepare_v2(j->db, sql, -1, out, NULL) ? journal_error(j, t) : OK;
}

struct job_reader {
    journal_job_fn fn;
    void *ctx;
};

#define JOB_COLUMNS                                                                            \
    "SELECT number, first_seq, ended_seq, submitted, ended, state, items, failed, id, name,"   \
    " kind, workload, owner, file, text, files FROM job"

static enum error job_row(void *ctx, sqlite3_stmt *s)
{
    const struct job_reader *r = ctx;
    struct journal_job x = {
        .number = (uint64_t)sqlite3_column_int64(s, 0),
        .first_seq = (uint64_t)sqlite3_column_int64(s, 1),
        .ended_seq = (uint64_t)sqlite3_column_int64(s, 2),
        .submitted = sqlite3_column_int64(s, 3),
        .ended = sqlite3_column_int64(s, 4),
        .state = (enum job_state)sqlite3_column_int(s, 5),
        .n_items = (uint64_t)sqlite3_column_int64(s, 6),
        .n_failed = (uint64_t)sqlite3_column_int64(s, 7),
        .id = column_text(s, 8),
        .name = column_text(s, 9),
        .kind = column_text(s, 10),
        .workload = column_text(s, 11),
        .owner = column_text(s, 12),
        .file = column_text(s, 13),
        .text = column_bytes(s, 14),
        .files = column_bytes(s, 15),
    };
    return r->fn(r->ctx, &x);
}

enum error journal_read_jobs(struct journal *j, journal_job_fn fn, void *ctx, struct errtext *t)
{
    struct job_reader r = {fn, ctx};
    sqlite3_stmt *s;
    enum error e = prepare(j, JOB_COLUMNS " ORDER BY number", &s, t);
    return e ? e : each_row(j, s, job_row, &r, t);
}

struct entry_reader {
    journal_entry_fn fn;
    void *ctx;
};

// A row that does not add up is left out, loudly: one bad record must not stop a start.
static enum error entry_row(void *ctx, sqlite3_stmt *s)
{
    const struct entry_reader *r = ctx;
    struct journal_entry x = {
        .item = (uint64_t)sqlite3_column_int64(s, 0),
        .job = (uint64_t)sqlite3_column_int64(s, 1),
        .kind = (enum journal_kind)sqlite3_column_int(s, 2),
    };
    struct bin row = column_bytes(s, 3);
    enum error e = OK;
    for (uint32_t at = 0, n; !e && at < row.n; at += n) {
        n = row.n - at >= 4
                ? (uint32_t)row.p[at] | (uint32_t)row.p[at + 1] << 8
                      | (uint32_t)row.p[at + 2] << 16 | (uint32_t)row.p[at + 3] << 24
                : UINT32_MAX;
        at += 4;
        if (n > row.n - at) {
            LOG_WARN("journal.bad_row", "seq=%llu job=%llu", (unsigned long long)x.item,
                     (unsigned long long)x.job);
            break;
        }
        x.bytes = (struct bin){row.p + at, n};
        e = r->fn(r->ctx, &x);
    }
    return e;
}

enum error journal_read_entries(struct journal *j,
                                const struct journal_range *g,
                                journal_entry_fn fn,
                                void *ctx,
                                struct errtext *t)
{
    struct entry_reader r = {fn, ctx};
    sqlite3_stmt *s;
    // `bytes` last: SQLite does not touch them in rows that it passes over.
    enum error e = prepare(j,
                           "SELECT seq, job, kind, bytes FROM entry WHERE seq >= ?1 AND"
                           " seq <= ?2 AND (?3 = 0 OR job = ?3) AND (?4 = 0 OR kind = ?4)"
                           " ORDER BY seq",
                           &s, t);
    if (e)
        return e;
    (void)sqlite3_bind_int64(s, 1, (int64_t)g->from);
    (void)sqlite3_bind_int64(s, 2, g->to ? (int64_t)g->to : INT64_MAX);
    (void)sqlite3_bind_int64(s, 3, (int64_t)g->job);
    (void)sqlite3_bind_int(s, 4, (int)g->kind);
    return each_row(j, s, entry_row, &r, t);
}

static enum error pod_row(void *ctx, sqlite3_stmt *s)
{
    const struct entry_reader *r = ctx;
    uint8_t is = sqlite3_column_int(s, 1) ? POD_DRAINING : POD_HERE;
    struct journal_entry x = {
        .kind = JOURNAL_POD, .item = (uint64_t)sqlite3_column_int64(s, 0), .bytes = {&is, 1}};
    return r->fn(r->ctx, &x);
}

enum error
journal_read_pods(struct journal *j, journal_entry_fn fn, void *ctx, struct errtext *t)
{
    struct entry_reader r = {fn, ctx};
    sqlite3_stmt *s;
    enum error e = prepare(j, "SELECT instance, draining FROM pod ORDER BY instance", &s, t);
    return e ? e : each_row(j, s, pod_row, &r, t);
}

enum error
journal_read_meta(struct journal *j, enum journal_meta m, struct arena *a, struct bin *out)
{
    sqlite3_stmt *s;
    if (m != META_CATALOG)
        return ERR_NOT_FOUND;
    enum error e = prepare(j, "SELECT value FROM meta WHERE key = 'catalog'", &s, NULL);
    if (e)
        return e;
    e = ERR_NOT_FOUND;
    if (sqlite3_step(s) == SQLITE_ROW) {
        struct bin b = column_bytes(s, 0);
        *out = (struct bin){arena_copy(a, b.p, b.n), b.n};
        e = OK;
    }
    (void)sqlite3_finalize(s);
    return e;
}

// ---- answers ---------------------------------------------------------------------

struct collector {
    struct journal_event *event;
    uint32_t cap;
    size_t n_bytes;
    size_t bytes_max;
};

static enum error collect(void *ctx, const struct journal_entry *x)
{
    struct collector *c = ctx;
    struct journal_event *e = c->event;
    if (c->bytes_max && c->n_bytes + x->bytes.n > c->bytes_max) {
        e->truncated = true;
        return ERR_LIMIT;
    }
    c->n_bytes += x->bytes.n;
    if (e->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 16;
        e->entries = mem_realloc(e->entries, c->cap * sizeof *e->entries);
    }
    e->entries[e->n] = *x;
    e->entries[e->n++].bytes.p = arena_copy(e->arena, x->bytes.p, x->bytes.n);
    return OK;
}

static enum error log_row(void *ctx, sqlite3_stmt *s)
{
    struct journal_entry x = {
        .kind = JOURNAL_LOG,
        .job = (uint64_t)sqlite3_column_int64(s, 0),
        .item = (uint64_t)sqlite3_column_int64(s, 1),
        .bytes = column_bytes(s, 2),
    };
    return collect(ctx, &x);
}

// From the newest back, so that what does not fit is the oldest; then turned round.
static enum error
read_log(struct journal *j, const struct journal_range *g, struct collector *c)
{
    sqlite3_stmt *s;
    enum error e = prepare(j,
                           "SELECT job, item, bytes FROM log WHERE job = ?1 AND item >= ?2 AND"
                           " item <= ?3 ORDER BY item DESC, seq DESC",
                           &s, NULL);
    if (e)
        return e;
    (void)sqlite3_bind_int64(s, 1, (int64_t)g->job);
    (void)sqlite3_bind_int64(s, 2, (int64_t)g->from);
    (void)sqlite3_bind_int64(s, 3, g->to < INT64_MAX ? (int64_t)g->to : INT64_MAX);
    e = each_row(j, s, log_row, c, NULL);
    for (uint32_t i = 0, k = c->event->n; i + 1 < k; i++) {
        struct journal_entry x = c->event->entries[i];
        c->event->entries[i] = c->event->entries[--k];
        c->event->entries[k] = x;
    }
    return e;
}

static enum error copy_job(void *ctx, const struct journal_job *x)
{
    struct journal_event *e = ctx;
    struct arena *a = e->arena;
    e->job = arena_copy(a, x, sizeof *x);
    e->job->id = arena_str(a, x->id, strlen(x->id));
    e->job->name = arena_str(a, x->name, strlen(x->name));
    e->job->kind = arena_str(a, x->kind, strlen(x->kind));
    e->job->workload = arena_str(a, x->workload, strlen(x->workload));
    e->job->owner = arena_str(a, x->owner, strlen(x->owner));
    e->job->file = arena_str(a, x->file, strlen(x->file));
    e->job->text.p = arena_copy(a, x->text.p, x->text.n);
    e->job->files.p = arena_copy(a, x->files.p, x->files.n);
    return OK;
}

static enum error
read_job(struct journal *j, const struct journal_question *q, struct collector *c)
{
    struct job_reader r = {copy_job, c->event};
    sqlite3_stmt *s;
    enum error e = prepare(j, JOB_COLUMNS " WHERE number = ?1", &s, NULL);
    if (e)
        return e;
    (void)sqlite3_bind_int64(s, 1, (int64_t)q->range.job);
    e = each_row(j, s, job_row, &r, NULL);
    const struct journal_job *x = c->event->job;
    if (e || !x)
        return e;
    struct journal_range g = {.job = x->number, .from = x->first_seq};
    if (q->source == FROM_STATE) {
        if (!x->ended_seq)
            return OK;
        g.from = g.to = x->ended_seq;
    }
    return journal_read_entries(j, &g, collect, c, NULL);
}

struct journal_event *journal_answer(struct journal *j, const struct journal_question *q)
{
    struct journal_event *e = mem_alloc(sizeof *e);
    struct collector c = {.event = e, .bytes_max = q->bytes_max};
    e->type = JOURNAL_ANSWER;
    e->cookie = q->cookie;
    e->arena = arena_create();
    e->error = q->source == FROM_LOG ? read_log(j, &q->range, &c) : read_job(j, q, &c);
    if (e->truncated)
        e->error = OK;
    return e;
}
