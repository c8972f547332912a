// SPDX-License-Identifier: MIT
#include "worker/fleet/metrics.h"

#define ROW(name, field, unit, help)                                                           \
    {                                                                                          \
        (name), offsetof(struct metrics, field), (unit), (help)                                \
    }

const struct metrics_row metrics_rows[METRICS_ROWS + 1] = {
    ROW("decisions", decisions, NULL, "times a policy was asked"),
    ROW("holds", holds, NULL, "of them, answered by staying"),
    ROW("flights", flights, NULL, "dispatches"),
    ROW("empty_flights", empty_flights, NULL, "of them, without passengers"),
    ROW("served", served, NULL, "passengers delivered"),
    ROW("revenue_uusd", revenue_uusd, "uUSD", "fares"),
    ROW("op_uusd", op_uusd, "uUSD", "cost of carrying passengers"),
    ROW("elec_uusd", elec_uusd, "uUSD", "electricity charged"),
    ROW("terminal_elec_uusd", terminal_elec_uusd, "uUSD", "electricity to fill up at the end"),
    ROW("pax_m", pax_m, "m", "passengers times distance"),
    ROW("aircraft_m", aircraft_m, "m", "distance flown"),
    ROW("energy_used_J", energy_used_j, "J", "energy of flight"),
    ROW("energy_charged_J", energy_charged_j, "J", "energy charged"),
    ROW("pax_wait_ms", pax_wait_ms, "ms", "waiting of passengers who boarded"),
    ROW("tod_ms", tod_ms, "ms", "take-off delays"),
    ROW("sep_wait_ms", sep_wait_ms, "ms", "waiting for a corridor"),
    ROW("charge_sessions", charge_sessions, NULL, "times an aircraft charged"),
    ROW("charge_wait_ms", charge_wait_ms, "ms", "waiting for a charger"),
    ROW("swaps", swaps, NULL, "times an aircraft made room at a charger"),
    ROW("failures", failures, NULL, "failures found at landing"),
    ROW("down_ms", down_ms, "ms", "repairs"),
    ROW("blocked_closed", blocked_closed, NULL, "destinations refused for weather"),
    ROW("blocked_full", blocked_full, NULL, "destinations refused for want of a stand"),
    ROW("blocked_energy", blocked_energy, NULL, "destinations refused for want of energy"),
    ROW("terminal_J", terminal_j, "J", "energy missing at the end"),
    ROW("generated", generated, NULL, "passengers who appeared"),
    ROW("unserved", unserved, NULL, "passengers lost"),
    ROW("profit_uusd", profit_uusd, "uUSD", "revenue less carrying and electricity"),
    ROW("end_ms", end_ms, "ms", "time of the last event"),
    ROW("events", events, NULL, "records of the trace"),
    {.name = NULL},
};
