// SPDX-License-Identifier: MIT
// metrics.h - the figures of one day, all integers (specification fleet/1, section 8.4).
//
// Threads    Any; plain data.

#ifndef WORKER_FLEET_METRICS_H
#define WORKER_FLEET_METRICS_H

#include <stddef.h>
#include <stdint.h>

// In the order of the specification's golden rows; the last row of a day, trace_hash,
// stands beside.
struct metrics {
    int64_t decisions, holds, flights, empty_flights, served;
    int64_t revenue_uusd, op_uusd, elec_uusd, terminal_elec_uusd;
    int64_t pax_m, aircraft_m, energy_used_j, energy_charged_j;
    int64_t pax_wait_ms, tod_ms, sep_wait_ms;
    int64_t charge_sessions, charge_wait_ms, swaps, failures, down_ms;
    int64_t blocked_closed, blocked_full, blocked_energy;
    int64_t terminal_j, generated, unserved, profit_uusd, end_ms, events;
};

struct metrics_row {
    const char *name;
    size_t offset;
    const char *unit; // or NULL
    const char *help;
};
enum { METRICS_ROWS = 30 };
extern const struct metrics_row metrics_rows[METRICS_ROWS + 1]; // ended by a NULL name

static inline int64_t metrics_get(const struct metrics *m, const struct metrics_row *row)
{
    return *(const int64_t *)(const void *)((const char *)m + row->offset);
}

#endif
