// SPDX-License-Identifier: MIT
#include "worker/fleet/observe.h"

#include <string.h>

#include "common/mem.h"

#define HOUR_MS   3600000
#define DOLLAR    1e6F
#define FARE_UNIT (50 * DOLLAR)

// Of one vertiport and hour, what does not change from day to day.
struct hour {
    float departures, arrivals, fare, price;
};

struct observer {
    const struct world *world;
    uint32_t n_hours;
    struct hour *hours; // [V][n_hours]
    int64_t x0, y0;
    float width, height;
};

static int64_t bin_hour(const struct world *w, uint32_t b)
{
    return (int64_t)b * w->scenario->bin_ms / HOUR_MS;
}

// Sums are of integers: no order shows.
static void fill_port(struct observer *o, uint32_t v, uint32_t h)
{
    const struct world *w = o->world;
    int64_t out = 0, in = 0, fares = 0, n_fares = 0;
    for (uint32_t k = 0; k < w->n_links; k++) {
        const struct world_link *l = &w->links[k];
        if (l->demand == WORLD_NO_LINK || (l->from != v && l->to != v))
            continue;
        for (uint32_t b = 0; b < w->n_bins; b++) {
            if (bin_hour(w, b) != h)
                continue;
            int64_t lam = w->lam[l->of_class * w->n_bins_padded + b];
            in += l->to == v ? lam : 0;
            out += l->from == v ? lam : 0;
            fares += l->from == v ? world_fare(w, l, b) : 0;
            n_fares += l->from == v;
        }
    }
    int64_t mean = n_fares ? fares / n_fares : 0;
    int64_t t = w->scenario->t_start_ms + (int64_t)h * HOUR_MS;
    o->hours[v * o->n_hours + h] = (struct hour){
        .departures = (float)out / (65536.0F * 16),
        .arrivals = (float)in / (65536.0F * 16),
        .fare = (float)mean / FARE_UNIT,
        .price = (float)w->scenario->elec_uusd_per_kwh[t / HOUR_MS % 24] / (0.5F * DOLLAR),
    };
}

static void measure(struct observer *o)
{
    const struct scenario *s = o->world->scenario;
    int64_t x1 = o->x0 = s->ports[0].x, y1 = o->y0 = s->ports[0].y;
    for (uint32_t v = 1; v < s->n_ports; v++) {
        o->x0 = s->ports[v].x < o->x0 ? s->ports[v].x : o->x0;
        o->y0 = s->ports[v].y < o->y0 ? s->ports[v].y : o->y0;
        x1 = s->ports[v].x > x1 ? s->ports[v].x : x1;
        y1 = s->ports[v].y > y1 ? s->ports[v].y : y1;
    }
    o->width = (float)(x1 > o->x0 ? x1 - o->x0 : 1);
    o->height = (float)(y1 > o->y0 ? y1 - o->y0 : 1);
}

struct observer *observe_create(const struct world *w)
{
    struct observer *o = mem_alloc(sizeof *o);
    o->world = w;
    o->n_hours = (uint32_t)bin_hour(w, w->n_bins - 1) + 1;
    o->hours = mem_alloc((size_t)w->n_ports * o->n_hours * sizeof *o->hours);
    measure(o);
    for (uint32_t v = 0; v < w->n_ports; v++)
        for (uint32_t h = 0; h < o->n_hours; h++)
            fill_port(o, v, h);
    return o;
}

void observe_destroy(struct observer *o)
{
    if (!o)
        return;
    mem_free(o->hours);
    mem_free(o);
}

static void place_of(const struct observer *o, uint32_t v, float *f)
{
    const struct scenario_port *p = &o->world->scenario->ports[v];
    f[0] = (float)(p->x - o->x0) / o->width;
    f[1] = (float)(p->y - o->y0) / o->height;
}

static void see_port(const struct observer *o, const struct day *d, uint32_t v, float *f)
{
    const struct epoch *e = day_epoch(d);
    struct day_port p = day_port(d, v);
    float stands = (float)(p.charge + p.park > 0 ? p.charge + p.park : 1);
    place_of(o, v, f);
    f[2] = (float)p.n_charge / (float)(p.charge ? p.charge : 1);
    f[3] = (float)p.n_park / (float)(p.park ? p.park : 1);
    f[4] = (float)p.n_in / stands;
    f[5] = ((float)(p.charge + p.park) - (float)(p.n_charge + p.n_park + p.n_in)) / stands;
    f[6] = (float)p.n_queue / stands;
    f[7] = (float)p.charge / 16;
    f[8] = (float)p.park / 16;
    f[9] = (float)p.tod_mean_ms / 360000;
    f[10] = v != e->place && day_closed(d, e->place, v);
    f[11] = (e->feasible[v / 64] >> v % 64 & 1) != 0;
    f[12] = v == e->place;
    f[13] = world_is_core(o->world, v);
}

static int status_column(enum day_status s)
{
    switch (s) {
    case DAY_PREP:
    case DAY_FLY:
        return 6;
    case DAY_CHARGING:
    case DAY_WAITCHG:
        return 7;
    case DAY_DOWN:
        return 8;
    default:
        return 5;
    }
}

static void see_aircraft(const struct observer *o, const struct day *d, uint32_t i, float *f)
{
    struct day_aircraft a = day_aircraft(d, i);
    const struct scenario_type *type = &o->world->scenario->types[a.type];
    int64_t left = a.next_ms < 0 ? 0 : a.next_ms - day_time(d);
    left = left < 0 ? 0 : left > 2 * HOUR_MS ? 2 * HOUR_MS : left;
    memset(f, 0, OBSERVE_AIRCRAFT * sizeof *f);
    place_of(o, a.dest, f);
    f[2] = (float)type->seats / 8;
    f[3] = (float)a.energy_j / (float)type->battery_j;
    f[4] = (float)left / HOUR_MS;
    f[status_column(a.status)] = 1;
    f[9] = i == day_epoch(d)->aircraft;
}

struct observe_hours observe_hours(const struct observer *o, const struct day *d, uint32_t v)
{
    struct observe_hours h = {.port = v};
    h.hour = (uint32_t)((day_time(d) - o->world->scenario->t_start_ms) / HOUR_MS);
    for (uint32_t j = 0; j < o->world->n_ports; j++)
        h.waiting += j != v ? day_waiting(d, v, j) : 0;
    return h;
}

void observe_series(const struct observer *o, const struct observe_hours *h, float *out)
{
    memset(out, 0, (size_t)OBSERVE_HOURS * OBSERVE_SERIES * sizeof *out);
    for (uint32_t k = 0; k < OBSERVE_HOURS && h->hour + k < o->n_hours; k++) {
        const struct hour *of = &o->hours[h->port * o->n_hours + h->hour + k];
        float *row = out + (size_t)k * OBSERVE_SERIES;
        row[0] = of->departures;
        row[1] = of->arrivals;
        row[2] = of->fare;
        row[3] = of->price;
    }
    out[4] = (float)h->waiting / 16;
}

static void see_series(const struct observer *o, const struct day *d, uint32_t v, float *f)
{
    const struct observe_hours h = observe_hours(o, d, v);
    observe_series(o, &h, f);
}

static void see_pair(const struct observer *o, const struct day *d, uint32_t v, float *f)
{
    const struct epoch *e = day_epoch(d);
    const struct world *w = o->world;
    const struct scenario_type *type = &w->scenario->types[e->type];
    memset(f, 0, OBSERVE_PAIR * sizeof *f);
    uint32_t link = v == e->place ? WORLD_NO_LINK : world_link(w, e->place, v);
    if (link == WORLD_NO_LINK)
        return;
    const struct world_leg *leg = world_leg(w, e->type, link);
    int64_t margin = day_fare(d, e->place, v) - w->links[link].opcost_uusd;
    f[0] = (float)day_waiting(d, e->place, v) / (float)type->seats;
    f[1] = (float)margin / FARE_UNIT;
    f[2] = (float)leg->flight_ms / HOUR_MS;
    f[3] = (float)leg->trip_j / (float)type->battery_j;
}

void observe(const struct observer *o, const struct day *d, const struct observation *out)
{
    for (uint32_t v = 0; v < o->world->n_ports; v++) {
        see_port(o, d, v, out->ports + (size_t)v * OBSERVE_PORT);
        if (out->series)
            see_series(o, d, v, out->series + (size_t)v * OBSERVE_HOURS * OBSERVE_SERIES);
        see_pair(o, d, v, out->pairs + (size_t)v * OBSERVE_PAIR);
    }
    for (uint32_t i = 0; i < o->world->n_aircraft; i++)
        see_aircraft(o, d, i, out->aircraft + (size_t)i * OBSERVE_AIRCRAFT);
    day_mask(d, out->mask);
}
