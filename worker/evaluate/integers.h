// SPDX-License-Identifier: MIT
// integers.h - a parameter that is a list of small integers.
//
// Threads    Any; pure.

#ifndef WORKER_EVALUATE_INTEGERS_H
#define WORKER_EVALUATE_INTEGERS_H

#include <stdint.h>

#include "common/error.h"
#include "common/value.h"

struct integers {
    const char *name; // of the parameter, for the message
    uint32_t below;   // each is from 0 to below - 1
    uint32_t least, most;
};

// v may be NULL or null: an empty list.  FAULT_JOB: not such a list.
MUST_CHECK enum error integers_read(const struct integers *want,
                                    const struct value *v,
                                    uint32_t *out,
                                    uint32_t *n,
                                    struct errtext *t);

#endif
