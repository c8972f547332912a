// SPDX-License-Identifier: MIT
// day_reset.c - a new day: its memory, its passengers, the first places.
#include "common/mem.h"
#include "worker/fleet/day_state.h"

static size_t aligned(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

// Where the parts of a day lie behind its struct; with `base` NULL only the size.
static size_t lay_out(const struct world *w, struct day *d, uint8_t *base)
{
    size_t words = w->n_words * sizeof(uint64_t);
    const uint32_t draws[] = {w->n_demand, w->n_pairs, w->n_ports, w->n_aircraft};
    uint32_t longest = 0;
    for (int k = 0; k < 4; k++)
        longest = draws[k] > longest ? draws[k] : longest;
    const struct {
        void *place;
        size_t n;
    } parts[] = {
        {&d->queue.node, 2 * (size_t)queue_leaves(w->n_aircraft) * sizeof(uint64_t)},
        {&d->aircraft, w->n_aircraft * sizeof(struct aircraft)},
        {&d->ports, w->n_ports * sizeof(struct port)},
        {&d->rings, (w->n_aircraft + 3 * (size_t)w->n_ports) * sizeof(struct ring)},
        {&d->lanes, (size_t)w->n_links * (size_t)w->scenario->lanes * sizeof(struct lane)},
        {&d->waiting, (size_t)w->n_demand * w->n_bins_padded + sizeof(uint64_t)},
        {&d->has_room, words},
        {&d->closed, w->n_ports * words},
        {&d->feasible, words},
        {&d->draws, w->n_aircraft * sizeof(struct draws)},
        {&d->scratch, draws_padded(longest) * sizeof(uint32_t)},
    };
    size_t n = aligned(sizeof *d);

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        uint8_t *at = base ? base + n : NULL;
        if (base)
            memcpy(parts[i].place, &at, sizeof at);
        n += aligned(parts[i].n);
    }
    return n;
}

size_t day_bytes(const struct world *w)
{
    struct day unused;
    return lay_out(w, &unused, NULL);
}

struct day *day_create(const struct world *w)
{
    size_t n = day_bytes(w);
    struct day *d = mem_alloc(n);

    d->n_bytes = lay_out(w, d, (uint8_t *)d);
    d->world = w;
    d->queue.n_leaves = queue_leaves(w->n_aircraft);
    d->hashing = true;
    return d;
}

void day_copy(struct day *to, const struct day *from)
{
    memcpy(to, from, from->n_bytes);
    (void)lay_out(from->world, to, (uint8_t *)to);
    to->epoch.feasible = to->feasible;
}

void day_destroy(struct day *d)
{
    mem_free(d);
}

// Imported passengers (demand.h) stand for the drawn ones.
static void take_given(struct day *d)
{
    const struct world *w = d->world;

    memset(d->waiting, 0, (size_t)w->n_demand * w->n_bins_padded);
    for (uint32_t i = 0; i < w->scenario->n_demand; i++) {
        const struct world_given *g = &w->given[i];
        d->waiting[(size_t)g->row * w->n_bins_padded + g->bin] = (uint8_t)g->passengers;
        d->m.generated += g->passengers;
    }
}

void day_draw_demand(struct day *d)
{
    const struct world *w = d->world;
    const struct scenario *s = w->scenario;
    uint64_t sum = 0;

    struct address od = {0, 0, STREAM_OD, d->episode};
    w->draws->words(d->seed, od, 0, w->demand_entity, draws_padded(w->n_demand), d->scratch);
    for (uint32_t k = 0; k < w->n_demand; k++) {
        const struct world_demand *pair = &w->demand[k];
        int64_t m = s->od_mult_min_pct
                    + draws_scale(d->scratch[k], s->od_mult_max_pct - s->od_mult_min_pct + 1);
        struct address at = {0, pair->entity, STREAM_DEMAND, d->episode};
        struct demand row = {w->lam + (size_t)pair->of_class * w->n_bins_padded, (uint32_t)m};
        sum += w->draws->cells(d->seed, at, row, w->n_bins_padded,
                               d->waiting + (size_t)k * w->n_bins_padded);
    }
    d->m.generated = (int64_t)sum;
}

// Into the scratch: word 0 of the stream's first blocks of 0, 1, … n - 1.
static void draw_first(struct day *d, enum stream stream, uint32_t n)
{
    const struct world *w = d->world;
    struct address at = {0, 0, stream, d->episode};
    w->draws->words(d->seed, at, 0, w->numbers, draws_padded(n), d->scratch);
}

static void open_ports(struct day *d)
{
    const struct world *w = d->world;
    const struct scenario *s = w->scenario;

    draw_first(d, STREAM_TOD_MEAN, w->n_ports);
    memset(d->has_room, 0, w->n_words * sizeof *d->has_room);
    for (uint32_t v = 0; v < w->n_ports; v++) {
        for (enum day_stand k = DAY_NONE; k <= DAY_CHARGER; k++) {
            uint32_t head = day_ring(d, v, k);
            d->rings[head] = (struct ring){head, head};
        }
        d->ports[v] = (struct port){
            .n_stands = {[DAY_PLAIN] = (uint32_t)s->ports[v].park,
                         [DAY_CHARGER] = (uint32_t)s->ports[v].charge},
            .queue_first = NOBODY,
            .queue_last = NOBODY,
            .tod_mean_ms = draws_scale(d->scratch[v], s->tod_mean_max_ms + 1),
        };
    }
}

// Specification 4.8.
void day_place_all(struct day *d)
{
    const struct world *w = d->world;

    open_ports(d);
    draw_first(d, STREAM_PLACE, w->n_aircraft);
    for (uint32_t a = 0; a < w->n_aircraft; a++) {
        uint32_t v = (uint32_t)draws_scale(d->scratch[a], w->n_ports);
        while (!port_has(&d->ports[v], DAY_PLAIN) && !port_has(&d->ports[v], DAY_CHARGER))
            v = (v + 1) % w->n_ports;
        uint32_t type = a % w->n_types;
        d->aircraft[a] = (struct aircraft){
            .energy_j = w->scenario->types[type].battery_j,
            .place = v,
            .dest = v,
            .type = (uint8_t)type,
        };
        day_stand_on(d, a, port_has(&d->ports[v], DAY_PLAIN) ? DAY_PLAIN : DAY_CHARGER);
        queue_set(&d->queue, a, queue_key(w->scenario->t_start_ms, EVENT_DECIDE, a));
    }
    for (uint32_t v = 0; v < w->n_ports; v++)
        if (port_has(&d->ports[v], DAY_PLAIN) || port_has(&d->ports[v], DAY_CHARGER))
            d->has_room[v / 64] |= UINT64_C(1) << (v % 64);
}

void day_reset(struct day *d, uint64_t seed, uint32_t episode)
{
    const struct world *w = d->world;

    d->seed = seed;
    d->episode = episode;
    d->acting = false;
    d->t = w->scenario->t_start_ms;
    d->next_closed_ms = d->next_change_ms = INT64_MIN;
    d->money_uusd = 0;
    d->hash = d->hashing ? TRACE_HASH_START : 0;
    d->m = (struct metrics){0};
    queue_reset(&d->queue);
    for (size_t k = 0; k < (size_t)w->n_links * (size_t)w->scenario->lanes; k++)
        d->lanes[k] = (struct lane){LANE_UNUSED, LANE_UNUSED, 0};
    if (w->given)
        take_given(d);
    else
        day_draw_demand(d);
    day_place_all(d);
    day_advance(d, d->t);
}
