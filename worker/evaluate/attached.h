// SPDX-License-Identifier: MIT
// attached.h - one of a job's files, as open() of a workload finds it.
//
// Ownership  The text is the caller's: mem_free.  A value lives in the arena.
// Threads    Main thread.

#ifndef WORKER_EVALUATE_ATTACHED_H
#define WORKER_EVALUATE_ATTACHED_H

#include <stddef.h>

#include "worker/workload.h"

struct attached {
    const char *what; // for the message: "scenario", "data"
    size_t bytes_max;
};

// FAULT_JOB: the job has no such file, or it is too long; FAULT_WORKER: it cannot be
// opened here.
MUST_CHECK enum error attached_text(const struct workload_job *job,
                                    const struct attached *k,
                                    const char *name,
                                    char **text,
                                    size_t *n,
                                    struct errtext *t);

// The parameter `name`: a text names a file of JSON, anything else is meant itself;
// null where it is not given.
MUST_CHECK enum error attached_value(const struct workload_job *job,
                                     const char *name,
                                     struct arena *a,
                                     struct value *out,
                                     struct errtext *t);

// What a workload over the job's parameter `data` keeps: the first member of its state.
struct attached_state {
    uint64_t seed;
    struct arena *arena;       // for what is read out of data
    struct value params, data; // data: as attached_value gives it
};

// Makes a state of `size` bytes; `read` takes the data in, what it refuses is FAULT_JOB.
MUST_CHECK enum error attached_open(const struct workload_job *job,
                                    size_t size,
                                    enum error (*read)(void *state, struct errtext *t),
                                    void **out,
                                    struct errtext *t);
void attached_close(void *state);

#endif
