// SPDX-License-Identifier: MIT
#include "cluster/client/geojson.h"

#include <math.h>
#include <string.h>

#include "cluster/client/show.h"
#include "common/json.h"
#include "common/map.h"
#include "common/number.h"
#include "common/version.h"

// Metres of a degree of latitude on a sphere of the Earth's mean radius.
#define METRES_A_DEGREE 111194.926644

enum error geojson_origin(const char *text, struct geojson_origin *out, struct errtext *t)
{
    *out = (struct geojson_origin){0, 0};
    if (!text)
        return OK;
    const char *comma = strchr(text, ',');
    if (!comma || !number_parse_f64(text, (size_t)(comma - text), &out->latitude)
        || !number_parse_f64(comma + 1, strlen(comma + 1), &out->longitude)
        || !(fabs(out->latitude) < 89) || !(fabs(out->longitude) <= 180))
        return errtext_set(
            t, ERR_INVALID,
            "origin is '%.60s', expected LAT,LON with LAT inside -89 to 89, LON -180 to 180",
            text);
    return OK;
}

struct trips {
    const struct geojson_origin *origin;
    struct scenario_place *places;
    uint32_t n_places;
    struct map takeoffs; // aircraft -> time of its last one
    struct buf *out;
    bool any, has_head, has_metrics;
};

static void put_point(struct trips *x, uint32_t place, double ms)
{
    double shrink = cos(x->origin->latitude * acos(-1) / 180);
    double lon = x->origin->longitude + x->places[place].x / (METRES_A_DEGREE * shrink);
    double lat = x->origin->latitude + x->places[place].y / METRES_A_DEGREE;
    buf_printf(x->out, "[%.6f,%.6f,0,%.3f]", lon, lat, ms / 1000);
}

// A count or a time of a record; what is none is 0.
static uint64_t whole(const struct value *r, const char *key)
{
    const struct value *v = value_find(r, key);
    return v && v->type == VALUE_INT && v->i > 0 ? (uint64_t)v->i : 0;
}

static enum error put_flight(struct trips *x, const struct value *r, struct errtext *t)
{
    double from = show_number(r, "from"), to = show_number(r, "to");
    uint64_t aircraft = whole(r, "a"), takeoff;
    if (!(from >= 0 && from < x->n_places && to >= 0 && to < x->n_places))
        return errtext_set(t, ERR_PARSE, "the trace names a place that the scenario lacks");
    if (!map_find(&x->takeoffs, aircraft, &takeoff))
        return errtext_set(t, ERR_PARSE, "the trace lands an aircraft that did not take off");
    buf_puts(x->out, x->any ? ",\n" : "\n");
    buf_printf(x->out,
               "{\"type\":\"Feature\",\"properties\":{\"aircraft\":%.0f,\"from\":%.0f,"
               "\"to\":%.0f,\"passengers\":%.0f,\"lane\":%.0f},"
               "\"geometry\":{\"type\":\"LineString\",\"coordinates\":[",
               (double)aircraft, from, to, (double)whole(r, "pax"), (double)whole(r, "lane"));
    put_point(x, (uint32_t)from, (double)takeoff);
    buf_puts(x->out, ",");
    put_point(x, (uint32_t)to, (double)whole(r, "t"));
    buf_puts(x->out, "]}}");
    x->any = true;
    return OK;
}

static enum error take_line(struct trips *x, const struct value *r, struct errtext *t)
{
    const char *ev = show_text(r, "ev");
    if (strcmp(ev, "TAKEOFF") == 0)
        map_set(&x->takeoffs, whole(r, "a"), whole(r, "t"));
    return strcmp(ev, "LAND") == 0 ? put_flight(x, r, t) : OK;
}

static void put_pair(struct buf *out, const struct value *v, const char *key)
{
    if (!v)
        return;
    buf_printf(out, ",\"%s\":", key);
    value_json(v, out);
}

// What the first line says of the day, and the hash of the last one.
static enum error
put_head(struct trips *x, const struct value *v, struct buf *out, struct errtext *t)
{
    static const char *const keys[] = {"spec", "scenario", "seed", "episode", "policy"};
    const struct value *metrics = value_find(v, "metrics");
    if (metrics ? x->has_metrics : x->has_head)
        return errtext_set(t, ERR_PARSE, "the trace has two first or two last lines");
    for (size_t i = 0; !metrics && i < sizeof keys / sizeof *keys; i++)
        put_pair(out, value_find(v, keys[i]), keys[i]);
    if (metrics)
        put_pair(out, value_find(metrics, "trace_hash"), "trace_hash");
    x->has_metrics = x->has_metrics || metrics;
    x->has_head = x->has_head || !metrics;
    return OK;
}

static enum error
read_lines(struct trips *x, const struct buf *trace, struct buf *tail, struct errtext *t)
{
    const char *at = (const char *)trace->bytes, *end = at + trace->n;
    struct arena *a = arena_create();
    enum error e = OK;
    for (const char *stop; !e && at < end; at = stop + 1) {
        struct value v;
        stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        e = json_parse(at, (size_t)(stop - at), a, &v, t);
        if (!e && (value_find(&v, "spec") || value_find(&v, "metrics")))
            e = put_head(x, &v, tail, t);
        else if (!e)
            e = take_line(x, &v, t);
        arena_reset(a);
    }
    arena_destroy(a);
    return e;
}

enum error geojson_trips(const struct buf *trace,
                         const struct value *scenario,
                         const struct geojson_origin *origin,
                         struct buf *out,
                         struct errtext *t)
{
    struct arena *a = arena_create();
    struct trips x = {.origin = origin, .out = out};
    struct buf tail;
    buf_init(&tail, 1 << 20);
    map_init(&x.takeoffs);
    x.n_places = scenario_places(scenario, a, &x.places);
    buf_puts(out, "{\"type\":\"FeatureCollection\",\"features\":[");
    enum error e = x.n_places
                       ? read_lines(&x, trace, &tail, t)
                       : errtext_set(t, ERR_UNSUPPORTED,
                                     "the scenario names no vertiports and no layout: give the "
                                     "job a scenario that does");
    buf_printf(out, "\n],\"version\":\"%s\"", SHOAL_VERSION);
    if (tail.n)
        buf_put(out, tail.bytes, tail.n);
    buf_puts(out, "}\n");
    map_fini(&x.takeoffs);
    buf_fini(&tail);
    arena_destroy(a);
    return e;
}
