// SPDX-License-Identifier: MIT
// fuzz_trace.c - the reader of a fleet's traces against any bytes.
//
// Two oracles.  Accepted: the flights are JSON with one feature a LAND.  Generated: a trace
// made from the input, as the simulator writes one, is accepted with all of its flights.
//
// Threads    Single.
#include <string.h>

#include "cluster/client/geojson.h"
#include "common/json.h"
#include "tests/fuzz/fuzz.h"
#include "worker/fleet/trace.h"

enum { PLACES = 3, AIRCRAFT = 5, INPUT_MAX = 1 << 16, FLIGHTS_MAX = 64 };

static struct value three_places(struct arena *a)
{
    struct value scenario = value_map(), list = value_list();
    for (int i = 0; i < PLACES; i++) {
        struct value place = value_map();
        (void)value_set(a, &place, "x", value_int(1000 * i));
        (void)value_set(a, &place, "y", value_int(-7000 * i));
        (void)value_push(a, &list, place);
    }
    (void)value_set(a, &scenario, "vertiports", list);
    return scenario;
}

static enum error
read_trace(const struct buf *trace, struct arena *a, struct value *out, struct errtext *t)
{
    struct value scenario = three_places(a);
    struct geojson_origin origin = {40.5, -74};
    struct buf text;
    buf_init(&text, SIZE_MAX / 4);
    enum error e = geojson_trips(trace, &scenario, &origin, &text, t);
    if (!e)
        demand(json_parse(buf_cstr(&text), text.n, a, out, t) == OK, "trips are JSON");
    buf_fini(&text);
    return e;
}

static uint32_t n_features(const struct value *trips)
{
    const struct value *list = value_find(trips, "features");
    demand(list && list->type == VALUE_LIST, "trips have features");
    return list->n;
}

static void any_bytes(const uint8_t *data, size_t size, struct arena *a)
{
    struct value trips;
    struct errtext t = {{0}};
    struct buf b;
    buf_init(&b, INPUT_MAX);
    buf_put(&b, data, size);
    if (read_trace(&b, a, &trips, &t))
        demand(*t.text && !strchr(t.text, '\n'), "one line says why");
    else
        demand(n_features(&trips) <= size, "a flight takes a line");
    buf_fini(&b);
}

static void put(struct buf *b, int64_t ev, const uint8_t *p, int64_t t)
{
    struct record r = {.t = t,
                       .a = p[0] % AIRCRAFT,
                       .ev = ev,
                       .from = p[1] % PLACES,
                       .to = p[2] % PLACES,
                       .pax = p[3] % 5,
                       .lane = (int64_t)(p[3] % 3) - 1,
                       .energy_j = p[0] * INT64_C(1000000007),
                       .money_uusd = -(int64_t)p[1]};
    trace_put_record(b, &r);
}

// Four bytes a flight.
static void generated(const uint8_t *data, size_t size, struct arena *a)
{
    struct trace_head head = {"made", "random", UINT64_MAX, 7};
    struct metrics metrics = {0};
    struct value trips;
    struct errtext t = {{0}};
    struct buf b;
    uint32_t n = 0;
    buf_init(&b, SIZE_MAX / 4);
    trace_put_head(&b, &head);
    for (; n < FLIGHTS_MAX && 4 * (size_t)(n + 1) <= size; n++) {
        put(&b, TRACE_DISPATCH, data + 4 * (size_t)n, n);
        put(&b, TRACE_TAKEOFF, data + 4 * (size_t)n, n + 1);
        put(&b, TRACE_LAND, data + 4 * (size_t)n, INT64_MAX - n);
    }
    trace_put_metrics(&b, &metrics, size);
    demand(read_trace(&b, a, &trips, &t) == OK, "a trace is accepted");
    demand(n_features(&trips) == n, "all of its flights");
    demand(value_find(&trips, "trace_hash") != NULL, "and its hash");
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX)
        return 0;
    struct arena *a = arena_create();
    any_bytes(data, size, a);
    arena_reset(a);
    generated(data, size, a);
    arena_destroy(a);
    return 0;
}
