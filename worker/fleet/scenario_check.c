// SPDX-License-Identifier: MIT
// scenario_check.c - what must hold between the keys of a scenario, and its name as a hash.
#include <inttypes.h>
#include <string.h>

#include "worker/fleet/scenario.h"

// Times within a day are kept in so many bits (queue.h).
#define DAY_LIMIT (INT64_C(1) << 40)

static int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

// When every aircraft waits for every other one in one corridor, once.
static int64_t longest_day(const struct scenario *s)
{
    int64_t extent = 0, flight = 0, charge = 0;
    int64_t least_speed = INT64_MAX;

    for (uint32_t i = 0; i < s->n_ports; i++)
        extent = max_of(extent, max_of(s->ports[i].x < 0 ? -s->ports[i].x : s->ports[i].x,
                                       s->ports[i].y < 0 ? -s->ports[i].y : s->ports[i].y));
    for (uint32_t i = 0; i < s->n_types; i++) {
        const struct scenario_type *y = &s->types[i];
        least_speed = y->speed_m_per_h < least_speed ? y->speed_m_per_h : least_speed;
        charge = max_of(charge, y->battery_j * 1000 / y->charge_w + 1);
    }
    flight = 4 * extent * 3600000 / least_speed + 1;
    int64_t headway = s->sep_m * 3600000 / least_speed + 1;
    return s->t_end_ms + s->hold_ms + s->takeoff_ms + s->landing_ms + 2 * s->tod_mean_max_ms
           + s->down_max_ms + charge * (s->n_aircraft + 1) + flight
           + (s->n_aircraft + 1) * (headway + (s->n_types > 1 ? flight : 0));
}

static enum error check_times(const struct scenario *s, struct errtext *t)
{
    int64_t day = s->t_end_ms - s->t_start_ms;

    if (day <= 0)
        return errtext_set(t, ERR_PARSE, "t_end_ms is not after t_start_ms");
    if (day % s->bin_ms)
        return errtext_set(t, ERR_PARSE,
                           "bin_ms %" PRId64 " does not divide the day of %" PRId64
                           " ms, expected a divisor",
                           s->bin_ms, day);
    if (day / s->bin_ms > SCENARIO_BINS_MAX)
        return errtext_set(t, ERR_PARSE, "the day has %" PRId64 " bins, expected at most %d",
                           day / s->bin_ms, SCENARIO_BINS_MAX);
    if (s->patience_ms < s->bin_ms)
        return errtext_set(t, ERR_PARSE, "patience_ms is below bin_ms, expected at least it");
    if (s->down_max_ms < s->down_min_ms)
        return errtext_set(t, ERR_PARSE, "down_max_ms is below down_min_ms");
    if (s->od_mult_max_pct < s->od_mult_min_pct)
        return errtext_set(t, ERR_PARSE, "od_mult_max_pct is below od_mult_min_pct");
    if (longest_day(s) >= DAY_LIMIT)
        return errtext_set(t, ERR_LIMIT,
                           "a day may last longer than 2^40 ms: lower sep_m, n_aircraft or "
                           "battery_J, or raise speed_m_per_h or charge_W");
    return OK;
}

enum error scenario_check(const struct scenario *s, struct errtext *t)
{
    int64_t stands = 0;

    for (uint32_t i = 0; i < s->n_ports; i++)
        stands += s->ports[i].park + s->ports[i].charge;
    if (stands < s->n_aircraft)
        return errtext_set(t, ERR_PARSE,
                           "n_aircraft %" PRId64 " is above the %" PRId64
                           " stands (park + charge), expected a stand each",
                           s->n_aircraft, stands);
    for (uint32_t i = 0; i < s->n_closures; i++)
        if (s->closures[i].j >= s->n_ports)
            return errtext_set(t, ERR_PARSE, "closures[%" PRIu32 "] names no vertiport", i);
    return check_times(s, t);
}

static void put_int(struct sha256_stream *h, int64_t x)
{
    uint8_t b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)((uint64_t)x >> (8 * i));
    sha256_add(h, b, sizeof b);
}

static void put_ints(struct sha256_stream *h, const void *p, size_t bytes, uint32_t n)
{
    put_int(h, n);
    for (size_t i = 0; i < bytes * n / sizeof(int64_t); i++)
        put_int(h, ((const int64_t *)p)[i]);
}

struct sha256 scenario_hash(const struct scenario *s)
{
    struct sha256_stream h;

    sha256_start(&h);
    sha256_add(&h, s->name, strlen(s->name) + 1);
    for (const struct scenario_key *k = scenario_keys; k->name; k++)
        put_int(&h, *(const int64_t *)(const void *)((const char *)s + k->offset));
    put_ints(&h, s->elec_uusd_per_kwh, sizeof *s->elec_uusd_per_kwh, 24);
    put_ints(&h, s->types, sizeof *s->types, s->n_types);
    put_ints(&h, s->ports, sizeof *s->ports, s->n_ports);
    put_ints(&h, s->peaks, sizeof *s->peaks, s->n_peaks);
    put_ints(&h, s->closures, sizeof *s->closures, s->n_closures);
    for (uint32_t i = 0; i < s->n_demand; i++)
        put_ints(&h, &s->demand[i], offsetof(struct scenario_demand, line), 1);
    return sha256_end(&h);
}
