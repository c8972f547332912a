// SPDX-License-Identifier: MIT
// scenario.h - one operating day of an electric fleet, as its user describes it.
//
// What a scenario file says (specification fleet/1, section 3), with the defaults
// filled in and the layout expanded to vertiports.  Integers only.  The file is YAML,
// and so JSON; unknown keys, fractions and values out of range are refused with
// "file:line:column: what, what was expected".
//
// Units      ms since local midnight, metres, joules, micro-dollars, parts per million.
// Ownership  Lists live in the arena given; the struct itself is the caller's.
// Threads    Any; no shared state.

#ifndef WORKER_FLEET_SCENARIO_H
#define WORKER_FLEET_SCENARIO_H

#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/hash.h"
#include "common/value.h"

enum {
    SCENARIO_VERTIPORTS_MAX = 2048, // tables of ordered pairs are kept in memory
    SCENARIO_AIRCRAFT_MAX = 1 << 20,
    SCENARIO_TYPES_MAX = 16,
    SCENARIO_PEAKS_MAX = 64,
    SCENARIO_CLOSURES_MAX = 10000,
    SCENARIO_BINS_MAX = 4096,
    SCENARIO_CELL_MAX = 31, // passengers: eight cells are summed in a byte
};

struct scenario_port {
    int64_t x, y, park, charge, core; // charge 0: a vertistop; core 1: the busy city
};

struct scenario_type {
    int64_t seats, battery_j, j_per_m, fixed_j, speed_m_per_h, charge_w;
};

struct scenario_peak {
    int64_t outward; // 0: towards the core, 1: from it
    int64_t center_ms, half_ms;
};

struct scenario_closure {
    int64_t i, j, from_ms, to_ms; // i < j, half-open in time
};

struct scenario_demand {
    int64_t bin, from, to, passengers;
    int64_t line; // where it was said
};

// Every scalar key; their rows (name, range, default) are scenario_keys.
struct scenario {
    const char *name;
    int64_t t_start_ms, t_end_ms, n_aircraft, takeoff_ms, landing_ms, hold_ms, reserve_j;
    int64_t lanes, sep_m, tod_mean_max_ms, close_ppm, close_window_ms;
    int64_t fail_ppm, down_min_ms, down_max_ms, bin_ms, patience_ms;
    int64_t demand_base_q16, demand_peak_q16, od_mult_min_pct, od_mult_max_pct, od_max_m;
    int64_t fare_uusd_per_mile, surge_pct_per_pax, surge_max_pct, op_uusd_per_pax_mile;
    int64_t elec_uusd_per_kwh[24];
    const struct scenario_type *types;
    const struct scenario_port *ports;
    const struct scenario_peak *peaks;
    const struct scenario_closure *closures;
    uint32_t n_types, n_ports, n_peaks, n_closures;
    const struct scenario_demand *demand; // demand.h; NULL: it is drawn
    const char *demand_file;
    uint32_t n_demand;
};

// A scalar integer key, as the workload's parameters and `explain` show it.
struct scenario_key {
    const char *name; // a row with NULL ends the table
    size_t offset;    // of its int64_t in struct scenario
    int64_t min, max, fallback;
    const char *unit;
    const char *help;
};
extern const struct scenario_key scenario_keys[];
const struct scenario_key *scenario_key_find(const char *name); // NULL: none of that name

// The scenario that a map says; `v` borrowed, read with its positions in `file`.
// ERR_PARSE with the place, ERR_LIMIT where it is too large for the simulator.
MUST_CHECK enum error scenario_read(const struct value *v,
                                    const char *file,
                                    struct arena *a,
                                    struct scenario *out,
                                    struct errtext *t);
// The same from the text of a file.
MUST_CHECK enum error scenario_parse(const char *text,
                                     size_t n,
                                     const char *file,
                                     struct arena *a,
                                     struct scenario *out,
                                     struct errtext *t);
// The rules between keys (enough stands, bins that divide the day, …): called by the two
// above, and again by whoever has changed a key.  The text names the key, not a place.
MUST_CHECK enum error scenario_check(const struct scenario *s, struct errtext *t);

// SHA-256 over what the scenario says, defaults included and layout expanded: the same
// whatever the file's order, spelling or format.
struct sha256 scenario_hash(const struct scenario *s);

#endif
