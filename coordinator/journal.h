// SPDX-License-Identifier: MIT
// journal.h - what must survive the coordinator, in one SQLite file.
//
// A thread of its own writes: it takes every batch that waits into one
// transaction (group commit), as durable as the strongest of them asks, and says
// the number of the last one committed.  A full disk loses nothing: the thread
// keeps what it was given, tries again twice a second, and says so.  Before the
// thread starts, the same connection is read from for recovery; afterwards the
// thread answers questions, in order with the batches.
//
// Entries of the same job and kind that follow one another share a row.
//
// Ownership  A batch's memory is lent until an event says its number, or
//            journal_close returned.  Events are the receiver's:
//            journal_event_free.
// Threads    open, read and start: one thread; then hand_over, ask and close:
//            the same one.  Events come by the mailbox.

#ifndef COORDINATOR_JOURNAL_H
#define COORDINATOR_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/mailbox.h"
#include "coordinator/event.h"

struct journal;

// A submission.  Strings are NUL-terminated.
struct journal_job {
    uint64_t number;
    const char *id;
    const char *name;
    const char *kind;
    const char *workload;
    const char *owner;
    int64_t submitted; // Unix time, nanoseconds
    const char *file;  // the job file's name, for messages
    struct bin text;   // and its content
    struct bin files;  // packed list of its attachments
    // How it ended: given with STATE, read back.
    enum job_state state;
    int64_t ended; // Unix time, nanoseconds
    uint64_t n_items;
    uint64_t n_failed;
    // Read back
    uint64_t first_seq; // none of its entries is older
    uint64_t ended_seq; // of its last STATE; 0: open
};

// META's items.
enum journal_meta { META_CATALOG = 1, META_NUMBERS = 2 };

struct journal_entry {
    uint64_t job;
    enum journal_kind kind;
    // LOG: the item.  POD: the instance; one byte, an enum pod_record.  META: which.
    // Read back from `entry`: its sequence number.
    uint64_t item;
    struct bin bytes;
    const struct journal_job *row; // SUBMIT; STATE: how it ended
};

struct journal_batch {
    const struct journal_entry *entries;
    uint32_t n;
    enum durability durability;
    bool lazy; // may wait some milliseconds for another batch to share its commit
};

struct journal_options {
    const char *path;       // of the database; its directory exists
    struct mailbox *events; // where struct journal_event go
    int64_t retry_ns;       // between attempts while the disk is full
};

// Opens or creates, migrates, and commits a new incarnation.  ERR_UNSUPPORTED: the
// file is of a newer release; ERR_BUSY: another process has it; ERR_IO.
MUST_CHECK enum error
journal_open(const struct journal_options *o, struct journal **out, struct errtext *t);
void journal_close(struct journal *j); // what was handed over is committed first; NULL is fine

// Job numbers set aside at every opening, so that those of jobs that were never
// recorded (durability none) do not come again.
enum { JOURNAL_NUMBERS = 65536 };

uint64_t journal_incarnation(const struct journal *j);
uint64_t journal_salt(const struct journal *j); // random, made with the file
// Job numbers from here on were never given; META_NUMBERS reserves more.
uint64_t journal_first_number(const struct journal *j);

// ---- recovery, before journal_start --------------------------------------------

typedef enum error (*journal_job_fn)(void *ctx, const struct journal_job *job);
typedef enum error (*journal_entry_fn)(void *ctx, const struct journal_entry *entry);

// Which entries; 0: all.
struct journal_range {
    uint64_t job;
    enum journal_kind kind;
    uint64_t from; // sequence numbers, both included
    uint64_t to;
};

// In order of submission, of sequence; a callback's error ends it and is returned.
MUST_CHECK enum error
journal_read_jobs(struct journal *j, journal_job_fn fn, void *ctx, struct errtext *t);
MUST_CHECK enum error journal_read_entries(struct journal *j,
                                           const struct journal_range *r,
                                           journal_entry_fn fn,
                                           void *ctx,
                                           struct errtext *t);
MUST_CHECK enum error
journal_read_pods(struct journal *j, journal_entry_fn fn, void *ctx, struct errtext *t);
// ERR_NOT_FOUND.
MUST_CHECK enum error
journal_read_meta(struct journal *j, enum journal_meta m, struct arena *a, struct bin *out);

// ---- the thread -----------------------------------------------------------------

void journal_start(struct journal *j);
// Its number: 1, 2, …  Committed when an event says this number or a later one.
uint64_t journal_hand_over(struct journal *j, const struct journal_batch *b);

enum journal_source {
    FROM_JOB,   // its row and all of its entries
    FROM_STATE, // its last STATE
    FROM_LOG,   // job, and `from` ≤ item ≤ `to`
};

struct journal_question {
    void *cookie; // comes back with the answer
    enum journal_source source;
    struct journal_range range;
    size_t bytes_max; // the oldest of what is more are left out
};
void journal_ask(struct journal *j, const struct journal_question *q);

enum journal_event_type { JOURNAL_COMMITTED, JOURNAL_FULL, JOURNAL_ROOM, JOURNAL_ANSWER };

struct journal_event {
    enum journal_event_type type;
    uint64_t number;         // COMMITTED
    char why[128];           // FULL
    void *cookie;            // ANSWER
    struct arena *arena;     // of what follows
    struct journal_job *job; // FROM_JOB; NULL: no such row
    struct journal_entry *entries;
    uint32_t n;
    bool truncated;
    enum error error; // ERR_IO: the answer could not be read
};
void journal_event_free(struct journal_event *e);

#endif
