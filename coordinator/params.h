// SPDX-License-Identifier: MIT
// params.h - a job's params against what its workload announced (the catalog's
// entry: worker/catalog.h).
//
// The entry came over the wire: what of it makes no sense is passed over.
//
// Ownership  Borrows; what is made lives in the arena given.
// Threads    Any.

#ifndef COORDINATOR_PARAMS_H
#define COORDINATOR_PARAMS_H

#include <stdbool.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"
#include "coordinator/spec.h"

enum { PARAMS_DEPTH_MAX = 16 }; // of a value: it must travel (protocol/guard.h)

// The entry of a workload; NULL: the catalog (a list, or NULL) has none.
const struct value *params_find_workload(const struct value *catalog, const char *name);
bool params_flag(const struct value *entry, const char *name); // "collective", …
// Names of its metrics, NULL-ended; NULL: dynamic.
const char *const *params_metrics(const struct value *entry, struct arena *a);

// `params` is the job's map at "params".  *full is it with the defaults filled
// in.  A required one may also come from `elsewhere` (NULL-ended names: a grid's,
// a space's).
MUST_CHECK enum error params_check(const struct value *entry,
                                   const struct spec *params,
                                   const char *const *elsewhere,
                                   struct arena *a,
                                   struct value *full);

// May a grid or a space set parameter `name`, and to `v` (NULL: only the name
// is looked at)?  `at` is the place of messages: its map is the value itself.
// Workloads that run commands take every name: it may stand in the command.
MUST_CHECK enum error params_check_set(const struct value *entry,
                                       const struct spec *at,
                                       const char *name,
                                       const struct value *v);

#endif
