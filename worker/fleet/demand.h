// SPDX-License-Identifier: MIT
// demand.h - passengers as counted somewhere, instead of the drawn ones: a CSV file.
//
//   bin,from,to,passengers
//   4,0,2,3                three appear in bin 4 at vertiport 0, bound for 2
//
// The first line is this header; numbers count from 0; a cell that is not there has nobody,
// one that is there twice is refused.  Every day then has these passengers, whatever its
// seed.  Fares still rise with the scenario's expected demand (specification 6.2).
//
// Errors     ERR_PARSE with file and line, ERR_LIMIT.  Numbers that depend on the
//            scenario's keys are checked where the world is made.
// Threads    Any.

#ifndef WORKER_FLEET_DEMAND_H
#define WORKER_FLEET_DEMAND_H

#include "common/arena.h"
#include "common/error.h"
#include "worker/fleet/scenario.h"

// Sets out->demand, in the file's order; the arena's, `file` included.
MUST_CHECK enum error demand_parse(const char *text,
                                   size_t n,
                                   const char *file,
                                   struct arena *a,
                                   struct scenario *out,
                                   struct errtext *t);

#endif
