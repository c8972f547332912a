// SPDX-License-Identifier: MIT
// workload.h - what a worker can do with items: one file and one table row each.
//
// A workload is opened once per job and rank and kept until the job is
// forgotten.  run() evaluates a run of consecutive items and fills one row of
// metrics per item.  Everything random comes from (seed, item) by address
// (common/rng.h); nothing may depend on which rank runs it or what ran before.
//
// Time       run() may take as long as it likes as long as it calls
//            run_progress now and then; a counter that stands still longer
//            than stall_ms loses the lease, then the pod.
// Threads    The worker's main thread only.  run_progress, run_cancelled: main thread.

#ifndef WORKER_WORKLOAD_H
#define WORKER_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/hash.h"
#include "common/value.h"

enum param_type {
    PARAM_BOOL,
    PARAM_INT,   // min, max hold
    PARAM_FLOAT, // min, max hold; integers are taken too
    PARAM_STR,   // `choices`, when given, is the closed list
    PARAM_STRS,  // list of strings
    PARAM_ANY,   // the workload checks it itself in check()
};

// One parameter of a workload, as `shoal explain` prints it and the
// coordinator checks it.
struct param {
    const char *name; // a row with NULL ends the table
    enum param_type type;
    bool required;
    bool searchable; // a search space or a grid may set it
    double min, max;
    const char *fallback;       // JSON text of the default, NULL: none
    const char *const *choices; // NULL-ended, or NULL
    const char *unit;           // "s", "us", … or NULL
    const char *help;
};

struct metric {
    const char *name; // a row with NULL ends the table
    const char *unit;
    const char *help;
    bool integer; // rows show it so, statistics have its sum
    // Half of a 64-bit word, 32 bits: the high one, and in the next row the low one.  Rows
    // show both as 16 hexadecimal digits under this one's name; there are no statistics.
    bool hash;
};

enum { METRICS_MAX = 64 };

// A sum over the items that did not fail, which a sweep adds up in any order
// (common/totals.h) and shows in its result.
struct total_row {
    const char *name; // a row with NULL ends the table
    uint32_t n;       // 0: one number; else so many, shown as a list
    bool hex;         // meant modulo 2^64, shown as 16 hexadecimal digits
    const char *help;
};

// What follows from the totals: an expression (common/expr.h) over their names and
// those of the parameters.
struct figure {
    const char *name; // a row with NULL ends the table
    const char *expr;
    const char *help;
};

struct workload_file {
    const char *name; // relative path, no "..", as in the job file
    const char *path; // where the blob cache holds it, read-only
    uint32_t mode;    // 0644 or 0755
};

// What a job gives to open(); all that it points to lives as long as the state.
struct workload_job {
    uint64_t job;
    uint64_t seed;
    const struct value *params; // checked against the table, defaults filled in
    const struct workload_file *files;
    uint32_t n_files;
    bool reproducible;
    const char *scratch;     // a directory of this rank, exists, private
    const char *shared;      // one that all ranks of the machine share; NULL: none
    struct sandbox *sandbox; // the rank's command helper; NULL in tests without one
};

// Where the job's file of this name lies here; NULL: it has none.
static inline const char *workload_path(const struct workload_job *job, const char *name)
{
    for (uint32_t i = 0; i < job->n_files; i++)
        if (strcmp(job->files[i].name, name) == 0)
            return job->files[i].path;
    return NULL;
}

// How one item ended, when it did not end well.
struct item_fault {
    uint64_t item;
    enum error blame;   // FAULT_JOB or FAULT_WORKER
    int64_t code;       // exit status, 128+signal, or 0
    const char *text;   // one line
    const char *detail; // tail of stderr, or NULL
};

struct item_output {
    uint64_t item;
    const char *name;
    struct sha256 hash; // already in the rank's blob cache
    uint64_t size;
};

struct group; // worker/group.h: the ranks of a gang; size 1 for a solo shard

// One call of run(): items [first, first + count), all at one grid point; item
// numbers are what Philox and the user see (the job's `first` included).
struct run {
    uint64_t first;
    uint32_t count;
    // Per item overrides of params (a trial's point, a line): a map merged over
    // the job's params; NULL when the job's params hold for all.
    const struct value *const *overrides; // [count] or NULL
    struct group *group;                  // never NULL
    struct arena *arena; // results live here; reset by the runner after the call
    // Out
    double *metrics;     // [count][n_metrics], row-major; filled for fixed metrics; NULL where
                         // the totals are all that is wanted
    uint64_t *totals;    // the sums of this run, in the order of the table, zero at first;
                         // NULL: the workload has none
    struct value *named; // [count] maps name -> number|string|binary, where metrics are dynamic
    struct item_fault *faults;
    uint32_t n_faults; // use run_fault
    struct item_output *outputs;
    uint32_t n_outputs; // use run_output
    struct value *logs; // [count] strings: tail of an item's output, or all null
    void *host;         // the runner's, for the calls below
};

void run_progress(struct run *r); // I am alive and moving
bool run_cancelled(
    struct run *r); // stop at the next convenient place; what is returned is dropped

// For a workload that serves: its lease ends when the job does.  What has come for it,
// in order, after waiting so long at most (0: not at all); on a gang rank 0 asks.  The
// body (null, or a map) lives in the arena.  False: nothing has come.
enum run_asked { RUN_ENCODE = 1, RUN_BEGIN, RUN_CANCEL };
struct run_request {
    uint64_t request;
    uint32_t what; // enum run_asked, or what a newer coordinator may want
    struct value body;
};
bool run_take(struct run *r, int64_t wait_ns, struct arena *a, struct run_request *out);
// Its answers, which leave with the next run_take.
enum run_answer { RUN_OPEN = 1, RUN_ENCODED, RUN_TOKENS, RUN_REFUSED };
struct run_piece {
    uint64_t request; // 0: the server itself
    enum run_answer what;
    uint32_t at, n;
    const void *bytes;
    size_t n_bytes;
    const char *text;         // or NULL
    const struct value *more; // or NULL
};
void run_tell(struct run *r, const struct run_piece *p);

void run_fault(struct run *r, const struct item_fault *f);
void run_output(struct run *r, const struct item_output *o);
// Bytes of a live log of an item, shown by `shoal logs -f`; bounded by the host.
void run_log(struct run *r, uint64_t item, const void *p, size_t n);
// Take a file into the blob cache: an output.
MUST_CHECK enum error run_keep_file(
    struct run *r, uint64_t item, const char *name, const char *path, struct errtext *t);

// A blob that an item's parameters name, put at `path` (which must not exist).
MUST_CHECK enum error run_fetch(struct run *r,
                                const struct sha256 *hash,
                                uint64_t size,
                                const char *path,
                                struct errtext *t);

struct workload {
    const char *name; // "fleet.uam"; unique
    const char *help; // a sentence or two
    const struct param *params;
    const struct metric *metrics;   // NULL: dynamic, names come with each item
    const struct total_row *totals; // (optional)
    const struct figure *figures;   // (optional)
    // (optional) A parameter of type PARAM_STR that tells apart what a sweep may compare on
    // the same items (its key `compare`).
    const char *compares;
    const char *compared; // the result's key for them: "policies"
    // (optional) Rows of a sweep are flat maps: seed, the item's number under this name, the
    // params, the metrics.
    const char *row_item;
    bool totals_only; // a sweep without rows needs the totals alone: there are too many items
                      // for their metrics
    bool collective;  // may run as a gang: run() is called on every rank of it with the same
                      // arguments; rank 0 of the group returns the results
    bool commands;    // runs the user's commands: needs the coordinator's --allow-exec
    bool open_names;  // a search space may have names that `params` has not
    bool pure;        // metrics depend on params and the job's seed alone, not on the item
    bool volatile_metrics; // (optional) metrics measure time: not reproducible
    int64_t stall_ms;      // see Time
    // (optional) What the parameter table cannot say; also run by --catalog users. Text names
    // the parameter.

    enum error (*check)(const struct value *params, struct errtext *t);
    // (optional) NULL state if absent.
    enum error (*open)(const struct workload_job *job, void **state, struct errtext *t);
    void (*close)(void *state); // (optional)
    // FAULT_JOB: every item of the run failed for the stated reason;
    // FAULT_WORKER: this rank cannot; OK otherwise (single items by run_fault).
    enum error (*run)(void *state, struct run *r, struct errtext *t);
};

// The table: worker/catalog.c.  NULL-ended.
extern const struct workload *const workloads[];
const struct workload *workload_find(const char *name);

#endif
