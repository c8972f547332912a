// SPDX-License-Identifier: MIT
// sweep.h - the driver of `kind: sweep`: the same work at many items, folded.
//
//   items, first   items [first, first + items) at every grid point
//   lines          instead of items: one item a line, which it gets as params.line
//   grid           map of parameters to lists of values: all combinations, the
//                  last key fastest
//   shard          items a shard; left out: adaptive
//   rows           a line of JSON for every item, in order, as the blob rows.jsonl
//
// Result: {items, failed, metrics: {name: fold}}, with what sweep_totals.h says of a
// workload that keeps sums, with a grid {items, failed,
// points: [{params, failed, metrics}]}; with rows also rows: the SHA-256 of
// that blob.  But for lines and rows a job costs the same whatever its size.
//
// Threads    As coordinator/driver.h says; inline.

#ifndef COORDINATOR_DRIVERS_SWEEP_H
#define COORDINATOR_DRIVERS_SWEEP_H

#include "coordinator/driver.h"

extern const struct driver sweep_driver;

#endif
