// SPDX-License-Identifier: MIT
// journal_state.h - the journal's connection and its parts, for journal*.c only.
//
// Threads    The connection is used by the opener until journal_start, by the
//            journal's thread afterwards.

#ifndef COORDINATOR_JOURNAL_STATE_H
#define COORDINATOR_JOURNAL_STATE_H

#include <pthread.h>

#include "common/buf.h"
#include "coordinator/journal.h"

struct sqlite3;
struct sqlite3_stmt;

enum journal_statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_ENTRY,
    STATEMENT_SUBMIT,
    STATEMENT_ENDED,
    STATEMENT_POD_COME,
    STATEMENT_POD_GONE,
    STATEMENT_LOG,
    STATEMENT_META,
    N_STATEMENTS,
};

// A row of `entry` being filled: records of one job and kind, each behind its
// length (u32, little endian).
struct journal_row {
    uint64_t job;
    enum journal_kind kind;
    struct buf bytes; // empty: none
};

struct journal {
    struct sqlite3 *db;
    struct sqlite3_stmt *statements[N_STATEMENTS];
    uint64_t incarnation;
    uint64_t salt;
    uint64_t first_number;
    uint64_t next_seq;
    uint64_t seq_before;        // the open transaction
    enum durability durability; // that `synchronous` is set for
    struct journal_row row;
    int wal_pages;      // in the write-ahead log
    int wal_fd;         // its file, -1: none
    int64_t wal_bytes;  // of the file, with the room behind the log
    uint64_t n_handed;  // the caller's
    struct mailbox *in; // struct handed *
    struct mailbox *events;
    int64_t retry_ns;
    pthread_t thread;
    bool started;
    _Atomic bool closing;
};

enum handed_type { HANDED_BATCH, HANDED_QUESTION, HANDED_STOP };

struct handed {
    enum handed_type type;
    uint64_t number;
    struct journal_batch batch;
    struct journal_question question;
};

// journal_schema.c: tables up to date, a new incarnation; all committed.
MUST_CHECK enum error journal_migrate(struct journal *j, const char *path, struct errtext *t);
// A statement that returns nothing, or text in *t and ERR_IO (ERR_BUSY, ERR_LIMIT: full).
MUST_CHECK enum error journal_sql(struct journal *j, const char *sql, struct errtext *t);
MUST_CHECK enum error journal_error(struct journal *j, struct errtext *t);

// journal_room.c
void journal_room_open(struct journal *j, const char *path);
void journal_room_make(struct journal *j);
void journal_room_close(struct journal *j);

// journal_write.c: begin, put any number of times, commit; undo after a failure of
// any of them (and instead of a commit): then nothing was written.
MUST_CHECK enum error journal_prepare(struct journal *j, struct errtext *t);
MUST_CHECK enum error journal_begin(struct journal *j, enum durability d, struct errtext *t);
MUST_CHECK enum error
journal_put(struct journal *j, struct handed *const *batches, uint32_t n, struct errtext *t);
MUST_CHECK enum error journal_commit(struct journal *j, struct errtext *t);
void journal_undo(struct journal *j);
void journal_finalize(struct journal *j);

// journal_read.c
struct journal_event *journal_answer(struct journal *j, const struct journal_question *q);

#endif
