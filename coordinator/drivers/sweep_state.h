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
    SWEEP_COMPARED_MAX = 2000, // items that are compared one by one, on the loop's thread
    SWEEP_OUTPUT_ITEMS = 1000, // so many items' files are kept
    SWEEP_NAMES_MAX = 1024,    // of metrics that items name themselves
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

struct sweep_output;

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
    // A fixed workload's metrics: [n_metrics], or NULL without such flags.
    const bool *is_integer, *is_hash;
    // What tells apart the things compared: a parameter's name, and the result's key for
    // them; NULL: the workload has none.
    const char *compares, *compared;
    const char *one;            // without a grid: the value of that parameter
    const struct value *known;  // the catalog's params, a list; NULL: no catalog
    const char *row_item;       // rows are flat, and the item's number is called so; NULL: not
    const struct value *params; // of the job, as given; may be NULL
    uint64_t seed;
    const struct sweep_totals *totals; // NULL: the workload keeps none
    const struct total *no_totals;     // zeros
    struct fold **incoming;            // [n_metrics], where packed folds are looked at first
    // Dynamic metrics, by first appearance.
    const char **names;
    uint32_t n_names, cap_names;
    bool too_many_names;
    bool keeps_rows;              // rows: true
    struct sweep_row *rows;       // [n_items] or NULL
    double *values;               // [n_items][n_metrics] of a fixed workload
    struct sweep_output *outputs; // [n_outputs] of the first items
    uint32_t n_outputs, cap_outputs;
    struct buf blob;        // rows.jsonl
    struct buf points_blob; // points.jsonl
};

// sweep_grid.c: reads the keys; ERR_PARSE with the place.
enum error sweep_parse(struct sweep *s, const struct driver_setup *setup, struct errtext *t);
// sweep_compare.c: `compare` as the grid's first axis, and what the catalog says of metrics.
enum error
sweep_parse_compare(struct sweep *s, const struct spec *job, const struct driver_setup *setup);
void sweep_read_metrics(struct sweep *s, const struct driver_setup *setup);
bool sweep_only_compares(const struct sweep *s); // the grid has no other axis
const char *sweep_compared_name(const struct sweep *s, uint32_t point);
static inline bool sweep_is_hash(const struct sweep *s, uint32_t metric)
{
    return s->is_hash && s->is_hash[metric];
}
// sweep_statistics.c: `compare`, where the items' values are known
void sweep_put_statistics(const struct sweep *s, struct arena *a, struct value *stats);
// sweep_row.c: a line of rows.jsonl
void sweep_put_row(const struct sweep *s, uint64_t item, struct buf *out);
struct value sweep_integer(double x); // an integer where it fits one
// sweep_outputs.c
void sweep_take_outputs(struct sweep *s, const struct outcome *o);
void sweep_put_outputs(struct sweep *s, struct driver_output *out, struct value *result);
// sweep_tell.c
void sweep_tell(struct sweep *s, const struct outcome *o);
// sweep_result.c
void sweep_finish_point(struct sweep *s, struct sweep_point *p); // its folds become values
void sweep_finish(struct sweep *s, struct driver_output *out);

#endif
