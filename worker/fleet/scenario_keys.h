// SPDX-License-Identifier: MIT
// scenario_keys.h - the scalar keys of a scenario, a row each: for the reader and for the
// workload's parameters, which may set them anew.
//
//   SCENARIO_KEY(name, field, min, max, default, unit, help)

#ifndef WORKER_FLEET_SCENARIO_KEYS_H
#define WORKER_FLEET_SCENARIO_KEYS_H

// Within these ranges no product of the simulator passes 63 bits, and no day 2^40 ms.
#define METRES_MAX INT64_C(10000000)
#define JOULES_MAX INT64_C(10000000000)
#define DAY_MAX    INT64_C(864000000) // ten days

// clang-format off
#define SCENARIO_KEYS(SCENARIO_KEY) \
    SCENARIO_KEY("t_start_ms", t_start_ms, 0, DAY_MAX, 21600000, "ms", \
                 "begin of the day") \
    SCENARIO_KEY("t_end_ms", t_end_ms, 1, DAY_MAX, 64800000, "ms", \
                 "no decision at or after it") \
    SCENARIO_KEY("n_aircraft", n_aircraft, 1, SCENARIO_AIRCRAFT_MAX, 40, NULL, \
                 "aircraft of the fleet") \
    SCENARIO_KEY("takeoff_ms", takeoff_ms, 0, DAY_MAX, 360000, "ms", \
                 "from dispatch to take-off") \
    SCENARIO_KEY("landing_ms", landing_ms, 0, DAY_MAX, 360000, "ms", \
                 "approach and landing") \
    SCENARIO_KEY("hold_ms", hold_ms, 1, DAY_MAX, 900000, "ms", \
                 "to the next decision after a hold") \
    SCENARIO_KEY("reserve_J", reserve_j, 0, JOULES_MAX, 0, "J", \
                 "energy that remains after landing") \
    SCENARIO_KEY("lanes", lanes, 1, 64, 2, NULL, \
                 "corridors of an ordered pair") \
    SCENARIO_KEY("sep_m", sep_m, 0, 1000000, 926, "m", \
                 "least distance in a corridor") \
    SCENARIO_KEY("tod_mean_max_ms", tod_mean_max_ms, 0, DAY_MAX, 360000, "ms", \
                 "largest mean take-off delay of a vertiport") \
    SCENARIO_KEY("close_ppm", close_ppm, 0, 1000000, 50000, "ppm", \
                 "probability that weather closes a pair for a window") \
    SCENARIO_KEY("close_window_ms", close_window_ms, 1000, DAY_MAX, 3600000, "ms", \
                 "length of a weather window") \
    SCENARIO_KEY("fail_ppm", fail_ppm, 0, 1000000, 5000, "ppm", \
                 "probability of a failure at landing") \
    SCENARIO_KEY("down_min_ms", down_min_ms, 0, DAY_MAX, 1800000, "ms", \
                 "shortest repair") \
    SCENARIO_KEY("down_max_ms", down_max_ms, 0, DAY_MAX, 7200000, "ms", \
                 "longest repair") \
    SCENARIO_KEY("bin_ms", bin_ms, 1000, DAY_MAX, 900000, "ms", \
                 "passengers appear at its start") \
    SCENARIO_KEY("patience_ms", patience_ms, 1000, DAY_MAX, 3600000, "ms", \
                 "how long a passenger waits") \
    SCENARIO_KEY("demand_base_q16", demand_base_q16, 0, 1 << 24, 52429, "passengers/65536", \
                 "expected passengers of a cell, off the peaks") \
    SCENARIO_KEY("demand_peak_q16", demand_peak_q16, 0, 1 << 24, 262144, "passengers/65536", \
                 "what a peak adds at its middle") \
    SCENARIO_KEY("od_mult_min_pct", od_mult_min_pct, 0, 100000, 50, "%", \
                 "least daily demand multiplier of a pair") \
    SCENARIO_KEY("od_mult_max_pct", od_mult_max_pct, 0, 100000, 150, "%", \
                 "largest daily demand multiplier of a pair") \
    SCENARIO_KEY("od_max_m", od_max_m, 0, 4 * METRES_MAX, 80467, "m", \
                 "pairs farther apart have no demand; 0: no limit") \
    SCENARIO_KEY("fare_uusd_per_mile", fare_uusd_per_mile, 0, 100000000, 1500000, "uUSD/mile", \
                 "fare of a passenger") \
    SCENARIO_KEY("surge_pct_per_pax", surge_pct_per_pax, 0, 10000, 10, "%", \
                 "rise of the fare for each expected passenger") \
    SCENARIO_KEY("surge_max_pct", surge_max_pct, 0, 1000, 50, "%", \
                 "largest rise of the fare") \
    SCENARIO_KEY("op_uusd_per_pax_mile", op_uusd_per_pax_mile, 0, 100000000, 640000, \
                 "uUSD/mile", \
                 "cost of carrying a passenger")
// clang-format on

#endif
