// SPDX-License-Identifier: MIT
// shell_state.h - the shell's tables, for the files around shell.h only.
//
//   turn    what one turn of the loop brought forth, until its writes are committed
//   docket  a job as users see it: id, name, state, final document
//   live    the rest of a docket while the job runs: its driver and what it said
//   plan    a job file that was understood (plan.h)
//   call    one request of a client
//
// Threads    The loop's, but for what is said at struct task.

#ifndef COORDINATOR_SHELL_STATE_H
#define COORDINATOR_SHELL_STATE_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mailbox.h"
#include "common/map.h"
#include "common/mem.h"
#include "coordinator/blobs.h"
#include "coordinator/core.h"
#include "coordinator/gate.h"
#include "coordinator/journal.h"
#include "coordinator/plan.h"
#include "coordinator/pool.h"
#include "coordinator/ranges.h"
#include "coordinator/shell.h"
#include "protocol/channel.h"

enum {
    ID_SIZE = 16,
    FAILURES_MAX = 20,              // listed in documents
    DOCUMENT_MAX = 4 * 1024 * 1024, // packed; long lists are blobs
    REPLY_MAX = 15 * 1024 * 1024,   // packed value of a REPLY
};
// Memory is given back when no turn needed much of it for so long.
#define QUIET_NS (2 * CLOCK_SECOND)

struct shell;
struct docket;

// Work for a pool: `pool.run` on its thread, then `done` on the loop's.
struct task {
    struct pool_task pool;
    void (*done)(struct shell *s, struct task *t);
};

struct turn {
    struct turn *next;
    struct arena *arena;
    struct effects fx;
    uint64_t number;                    // of the commit it waits for
    bool lazy;                          // nobody waits for what it writes, if that is one entry
    struct journal_question *questions; // go behind its writes
    uint32_t n_questions, cap_questions;
};

struct failure {
    uint64_t item;
    char *text;
};

// What is to be told after the step that runs.
struct told {
    struct told *next;
    struct outcome outcome;
};

struct extension {
    struct extension *next;
    uint64_t peer, id;
    struct value args; // in live->waiting
};

struct step_task {
    struct task task;
    struct shell *shell;
    struct docket *docket;
    struct driver_output output;
};

struct live {
    struct plan *plan;
    struct step_task step;
    bool stepping; // on the pool: the driver is not ours
    bool step_due;
    bool finishing; // its driver has finished
    struct docket *next_due;
    struct arena *out;     // of the last step's output
    struct arena *waiting; // of what came while stepping
    struct told *told, **told_end;
    struct extension *extensions, **extensions_end;
    uint64_t n_items;
    uint64_t n_expected; // in all, as its driver says
    uint64_t waits_for;
    struct arena *progress_arena;
    struct value progress;
    struct ranges told_failed;
    struct ranges reopened; // of them, to be told anew before the driver goes on
    uint32_t n_reopening;   // retries on their way to the driver
    struct failure failures[FAILURES_MAX];
    uint32_t n_failures;
    uint64_t n_quarantined; // read back after a restart
    // Rate: between the two samples.
    struct {
        int64_t at;
        uint64_t n_done;
    } before, since;
    struct sha256 *blob_hashes; // [output.n_blobs], in `out`
};

struct docket {
    uint64_t number;
    char id[ID_SIZE];
    char *name;
    char *kind;
    char *workload;
    char *owner;
    enum job_state state;
    enum durability durability;
    int64_t submitted; // Unix time, nanoseconds
    int64_t started;   // on our clock, maybe before we were
    int64_t ended;     // Unix time, nanoseconds
    uint64_t first;   // the number of its first item for users; 0: it had ended before we began
    uint64_t n_items; // once ended
    uint64_t n_failed;
    uint64_t log_bytes;
    uint64_t end_number; // its end among all since the start, 0: none
    bool journaled;      // its row is in the journal
    struct bin document; // packed, ours; empty: ask the journal
    enum job_state document_state;
    struct live *live; // NULL once ended
    struct watch *watches;
};

// The jobs that ended last: where one is put the one before falls out.
struct recent {
    struct ended {
        uint64_t number, end_number;
    } * ring;
    uint32_t size;
    uint64_t n;
};

// Somebody who waits for news of a job.
struct watch {
    struct watch *next;
    uint64_t peer, id;
    bool final_only;
    bool dirty;
    int64_t not_before;
};

struct follow {
    struct follow *next;
    uint64_t peer, id;
    uint64_t job;
    uint64_t item; // UINT64_MAX: all
    // While the journal is asked for what came before: what came since.
    bool reading;
    bool ended;
    int64_t asked; // in the turn of this time
    struct buf held;
};

struct call {
    struct shell *shell;
    uint64_t peer;
    uint64_t id;
    enum role role;
    const struct value *args;
    struct arena *a; // the turn's
    struct errtext *t;
};

// A call that waits for the journal or for a catalog.
struct pending {
    struct pending *next; // those that wait for a catalog
    uint64_t peer, id;
    enum role role;
    int64_t until;
    uint64_t job;
    struct arena *arena; // of it and its arguments
    struct value args;
    // An answer of the journal came; frees nothing of it.
    void (*answered)(struct shell *s, struct pending *p, struct journal_event *e);
};

struct shell {
    struct shell_options o;
    char *state_dir;
    char *key_dir;
    int lock; // descriptor
    int signal_fd;
    bool announced; // coordinator.json is written
    bool recovering;
    bool stopping;
    bool disk_full;
    uint32_t ready; // as the channel's wait said
    int64_t now;
    int64_t opened;
    int64_t busy_until; // spin before blocking until then
    int64_t trim_at;    // give memory back: once, when all is quiet
    int64_t drop_at;    // and the code that the start or the last job ran
    struct core *core;
    struct channel *channel;
    struct journal *journal;
    struct mailbox *from_journal;
    struct blobs *blobs;
    struct pool *drivers; // steps
    struct pool *files;   // blobs; one thread
    struct mailbox *from_pools;
    struct gate *gate;       // HTTP; NULL: none
    struct serve_desk *desk; // what is served by it; NULL: nothing yet
    // turns
    struct turn *turn; // the open one
    struct turn *waiting, **waiting_end;
    struct turn *spare;
    uint32_t n_effects; // of the turn before: the next may have as many
    uint64_t handed;    // number of the last batch
    uint64_t committed;
    // jobs
    struct docket **dockets; // by number
    uint32_t n_dockets, cap_dockets;
    struct map docket_by_number;
    struct map docket_by_id; // hash of the id -> docket; ids whose hashes meet are not given
    uint64_t n_ends;
    struct recent with_document, unjournaled;
    struct docket *due, **due_end; // drivers to be stepped
    uint64_t *undropped;           // ended, the core still needs them
    uint32_t n_undropped, cap_undropped;
    uint64_t next_number;
    uint64_t reserved; // numbers below it are reserved in the journal
    // clients
    struct follow *follows;
    struct pending *pending; // submissions that wait for a catalog
    int64_t watch_due;
    // the workloads that any worker announced
    struct arena *catalog_arena;
    struct value catalog;
    struct map catalogs_seen; // hashes of what was merged
    bool catalog_asked;       // the worker program was run
    struct map workers;       // peer -> instance
    struct map refused;       // peers of whom a frame was refused
    uint32_t n_transfers;     // with the thread for files
    uint32_t n_puts;          // of them
    bool any_upload;
};

static inline struct effects *shell_fx(struct shell *s)
{
    return &s->turn->fx;
}

// state_dir.c
MUST_CHECK enum error state_dir_lock(struct shell *s, struct errtext *t);
void state_dir_unlock(struct shell *s);
MUST_CHECK enum error state_dir_announce(struct shell *s, struct errtext *t);

// turn.c
void turn_begin(struct shell *s);
void turn_end(struct shell *s);
void turn_release_committed(struct shell *s);
void turn_event(struct shell *s, const struct event *e); // core_step that cannot be refused
MUST_CHECK enum error turn_request(struct shell *s, struct event *e, struct errtext *t);
void turn_journal(
    struct shell *s, uint64_t job, enum journal_kind kind, struct bin bytes, enum durability d);
void turn_ask(struct shell *s, const struct journal_question *q);
void turn_send(struct shell *s, uint64_t peer, const struct message *m); // at once
void turn_trim(struct shell *s);                                         // gives memory back
void turn_fini(struct shell *s);

// docket.c
struct docket *docket_create(struct shell *s, const char *name);
struct docket *docket_restore(struct shell *s, const struct journal_job *j);
void docket_remove(struct shell *s, struct docket *r); // a submission that was refused
void docket_destroy(struct docket *r);
struct docket *docket_get(const struct shell *s, uint64_t number); // NULL: none
MUST_CHECK enum error
docket_find(const struct shell *s, const char *word, struct docket **out, struct errtext *t);
void docket_set_document(struct docket *r, enum job_state state, const struct value *v);
void docket_ended(struct shell *s, struct docket *r, enum job_state state, const char *why);
void docket_drop_ended(struct shell *s); // out of the core, when it lets go
const char *docket_state_name(enum job_state s);

// document.c
struct value document_row(struct shell *s, const struct docket *r, struct arena *a);
struct value document_status(struct shell *s, const struct docket *r, struct arena *a);
struct value document_done(struct shell *s, struct docket *r, struct arena *a);
struct value document_ended(
    struct shell *s, struct docket *r, enum job_state state, const char *why, struct arena *a);
// Of a running job, or of an ended one from its packed document.
struct value document_final(struct shell *s, const struct docket *r, struct arena *a);
struct value document_unpack(const struct docket *r, struct bin packed, struct arena *a);

// drive.c
void drive_attach(struct shell *s, struct docket *r, struct plan *p); // takes the plan
MUST_CHECK enum error drive_submit(struct shell *s, struct docket *r, struct errtext *t);
void drive_detach(struct docket *r);
void drive_tell(struct shell *s, struct docket *r, const struct outcome *told);
// Which of the next n items the driver answers itself, ascending; NULL: none.
uint64_t *drive_answered(const struct live *l, uint64_t n, struct arena *a, uint64_t *n_out);
void drive_reopen(struct shell *s, struct docket *r);
void drive_reopened(struct docket *r);
void drive_want_step(struct shell *s, struct docket *r);
void drive_steps(struct shell *s); // those that are due
// Replies when the driver has taken it.
MUST_CHECK enum error drive_extend(struct shell *s, struct docket *r, const struct call *c);

// recover.c
MUST_CHECK enum error recover_all(struct shell *s, struct errtext *t);
// An ended job is made anew from what the journal holds of it.
MUST_CHECK enum error recover_one(struct shell *s,
                                  struct docket *r,
                                  const struct journal_event *e,
                                  struct errtext *t);

// transfer.c
void transfer_put(struct shell *s, uint64_t peer, const struct message *m);
void transfer_get(struct shell *s, uint64_t peer, const struct message *m);
void transfer_forget(struct shell *s, uint64_t peer);

// watch.c
void watch_add(struct shell *s, struct docket *r, uint64_t peer, uint64_t id, bool final_only);
void watch_changed(struct shell *s, struct docket *r);
void watch_ended(struct shell *s, struct docket *r);
void watch_flush(struct shell *s); // what is due
void watch_forget(struct shell *s, uint64_t peer);

// item_log.c
void item_log_message(struct shell *s, const struct msg_log *m);
void item_log_read(const struct call *c, struct docket *r, uint64_t item, bool follow);
void item_log_ended(struct shell *s, const struct docket *r);
void item_log_forget(struct shell *s, uint64_t peer);

// workloads.c
void workloads_restore(struct shell *s);
void workloads_merge(struct shell *s, struct bin packed); // of a HELLO
void workloads_ask_program(struct shell *s);              // run the worker program once
MUST_CHECK enum error workloads_of_program(const char *program,
                                           struct arena *a,
                                           struct value *out,
                                           struct errtext *t);
// NULL: none was ever announced.
const struct value *workloads_known(const struct shell *s);

// api.c
struct verb {
    const char *name;
    enum role role;          // at least
    const char *const *args; // NULL-ended
    enum error (*handle)(struct call *c);
};
void api_call(struct shell *s, const struct channel_peer *peer, const struct message *m);
void api_reply(struct shell *s, uint64_t peer, uint64_t id, const struct value *v, bool more);
void api_reply_packed(
    struct shell *s, uint64_t peer, uint64_t id, struct bin packed, bool more);
// When the turn's writes are committed.
void api_reply_after(
    struct shell *s, uint64_t peer, uint64_t id, const struct value *v, bool more);
void api_fail(struct shell *s, uint64_t peer, uint64_t id, enum error e, const char *text);
enum error api_answer(const struct call *c, const struct value *v); // the only reply; OK
// Arguments.  Absent: *out stays; `required` ones are ERR_INVALID then.
MUST_CHECK enum error
api_str(const struct call *c, const char *key, bool required, const char **out);
MUST_CHECK enum error api_int(const struct call *c, const char *key, int64_t *out);
MUST_CHECK enum error api_bool(const struct call *c, const char *key, bool *out);
MUST_CHECK enum error api_job(const struct call *c, struct docket **out); // `job`
// The call goes on when the journal has answered (`answered` is set by the caller).
struct pending *api_pend(const struct call *c, uint64_t job);
struct call api_resume(struct shell *s, const struct pending *p, struct errtext *t);
void api_pending_free(struct pending *p);
void api_answered(struct shell *s, struct journal_event *e);

// api_submit.c
MUST_CHECK enum error api_submit(struct call *c);
MUST_CHECK enum error api_validate(struct call *c);
void api_submit_timers(struct shell *s); // submissions that wait for a catalog
int64_t api_submit_due(const struct shell *s);

// api_file.c
MUST_CHECK enum error api_file(struct call *c);

// api_jobs.c
extern const struct verb api_job_verbs[];
// api_cluster.c
extern const struct verb api_cluster_verbs[];

#endif
