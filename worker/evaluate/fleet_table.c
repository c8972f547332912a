// SPDX-License-Identifier: MIT
#include "worker/evaluate/fleet_table.h"

#include "worker/fleet/policy.h"
#include "worker/fleet/scenario.h"
#include "worker/fleet/scenario_keys.h"

const char fleet_policy_default[] = "random";

#define KEY(key, field, least, most, fallback_, unit_, help_)                                  \
    {.name = (key),                                                                            \
     .type = PARAM_INT,                                                                        \
     .searchable = true,                                                                       \
     .min = (double)(least),                                                                   \
     .max = (double)(most),                                                                    \
     .unit = (unit_),                                                                          \
     .help = "instead of the scenario's: " help_},

const struct param fleet_params[] = {
    {.name = "scenario",
     .type = PARAM_ANY,
     .fallback = "{\"name\": \"uam8x40\", \"version\": 1}",
     .help = "a scenario file among the job's files, or the scenario itself as a map; left "
             "out: 8 vertiports and 40 aircraft, the paper's size"},
    {.name = "demand",
     .type = PARAM_STR,
     .help = "a CSV file among the job's files, its header bin,from,to,passengers: who "
             "appears on every day, instead of drawn passengers"},
    {.name = "policy",
     .type = PARAM_STR,
     .searchable = true,
     .choices = policy_names,
     .fallback = "\"random\"",
     .help = "who decides where an aircraft goes next"},
    {.name = "schedule",
     .type = PARAM_ANY,
     .searchable = true,
     .help = "policy schedule: a list of destinations, the rows of all aircraft one behind the "
             "other, or a list of rows"},
    {.name = "socket",
     .type = PARAM_STR,
     .help = "policy external: where its agent listens, a path on every worker's machine"},
    {.name = "weights",
     .type = PARAM_STR,
     .help = "policy policy: a network's weights, a safetensors file among the job's files, "
             "as fleet.ppo makes it"},
    {.name = "episode",
     .type = PARAM_INT,
     .searchable = true,
     .min = 0,
     .max = 4294967295.0,
     .help = "the day, whatever the item's number: for a search"},
    {.name = "episodes",
     .type = PARAM_INT,
     .searchable = true,
     .min = 1,
     .max = 10000,
     .fallback = "1",
     .help = "days from there on that an item takes the mean of"},
    {.name = "day_seed",
     .type = PARAM_INT,
     .searchable = true,
     .min = 0,
     .max = 9007199254740992.0,
     .help = "the days' seed where it is not the job's"},
    {.name = "trace",
     .type = PARAM_BOOL,
     .fallback = "false",
     .help = "keep every day's trace as JSON Lines, an output of the item"},
    {.name = "places",
     .type = PARAM_BOOL,
     .fallback = "false",
     .help = "keep places.json, where the vertiports lie, an output of the item"},
    {.name = "geo_origin",
     .type = PARAM_STR,
     .help = "LAT,LON of the scenario's x = y = 0, for shoal replay --format geojson"},
    SCENARIO_KEYS(KEY){.name = NULL},
};

const struct total_row fleet_totals[] = {
    {.name = "trace_digest", .hex = true, .help = "of all days' traces, in any order"},
    {.name = NULL},
};

const struct metric fleet_metrics[FLEET_METRICS + 1] = {
    {.name = "decisions", .unit = NULL, .help = "times a policy was asked", .integer = true},
    {.name = "holds", .unit = NULL, .help = "of them, answered by staying", .integer = true},
    {.name = "flights", .unit = NULL, .help = "dispatches", .integer = true},
    {.name = "empty_flights",
     .unit = NULL,
     .help = "of them, without passengers",
     .integer = true},
    {.name = "served", .unit = NULL, .help = "passengers delivered", .integer = true},
    {.name = "revenue_uusd", .unit = "uUSD", .help = "fares", .integer = true},
    {.name = "op_uusd", .unit = "uUSD", .help = "cost of carrying passengers", .integer = true},
    {.name = "elec_uusd", .unit = "uUSD", .help = "electricity charged", .integer = true},
    {.name = "terminal_elec_uusd",
     .unit = "uUSD",
     .help = "electricity to fill up at the end",
     .integer = true},
    {.name = "pax_m", .unit = "m", .help = "passengers times distance", .integer = true},
    {.name = "aircraft_m", .unit = "m", .help = "distance flown", .integer = true},
    {.name = "energy_used_J", .unit = "J", .help = "energy of flight", .integer = true},
    {.name = "energy_charged_J", .unit = "J", .help = "energy charged", .integer = true},
    {.name = "pax_wait_ms",
     .unit = "ms",
     .help = "waiting of passengers who boarded",
     .integer = true},
    {.name = "tod_ms", .unit = "ms", .help = "take-off delays", .integer = true},
    {.name = "sep_wait_ms", .unit = "ms", .help = "waiting for a corridor", .integer = true},
    {.name = "charge_sessions",
     .unit = NULL,
     .help = "times an aircraft charged",
     .integer = true},
    {.name = "charge_wait_ms", .unit = "ms", .help = "waiting for a charger", .integer = true},
    {.name = "swaps",
     .unit = NULL,
     .help = "times an aircraft made room at a charger",
     .integer = true},
    {.name = "failures", .unit = NULL, .help = "failures found at landing", .integer = true},
    {.name = "down_ms", .unit = "ms", .help = "repairs", .integer = true},
    {.name = "blocked_closed",
     .unit = NULL,
     .help = "destinations refused for weather",
     .integer = true},
    {.name = "blocked_full",
     .unit = NULL,
     .help = "destinations refused for want of a stand",
     .integer = true},
    {.name = "blocked_energy",
     .unit = NULL,
     .help = "destinations refused for want of energy",
     .integer = true},
    {.name = "terminal_J", .unit = "J", .help = "energy missing at the end", .integer = true},
    {.name = "generated", .unit = NULL, .help = "passengers who appeared", .integer = true},
    {.name = "unserved", .unit = NULL, .help = "passengers lost", .integer = true},
    {.name = "profit_uusd",
     .unit = "uUSD",
     .help = "revenue less carrying and electricity",
     .integer = true},
    {.name = "end_ms", .unit = "ms", .help = "time of the last event", .integer = true},
    {.name = "events", .unit = NULL, .help = "records of the trace", .integer = true},
    {.name = "trace_hash", .help = "of the day's trace: its high half", .hash = true},
    {.name = "trace_hash_low", .help = "and its low half", .hash = true},
    {.name = NULL},
};
