// SPDX-License-Identifier: MIT
// jobcheck.h - from a job file's text to a job that can run: the one path of
// submit, validate and recovery.
//
// YAML, common keys, workload, params, then the driver's own keys (by making
// the driver).  Every failure is one line: "file:line:column: what, what was
// expected".
//
// Ownership  A plan owns its arena and the driver's state; all else in it lives
//            in that arena.
// Threads    Confined to the caller's; see driver.h for the state.

#ifndef COORDINATOR_JOBCHECK_H
#define COORDINATOR_JOBCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"
#include "coordinator/jobfile.h"

struct job_plan {
    struct arena *arena;
    struct jobfile jobfile;
    const struct value *entry; // the catalog's, a copy
    const struct driver *driver;
    void *state;
    struct value params;        // with defaults
    const char *const *metrics; // NULL: dynamic
    bool commands;              // the workload runs the user's commands
    bool calls_out;             // the workers send requests where the job says
    int64_t stall_ns;
    // How items are laid out, for leases and the JOB message.
    uint64_t per_point; // 0: no grid
    uint64_t first;
    const struct value *points; // NULL: no grid
    uint64_t shard;             // items a shard, 0: adaptive
    bool folds;                 // workers send folds, not rows
    bool exact;                 // these keep their values
};

// `catalog`: list of entries, or NULL when no workload is known.
MUST_CHECK enum error job_plan_create(const char *text,
                                      size_t n,
                                      const char *file,
                                      const struct value *catalog,
                                      struct job_plan **out,
                                      struct errtext *t);
void job_plan_destroy(struct job_plan *p); // NULL is fine

// Only whether it would be accepted.
MUST_CHECK enum error job_check(const char *text,
                                size_t n,
                                const char *file,
                                const struct value *catalog,
                                struct errtext *t);

#endif
