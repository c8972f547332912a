// SPDX-License-Identifier: MIT
// catalog.h - the workloads of this program, as data: what HELLO announces, what
// `shoal-worker --catalog` prints, what the coordinator checks jobs against.
//
// A list of maps, one a workload:
//   name, help      strings
//   params          list of {name, type: "bool"|"int"|"float"|"str"|"strs"|"any", help,
//                   required, searchable (when true), min, max (int, float), choices
//                   (list of strings), default (any value), unit}
//   metrics         list of {name, unit, help}; absent: dynamic, each item names its own
//   totals          list of {name, n (of a list), hex (true), help}; figures: list of {name,
//                   expr, help}; totals_only: true; all absent without totals
//   collective, commands, volatile   true, or absent
//   stall_ms        integer
//
// Threads    Any.

#ifndef WORKER_CATALOG_H
#define WORKER_CATALOG_H

#include "common/arena.h"
#include "common/value.h"
#include "worker/workload.h"

struct value catalog_value(struct arena *a);
struct value catalog_entry(const struct workload *w, struct arena *a);

#endif
