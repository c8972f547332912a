// SPDX-License-Identifier: MIT
// fleet_days.c - the k-th of many odd fleets, and a day of it under a random policy.
//
//   fleet_days K SCENARIO.json TRACE.jsonl
//
// The scenario is drawn from K: few stands, few lanes, frequent failures and closures,
// several types; all keys stand in it, for tests/tools/fleet_check.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "worker/fleet/day.h"

static struct rng rng;

static int64_t between(int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(&rng, (uint64_t)(high - low + 1));
}

static int64_t one_of(int64_t a, int64_t b, int64_t c)
{
    int64_t k = between(0, 2);
    return k == 0 ? a : k == 1 ? b : c;
}

static void put_types(struct buf *b)
{
    int64_t n = between(1, 3);
    buf_puts(b, ",\"aircraft_types\":[");
    for (int64_t i = 0; i < n; i++)
        buf_printf(
            b,
            "%s{\"seats\":%" PRId64 ",\"battery_J\":%" PRId64 ",\"J_per_m\":%" PRId64
            ",\"fixed_J\":%" PRId64 ",\"speed_m_per_h\":%" PRId64 ",\"charge_W\":%" PRId64 "}",
            i ? "," : "", between(1, 9), between(200000000, 600000000), between(3000, 6000),
            one_of(0, 1000000, 20000000), between(90000, 300000), between(60000, 400000));
    buf_puts(b, "]");
}

static void put_closures(struct buf *b, int64_t n_ports)
{
    buf_puts(b, ",\"closures\":[");
    for (int64_t i = 0, n = between(0, 3); i < n; i++) {
        int64_t low = between(0, n_ports - 2), from = between(21000000, 60000000);
        buf_printf(b,
                   "%s{\"i\":%" PRId64 ",\"j\":%" PRId64 ",\"from_ms\":%" PRId64
                   ",\"to_ms\":%" PRId64 "}",
                   i ? "," : "", low, between(low + 1, n_ports - 1), from,
                   from + between(1, 9000000));
    }
    buf_puts(b, "]");
}

static void put_ports(struct buf *b, int64_t n_ports, int64_t n_aircraft)
{
    int64_t each = n_aircraft / n_ports + 1; // hardly enough stands
    buf_puts(b, ",\"vertiports\":[");
    for (int64_t i = 0; i < n_ports; i++)
        buf_printf(b,
                   "%s{\"x\":%" PRId64 ",\"y\":%" PRId64 ",\"park\":%" PRId64
                   ",\"charge\":%" PRId64 ",\"core\":%" PRId64 "}",
                   i ? "," : "", between(0, 70000), between(0, 70000),
                   between(each / 2 + 1, each), i % 4 == 3 ? 0 : between(each / 2 + 1, each),
                   between(0, 1));
    buf_puts(b, "]");
}

// Of the scalar keys those that are not drawn have their defaults.
static int64_t value_of(const struct scenario_key *k, int64_t n_aircraft)
{
    if (!strcmp(k->name, "n_aircraft"))
        return n_aircraft;
    if (!strcmp(k->name, "lanes"))
        return between(1, 3);
    if (!strcmp(k->name, "sep_m"))
        return one_of(0, 926, 9000);
    if (!strcmp(k->name, "close_ppm") || !strcmp(k->name, "fail_ppm"))
        return one_of(0, 50000, 300000);
    if (!strcmp(k->name, "close_window_ms"))
        return one_of(3600000, 1000000, 7000000);
    if (!strcmp(k->name, "hold_ms"))
        return one_of(900000, 123457, 1800000);
    if (!strcmp(k->name, "tod_mean_max_ms") || !strcmp(k->name, "takeoff_ms"))
        return one_of(0, 360000, 1000000);
    if (!strcmp(k->name, "reserve_J"))
        return one_of(0, 19800000, 50000000);
    if (!strcmp(k->name, "patience_ms"))
        return one_of(900000, 3600000, 5000000);
    return k->fallback;
}

static void put_scenario(struct buf *b)
{
    int64_t n_ports = between(2, 12), n_aircraft = between(1, 60);
    buf_puts(b, "{\"name\":\"odd\",\"version\":1");
    for (const struct scenario_key *k = scenario_keys; k->name; k++)
        buf_printf(b, ",\"%s\":%" PRId64, k->name, value_of(k, n_aircraft));
    put_types(b);
    put_closures(b, n_ports);
    put_ports(b, n_ports, n_aircraft);
    buf_puts(b, "}\n");
}

static void keep(void *ctx, const struct record *r)
{
    trace_put_record(ctx, r);
}

static int write_file(const char *path, const struct buf *b)
{
    FILE *f = fopen(path, "wb");
    if (!f)
        return 1;
    size_t n = fwrite(b->bytes, 1, b->n, f);
    return fclose(f) != 0 || n != b->n;
}

int main(int argc, char **argv)
{
    struct buf text, trace;
    struct scenario s;
    struct world *w;
    struct errtext t = {{0}};
    struct arena *a = arena_create();

    if (argc != 4)
        return 2;
    uint64_t k = strtoull(argv[1], NULL, 10);
    rng = rng_at(k, 0, 0, 0);
    buf_init(&text, 1 << 20);
    buf_init(&trace, SIZE_MAX / 4);
    put_scenario(&text);
    if (scenario_parse(buf_cstr(&text), text.n, "odd", a, &s, &t) || world_create(&s, &w, &t)) {
        (void)fprintf(stderr, "fleet_days %" PRIu64 ": %s\n", k, t.text);
        return 1;
    }
    struct day *d = day_create(w);
    trace_put_head(&trace, &(struct trace_head){s.name, "random", k, 0});
    day_set_trace(d, keep, &trace);
    day_reset(d, k, 0);
    day_run(d, policy_find("random"), NULL);
    trace_put_metrics(&trace, day_metrics(d), day_hash(d));
    int failed = write_file(argv[2], &text) || write_file(argv[3], &trace);
    buf_fini(&text);
    buf_fini(&trace);
    day_destroy(d);
    world_destroy(w);
    arena_destroy(a);
    return failed;
}
