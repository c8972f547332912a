// SPDX-License-Identifier: MIT
// jobfile.h - the keys that every kind of job has, checked and typed.
//
// Whatever is wrong is named "file:line:column: what, what was expected".
// Keys of the kind (driver.h) and of the workload (params.h) are not looked at,
// but for their names.
//
// Ownership  Borrows the parsed value and its arena.
// Threads    Any.

#ifndef COORDINATOR_JOBFILE_H
#define COORDINATOR_JOBFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/value.h"
#include "coordinator/driver.h"
#include "coordinator/event.h"

enum {
    JOBFILE_NAME_MAX = 100, // bytes
    JOBFILE_FILES_MAX = 10000,
    JOBFILE_TAGS_MAX = 64,
    JOBFILE_GANG_MAX = 65536,
};

struct jobfile {
    const struct value *spec; // the whole file
    const struct driver *driver;
    const char *kind;
    const char *name; // NULL: the file does not say
    const char *workload;
    uint64_t seed;                 // default 0
    const struct value *params;    // map; an empty one when absent
    const struct value *files;     // list of relative paths, or NULL
    const struct value *tags;      // list of strings, or NULL
    const struct value *resources; // map name -> number >= 0, or NULL
    uint32_t gang;                 // default 1
    int32_t priority;              // -1000 to 1000, default 0
    uint32_t cpus;                 // a rank, default 1
    uint64_t memory_mb;            // default 0: not said
    uint32_t max_attempts;         // default 1
    uint32_t max_crashes;          // default 3
    uint64_t max_failures;         // default UINT64_MAX: no limit
    int64_t backoff_ns;            // default 1 s
    int64_t deadline_ns;           // default 0: none
    enum durability durability;    // default full
    bool reproducible;             // default true
};

// The common keys, NULL-ended.
extern const char *const jobfile_keys[];

MUST_CHECK enum error jobfile_check(const struct value *spec,
                                    const char *file,
                                    struct jobfile *out,
                                    struct errtext *t);

#endif
