// SPDX-License-Identifier: MIT
// runner_state.h - the runner's tables, for the files beneath runner.h only.
//
//   job    a definition, and the opened workload while it is open
//   call   one lease on its way: faults and outputs found so far
//
// Threads    Main thread only.

#ifndef WORKER_RUNNER_STATE_H
#define WORKER_RUNNER_STATE_H

#include "common/buf.h"
#include "common/fold.h"
#include "common/map.h"
#include "common/totals.h"
#include "common/value.h"
#include "worker/runner.h"
#include "worker/workload.h"

struct runner_job {
    uint64_t number;
    struct arena *arena; // of the definition
    struct bin bytes;    // the JOB payload, to know a repetition
    struct msg_job def;
    struct value params;
    struct value points;
    const struct workload *workload; // NULL: this worker has none of that name
    uint32_t n_metrics;              // 0: dynamic
    // While open
    bool is_open;
    void *state;
    struct fold **folds;         // [n_metrics], NULL for rows and dynamic metrics
    uint32_t n_totals;           // numbers; 0: the workload keeps none
    struct total *totals;        // [n_totals], of the lease
    uint64_t *run_totals;        // [n_totals], of one run()
    char *directory;             // of its files; NULL: none
    struct workload_file *files; // [def.n_files]
    uint64_t used;               // when last, in leases
    // Why it could not be opened, when that will not change
    enum error open_error;
    char *open_text;
};

// The lease that runs now.
struct runner_call {
    struct runner *runner;
    struct runner_job *job;
    const struct rec_lease *lease;
    struct group *group;
    struct arena *out;        // the caller's
    const struct value *maps; // the lease's params: a list, or NULL
    struct value params;
    uint64_t first;   // of the chunk, counted over the job
    uint64_t as_seen; // the same as the workload counts
    uint32_t count;
    uint64_t n_failed;
    struct rec_fault *faults;
    uint32_t n_faults, cap_faults;
    uint32_t chunk_faults; // where those of the present chunk begin
    size_t fault_bytes;
    struct rec_output *outputs;
    uint32_t n_outputs, cap_outputs;
    const char *worker_fault; // NULL: none
    bool by_names;            // its items' metrics are maps: dynamic, or with proposals
    bool by_rows;             // of the result, also when folds are wanted
    bool bare;                // the totals are all that is wanted
    bool was_cancelled;
    const struct value **requests; // of the chunk's items (worker/propose.h), or NULL
    uint64_t logged_item;
    size_t logged;
};

struct runner {
    struct runner_host host;
    struct map jobs;         // number -> struct runner_job *
    struct runner_job *last; // looked up last
    uint32_t n_open;
    uint64_t n_leases;
    struct arena *arena;       // of one call of run()
    struct arena *lease_arena; // of one lease's params
    double *metrics;
    size_t n_metrics; // places in `metrics`
    struct buf data;  // of the result being made
    struct runner_call call;
};

enum {
    CHUNK = 4096,                // rows of one call of run()
    CHUNK_DYNAMIC = 256,         // the same where each item is a map
    RESULT_BYTES_MAX = 15 << 20, // below the frame's limit, with room for the rest
    FAULTS_MAX = 65536,          // of one result
    OUTPUTS_MAX = 4096,
};

// runner_job.c
struct runner_job *runner_job_find(struct runner *r, uint64_t number);
// Opens the workload if it is not; closes the one used longest ago when too many
// are.  FAULT_JOB, FAULT_WORKER.
MUST_CHECK enum error
runner_job_open(struct runner *r, struct runner_job *j, struct errtext *t);
void runner_job_destroy(struct runner *r, struct runner_job *j);

// runner_outcome.c
void runner_outcome_start(struct runner_call *c);
// Takes in what one run() left: checks, folds or keeps.  `all_failed`: NULL, or
// why every item of the chunk failed.
void runner_outcome_add(struct runner_call *c, struct run *run, const char *all_failed);
void runner_outcome_fail_lease(struct runner_call *c, const char *why);
void runner_outcome_end(struct runner_call *c, struct rec_result *out);
// Has an item of the present chunk, counted from its first, failed?
bool runner_outcome_has_failed(const struct runner_call *c, uint32_t i);
void runner_outcome_fault(struct runner_call *c, const struct item_fault *f);
void runner_outcome_output(struct runner_call *c, const struct item_output *o);

#endif
