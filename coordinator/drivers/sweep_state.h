// SPDX-License-Identifier: MIT
// sweep_state.h - for sweep*.c only: what the driver of a sweep knows.
//
// Threads    As sweep.h.

#ifndef COORDINATOR_DRIVERS_SWEEP_STATE_H
#define COORDINATOR_DRIVERS_SWEEP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fold.h"
#include "common/value.h"
#include "coordinator/driver.h"
#include "coordinator/drivers/sweep_totals.h"
#include "coordinator/spec.h"

enum {
    SWEEP_POINTS_MAX = 100000,
    SWEEP_POINTS_INLINE = 1000, // in the result itself; more are a blob
    SWEEP_ROWS_MAX = 4000000,   // kept in memory until the job ends
    SWEEP_LINES_MAX = 1000000,
    SWEEP_NAMES_MAX = 1024, // of metrics that items name themselves
};

// One grid point.  Its folds go once it is complete; the result stays.
struct sweep_point {
    struct fold **folds; // by metric, NULL or some NULL: nothing came yet
    uint32_t n_folds;
    uint64_t n_told;
    uint64_t n_failed;
    struct value *metrics; // complete: map name -> fold's result
    struct total *totals;  // NULL: nothing came yet
};

// What an item gave, when rows are wanted.
struct sweep_row {
    enum { ROW_ABSENT, ROW_FAILED, ROW_HERE } state;
    uint32_t n;
    const char *json; // of a dynamic workload's metrics
};

struct sweep {
    struct arena *arena;   // lives as long as the state
    struct arena *scratch; // of one call
    const struct value *spec;
    const char *const *metrics; // NULL: dynamic
    uint32_t n_metrics;
    // The grid, and items of a point.
    const struct value *grid; // NULL: none
    struct value points;      // list of maps
    uint32_t n_points;        // 1 without a grid
    uint64_t per_point;
    uint64_t n_items; // of all points
    uint64_t first;
    const struct value *lines; // NULL: none
    bool exact;
    const char *why_no_digest;
    struct sweep_point *state; // [n_points]
    uint64_t n_told;
    uint64_t n_failed;
    const struct sweep_totals *totals; // NULL: the workload keeps none
    const struct total *no_totals;     // zeros
    struct fold **incoming;            // [n_metrics], where packed folds are looked at first
    // Dynamic metrics, by first appearance.
    const char **names;
    uint32_t n_names, cap_names;
    bool too_many_names;
    // rows: true
    struct sweep_row *rows; // [n_items] or NULL
    double *values;         // [n_items][n_metrics] of a fixed workload
    struct buf blob;        // rows.jsonl
    struct buf points_blob; // points.jsonl
};

// sweep_grid.c: reads the keys; ERR_PARSE with the place.
enum error sweep_parse(struct sweep *s, const struct driver_setup *setup, struct errtext *t);
// sweep_tell.c
void sweep_tell(struct sweep *s, const struct outcome *o);
// sweep_result.c
void sweep_finish_point(struct sweep *s, struct sweep_point *p); // its folds become values
void sweep_finish(struct sweep *s, struct driver_output *out);

#endif
