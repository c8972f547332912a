// SPDX-License-Identifier: MIT
// utility.h - what is asked of an architecture: the utility tree of ATAM as a file.
//
//     parent: reference.yaml          # optional: what this one refines
//     scenarios:
//       fresh: {attribute: latency, max: 40, importance: 3}
//       up: {attribute: available, min: 0.999, importance: 5}
//
// An attribute is a metric; a scenario bounds it from one side, which also says what is
// better.  A refinement inherits its parent's scenarios and may not weaken one: neither
// its bound nor its importance, nor ask of another attribute or from the other side
// (Kazman et al.'s ATAM, 2000; three levels after ATRAF, 2025).
//
// Ownership  Lives in the arena it was read into.
// Threads    One.

#ifndef CLUSTER_CLIENT_UTILITY_H
#define CLUSTER_CLIENT_UTILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"

enum { UTILITY_MAX = 256, UTILITY_LEVELS_MAX = 8 };

struct utility_scenario {
    const char *name, *attribute;
    bool at_most; // else at least
    double bound;
    double importance; // >= 0
};

struct utility {
    uint32_t n;
    struct utility_scenario scenarios[UTILITY_MAX];
};

// The file and its parents, relative to it.  ERR_PARSE with file, line and column;
// ERR_NOT_FOUND, ERR_LIMIT.
MUST_CHECK enum error
utility_read(const char *path, struct arena *a, struct utility *out, struct errtext *t);

#endif
