// SPDX-License-Identifier: MIT
// fleet_table.h - what fleet.uam takes and gives, for its own files.
//
// Threads    Any; constant.

#ifndef WORKER_EVALUATE_FLEET_TABLE_H
#define WORKER_EVALUATE_FLEET_TABLE_H

#include "worker/fleet/metrics.h"
#include "worker/workload.h"

enum { FLEET_METRICS = METRICS_ROWS + 2 }; // the day's, and both halves of its trace hash

extern const struct param fleet_params[];
extern const struct metric fleet_metrics[FLEET_METRICS + 1];
extern const struct total_row fleet_totals[];
extern const char fleet_policy_default[];

#endif
