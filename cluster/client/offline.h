// SPDX-License-Identifier: MIT
// offline.h - what the other two programs tell without a cluster.
//
// Threads    One.

#ifndef CLUSTER_CLIENT_OFFLINE_H
#define CLUSTER_CLIENT_OFFLINE_H

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

// {workloads, drivers, algorithms} from their --catalog.
MUST_CHECK enum error offline_catalog(struct arena *a, struct value *out, struct errtext *t);
// The exit status of `shoal-coordinator --check FILE`; what it says goes to stderr.
MUST_CHECK enum error offline_check(const char *path, int *status, struct errtext *t);

#endif
