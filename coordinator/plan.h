// SPDX-License-Identifier: MIT
// plan.h - a job file that was understood (jobcheck.h), as the core and the
// workers must know it.
//
// Ownership  The creator's, with all that it points to.
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
#include "coordinator/jobcheck.h"

struct plan_source {
    const char *text; // of the job file
    size_t n_text;
    const char *file; // its name, for messages
    // Attachments: list of {name, hash (32 bytes), size, mode}; NULL: not looked at.
    const struct value *files;
    const struct value *catalog; // workloads; NULL: none is known
};

struct plan {
    struct job_plan *checked;
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
