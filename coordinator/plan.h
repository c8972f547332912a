// SPDX-License-Identifier: MIT
// plan.h - a job file that was understood: checked, its driver made, what the core
// must know of it.
//
// Ownership  The creator's; all that a plan points to lives in its arena, but for
//            the driver's state, which goes with it too.
// Threads    Confined to the loop's, but for the driver's state while it steps.

#ifndef COORDINATOR_PLAN_H
#define COORDINATOR_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"
#include "coordinator/driver.h"
#include "coordinator/event.h"

struct plan_source {
    const char *text; // of the job file
    size_t n_text;
    const char *file; // its name, for messages
    // Attachments: list of {name, hash (bin 32), size, mode}; NULL: not checked.
    const struct value *files;
    const struct value *catalog; // workloads; NULL: none is known
};

struct plan {
    struct arena *arena;
    const struct value *spec;
    const char *name; // of the job; NULL: the file does not say
    const char *kind;
    bool commands; // its workload runs the user's commands
    const struct driver *driver;
    void *state;
    struct job_spec job; // without number, name, owner
    struct msg_job message;
};

// ERR_PARSE and the sentence with its place.
MUST_CHECK enum error
plan_create(const struct plan_source *src, struct plan **out, struct errtext *t);
void plan_destroy(struct plan *p); // NULL is fine
// The job has a number now: its JOB message is encoded.
void plan_set_number(struct plan *p, uint64_t number);

#endif
