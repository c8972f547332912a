// SPDX-License-Identifier: MIT
// journal_write.c - batches to rows.
#include <assert.h>
#include <string.h>

#include <sqlite3.h>

#include "coordinator/journal_state.h"

// A row is closed when it holds so much: it keeps what one read brings in small,
// and a row costs some 20 bytes beside its content.
enum { ROW_BYTES = 64 * 1024 };

static const char *const sql[N_STATEMENTS] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_ENTRY] = "INSERT INTO entry VALUES (?1, ?2, ?3, ?4)",
    [STATEMENT_SUBMIT] =
        "INSERT INTO job (number, first_seq, submitted, id, name, kind, workload,"
        " owner, file, text, files)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [STATEMENT_ENDED] = "UPDATE job SET ended_seq = ?2, state = ?3, ended = ?4, items = ?5,"
                        " failed = ?6 WHERE number = ?1",
    [STATEMENT_POD_COME] = "INSERT OR REPLACE INTO pod VALUES (?1, ?2)",
    [STATEMENT_POD_GONE] = "DELETE FROM pod WHERE instance = ?1",
    [STATEMENT_LOG] = "INSERT INTO log (job, item, bytes) VALUES (?1, ?2, ?3)",
    [STATEMENT_META] = "INSERT OR REPLACE INTO meta VALUES (?1, ?2)",
};

enum error journal_prepare(struct journal *j, struct errtext *t)
{
    buf_init(&j->row.bytes, SIZE_MAX / 4);
    for (int i = 0; i < N_STATEMENTS; i++)
        if (sqlite3_prepare_v3(j->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &j->statements[i],
                               NULL))
            return journal_error(j, t);
    return OK;
}

void journal_finalize(struct journal *j)
{
    for (int i = 0; i < N_STATEMENTS; i++)
        (void)sqlite3_finalize(j->statements[i]);
    buf_fini(&j->row.bytes);
}

static enum error run(struct journal *j, enum journal_statement which, struct errtext *t)
{
    sqlite3_stmt *s = j->statements[which];
    enum error e = sqlite3_step(s) == SQLITE_DONE ? OK : journal_error(j, t);
    (void)sqlite3_reset(s);
    return e;
}

static sqlite3_stmt *
bind(struct journal *j, enum journal_statement which, uint64_t first, uint64_t second)
{
    sqlite3_stmt *s = j->statements[which];
    (void)sqlite3_bind_int64(s, 1, (int64_t)first);
    if (sqlite3_bind_parameter_count(s) > 1)
        (void)sqlite3_bind_int64(s, 2, (int64_t)second);
    return s;
}

// An empty blob, not NULL, when there are no bytes.  Borrowed until the statement ran.
static void bind_bytes(sqlite3_stmt *s, int at, const void *p, size_t n)
{
    (void)sqlite3_bind_blob64(s, at, n ? p : "", n, SQLITE_STATIC);
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
    (void)sqlite3_bind_text(s, at, text ? text : "", -1, SQLITE_STATIC);
}

static enum error flush(struct journal *j, struct errtext *t)
{
    struct journal_row *r = &j->row;
    if (!r->bytes.n)
        return OK;
    sqlite3_stmt *s = bind(j, STATEMENT_ENTRY, j->next_seq, r->job);
    (void)sqlite3_bind_int(s, 3, (int)r->kind);
    bind_bytes(s, 4, r->bytes.bytes, r->bytes.n);
    enum error e = run(j, STATEMENT_ENTRY, t);
    j->next_seq++;
    buf_reset(&r->bytes);
    return e;
}

static enum error add(struct journal *j, const struct journal_entry *x, struct errtext *t)
{
    struct journal_row *r = &j->row;
    enum error e = OK;
    if (r->job != x->job || r->kind != x->kind || r->bytes.n + x->bytes.n > ROW_BYTES)
        e = flush(j, t);
    uint8_t length[4];
    for (int i = 0; i < 4; i++)
        length[i] = (uint8_t)(x->bytes.n >> (8 * i));
    r->job = x->job;
    r->kind = x->kind;
    buf_put(&r->bytes, length, sizeof length);
    buf_put(&r->bytes, x->bytes.p, x->bytes.n);
    return e;
}

// STATE ends its job, RETRY and EXTEND open it again.
static enum error add_state(struct journal *j, const struct journal_entry *x, struct errtext *t)
{
    enum error e = flush(j, t);
    if (!e)
        e = add(j, x, t);
    uint64_t seq = j->next_seq;
    if (!e)
        e = flush(j, t);
    if (e)
        return e;
    static const struct journal_job open;
    bool ends = x->kind == JOURNAL_STATE;
    const struct journal_job *how = ends && x->row ? x->row : &open;
    sqlite3_stmt *s = bind(j, STATEMENT_ENDED, x->job, ends ? seq : 0);
    (void)sqlite3_bind_int(s, 3, (int)how->state);
    (void)sqlite3_bind_int64(s, 4, how->ended);
    (void)sqlite3_bind_int64(s, 5, (int64_t)how->n_items);
    (void)sqlite3_bind_int64(s, 6, (int64_t)how->n_failed);
    return run(j, STATEMENT_ENDED, t);
}

static enum error add_job(struct journal *j, const struct journal_job *x, struct errtext *t)
{
    sqlite3_stmt *s = bind(j, STATEMENT_SUBMIT, x->number, j->next_seq);
    (void)sqlite3_bind_int64(s, 3, x->submitted);
    bind_text(s, 4, x->id);
    bind_text(s, 5, x->name);
    bind_text(s, 6, x->kind);
    bind_text(s, 7, x->workload);
    bind_text(s, 8, x->owner);
    bind_text(s, 9, x->file);
    bind_bytes(s, 10, x->text.p, x->text.n);
    bind_bytes(s, 11, x->files.p, x->files.n);
    return run(j, STATEMENT_SUBMIT, t);
}

static enum error
write_entry(struct journal *j, const struct journal_entry *x, struct errtext *t)
{
    sqlite3_stmt *s;
    enum journal_statement pod;
    switch (x->kind) {
    case JOURNAL_SUBMIT:
        return add_job(j, x->row, t);
    case JOURNAL_STATE:
    case JOURNAL_RETRY:
    case JOURNAL_EXTEND:
        return add_state(j, x, t);
    case JOURNAL_POD:
        assert(x->bytes.n == 1);
        pod = x->bytes.p[0] == POD_GONE ? STATEMENT_POD_GONE : STATEMENT_POD_COME;
        (void)bind(j, pod, x->item, x->bytes.p[0] == POD_DRAINING);
        return run(j, pod, t);
    case JOURNAL_LOG:
        s = bind(j, STATEMENT_LOG, x->job, x->item);
        bind_bytes(s, 3, x->bytes.p, x->bytes.n);
        return run(j, STATEMENT_LOG, t);
    case JOURNAL_META:
        s = j->statements[STATEMENT_META];
        bind_text(s, 1, x->item == META_CATALOG ? "catalog" : "numbers");
        if (x->item == META_CATALOG) {
            bind_bytes(s, 2, x->bytes.p, x->bytes.n);
        } else {
            assert(x->bytes.n == sizeof(uint64_t));
            uint64_t numbers;
            memcpy(&numbers, x->bytes.p, sizeof numbers);
            (void)sqlite3_bind_int64(s, 2, (int64_t)numbers);
        }
        return run(j, STATEMENT_META, t);
    default:
        return add(j, x, t);
    }
}

static enum error
write_batch(struct journal *j, const struct journal_batch *b, struct errtext *t)
{
    enum error e = OK;
    for (uint32_t i = 0; !e && i < b->n; i++)
        e = write_entry(j, &b->entries[i], t);
    return e;
}

// Outside of a transaction.
static enum error set_durability(struct journal *j, enum durability d, struct errtext *t)
{
    if (d < DURABILITY_NORMAL)
        d = DURABILITY_NORMAL;
    if (d == j->durability)
        return OK;
    j->durability = d;
    return journal_sql(
        j, d == DURABILITY_FULL ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
        t);
}

enum error journal_begin(struct journal *j, enum durability d, struct errtext *t)
{
    enum error e = set_durability(j, d, t);
    j->seq_before = j->next_seq;
    return e ? e : run(j, STATEMENT_BEGIN, t);
}

enum error
journal_put(struct journal *j, struct handed *const *batches, uint32_t n, struct errtext *t)
{
    enum error e = OK;
    for (uint32_t i = 0; !e && i < n; i++)
        e = write_batch(j, &batches[i]->batch, t);
    return e;
}

enum error journal_commit(struct journal *j, struct errtext *t)
{
    enum error e = flush(j, t);
    return e ? e : run(j, STATEMENT_COMMIT, t);
}

void journal_undo(struct journal *j)
{
    assert(sqlite3_errcode(j->db) != SQLITE_CONSTRAINT); // numbers are given once
    // Some failures have rolled back already.
    if (!sqlite3_get_autocommit(j->db))
        (void)run(j, STATEMENT_ROLLBACK, NULL);
    buf_reset(&j->row.bytes);
    j->next_seq = j->seq_before;
}
