// SPDX-License-Identifier: MIT
// fleet_scenario.h - the parameter `scenario` of the fleet's workloads: a file among the
// job's, a map, or left out.
//
// Errors     FAULT_JOB with file, line and cure; FAULT_WORKER.
// Ownership  What the scenario points to lives in the arena.
// Threads    Any.

#ifndef WORKER_EVALUATE_FLEET_SCENARIO_H
#define WORKER_EVALUATE_FLEET_SCENARIO_H

#include "worker/fleet/scenario.h"
#include "worker/workload.h"

MUST_CHECK enum error fleet_scenario(const struct workload_job *job,
                                     struct arena *a,
                                     struct scenario *out,
                                     struct errtext *t);

#endif
