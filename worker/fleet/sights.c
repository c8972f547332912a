// SPDX-License-Identifier: MIT
#include "worker/fleet/sights.h"

#include <string.h>

#include "common/mem.h"

// Entries of one row, by field.
struct widths {
    size_t ports, aircraft, series, pairs, mask;
};

static struct widths widths_of(const struct world *w)
{
    const size_t v = w->n_ports;
    return (struct widths){
        v * OBSERVE_PORT,
        (size_t)w->n_aircraft * OBSERVE_AIRCRAFT,
        v * OBSERVE_HOURS * OBSERVE_SERIES,
        v * OBSERVE_PAIR,
        v,
    };
}

size_t sights_bytes(const struct world *w)
{
    const struct widths k = widths_of(w);
    return (k.ports + k.aircraft + k.series + k.pairs) * sizeof(float) + k.mask
           + sizeof(uint32_t);
}

void sights_init(struct sights *s, const struct world *w, size_t n)
{
    const struct widths k = widths_of(w);
    *s = (struct sights){
        .world = w,
        .seen = {mem_alloc(n * k.ports * sizeof(float)),
                 mem_alloc(n * k.aircraft * sizeof(float)),
                 mem_alloc(n * k.series * sizeof(float)),
                 mem_alloc(n * k.pairs * sizeof(float)), mem_alloc(n * k.mask)},
        .deciding = mem_alloc(n * sizeof(uint32_t)),
    };
}

void sights_drop_series(struct sights *s)
{
    mem_free(s->seen.series);
    s->seen.series = NULL;
}

void sights_fini(struct sights *s)
{
    mem_free(s->seen.ports);
    mem_free(s->seen.aircraft);
    mem_free(s->seen.series);
    mem_free(s->seen.pairs);
    mem_free(s->seen.mask);
    mem_free(s->deciding);
    *s = (struct sights){0};
}

static struct observation row(const struct sights *s, size_t i)
{
    const struct widths k = widths_of(s->world);
    return (struct observation){
        s->seen.ports + i * k.ports,
        s->seen.aircraft + i * k.aircraft,
        s->seen.series ? s->seen.series + i * k.series : NULL,
        s->seen.pairs + i * k.pairs,
        s->seen.mask + i * k.mask,
    };
}

void sights_take(struct sights *s, size_t i, const struct observer *o, const struct day *d)
{
    const struct observation to = row(s, i);
    observe(o, d, &to);
    s->deciding[i] = day_epoch(d)->aircraft;
}

void sights_copy(struct sights *s, size_t i, const struct sights *from, size_t j)
{
    const struct widths k = widths_of(s->world);
    const struct observation to = row(s, i), of = row(from, j);
    memcpy(to.ports, of.ports, k.ports * sizeof(float));
    memcpy(to.aircraft, of.aircraft, k.aircraft * sizeof(float));
    if (to.series && of.series)
        memcpy(to.series, of.series, k.series * sizeof(float));
    memcpy(to.pairs, of.pairs, k.pairs * sizeof(float));
    memcpy(to.mask, of.mask, k.mask);
    s->deciding[i] = from->deciding[j];
}

struct captain_batch sights_batch(const struct sights *s, size_t first, size_t n)
{
    return (struct captain_batch){
        .n = n,
        .n_ports = s->world->n_ports,
        .n_aircraft = s->world->n_aircraft,
        .seen = row(s, first),
        .deciding = s->deciding + first,
    };
}
