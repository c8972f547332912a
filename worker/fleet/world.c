// SPDX-License-Identifier: MIT
#include "worker/fleet/world.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

// Of a day's passengers, one byte a cell.
#define CELLS_MAX (UINT64_C(1) << 30)

int64_t world_isqrt(int64_t n)
{
    int64_t r = (int64_t)sqrt((double)n);
    while (r * r > n)
        r--;
    while ((r + 1) * (r + 1) <= n)
        r++;
    return r;
}

int64_t world_distance(const struct world *w, uint32_t i, uint32_t j)
{
    const struct scenario_port *p = w->scenario->ports;
    int64_t dx = p[i].x - p[j].x, dy = p[i].y - p[j].y;
    return world_isqrt(dx * dx + dy * dy);
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t trip_j(const struct scenario_type *y, int64_t dist)
{
    return y->fixed_j + dist * y->j_per_m;
}

// What must be left at j to fly on to a charger.
static int64_t *escapes(const struct world *w, const struct scenario_type *y)
{
    const struct scenario_port *p = w->scenario->ports;
    int64_t *out = mem_alloc(w->n_ports * sizeof *out);

    for (uint32_t j = 0; j < w->n_ports; j++) {
        int64_t least = INT64_MAX;
        for (uint32_t k = 0; p[j].charge == 0 && k < w->n_ports; k++) {
            if (k == j || p[k].charge == 0)
                continue;
            int64_t x = trip_j(y, world_distance(w, j, k));
            least = x < least ? x : least;
        }
        out[j] = least == INT64_MAX ? 0 : least;
    }
    return out;
}

// Where type y gets to from i with a full battery.
static void reach_from(struct world *w, uint32_t y, uint32_t i, const int64_t *escape)
{
    const struct scenario *s = w->scenario;
    uint64_t *reach = &w->reach[((size_t)y * w->n_ports + i) * w->n_words];
    int64_t *most = &w->most_need_j[(size_t)y * w->n_ports + i];

    for (uint32_t j = 0; j < w->n_ports; j++) {
        int64_t need = trip_j(&s->types[y], world_distance(w, i, j)) + s->reserve_j + escape[j];
        if (i == j || need > s->types[y].battery_j)
            continue;
        reach[j / 64] |= UINT64_C(1) << (j % 64);
        w->link_of[(size_t)i * w->n_ports + j] = 0;
        *most = need > *most ? need : *most;
    }
}

static void find_reach(struct world *w)
{
    for (uint32_t y = 0; y < w->n_types; y++) {
        int64_t *escape = escapes(w, &w->scenario->types[y]);
        for (uint32_t i = 0; i < w->n_ports; i++)
            reach_from(w, y, i, escape);
        mem_free(escape);
    }
}

static void number_links(struct world *w)
{
    for (size_t k = 0; k < (size_t)w->n_ports * w->n_ports; k++)
        if (w->link_of[k] != WORLD_NO_LINK)
            w->link_of[k] = w->n_links++;
    w->links = mem_alloc((w->n_links + 1) * sizeof *w->links);
    w->legs = mem_alloc(((size_t)w->n_links * w->n_types + 1) * sizeof *w->legs);
}

static void fill_link(struct world *w, uint32_t i, uint32_t j, uint32_t link)
{
    const struct scenario *s = w->scenario;
    int64_t dist = world_distance(w, i, j);
    int64_t mmiles = dist * 1000000 / 1609344;

    w->links[link] = (struct world_link){
        .dist_m = dist,
        .fare0_uusd = mmiles * s->fare_uusd_per_mile / 1000,
        .opcost_uusd = mmiles * s->op_uusd_per_pax_mile / 1000,
        .demand = WORLD_NO_LINK,
        .from = i,
        .to = j,
        .of_class = (uint8_t)(2 * s->ports[i].core + s->ports[j].core),
    };
}

static void fill_legs(struct world *w, uint32_t type)
{
    const struct scenario *s = w->scenario;
    const struct scenario_type *y = &s->types[type];
    int64_t *escape = escapes(w, y);

    for (uint32_t k = 0; k < w->n_links; k++) {
        const struct world_link *l = &w->links[k];
        struct world_leg *leg = &w->legs[(size_t)type * w->n_links + k];
        leg->flight_ms = ceil_div(l->dist_m * 3600000, y->speed_m_per_h);
        leg->trip_j = trip_j(y, l->dist_m);
        leg->need_j = leg->trip_j + s->reserve_j + escape[l->to];
        leg->cycle_ms = s->takeoff_ms + leg->flight_ms + s->landing_ms
                        + ceil_div(leg->trip_j * 1000, y->charge_w);
    }
    mem_free(escape);
}

// Rows in order of the pair: all that have demand, also those nobody can fly.
static bool has_demand(const struct world *w, uint32_t k)
{
    const struct scenario *s = w->scenario;
    uint32_t i = k / w->n_ports, j = k % w->n_ports;
    return i != j && (s->od_max_m <= 0 || world_distance(w, i, j) <= s->od_max_m);
}

static void add_demand(struct world *w, uint32_t k, uint32_t n)
{
    const struct scenario_port *ports = w->scenario->ports;
    uint32_t i = k / w->n_ports, j = k % w->n_ports;
    uint32_t of_class = (uint32_t)(2 * ports[i].core + ports[j].core);

    w->demand[n] = (struct world_demand){k, of_class};
    w->demand_entity[n] = k;
    if (w->link_of[k] != WORLD_NO_LINK)
        w->links[w->link_of[k]].demand = n;
}

static enum error find_demand(struct world *w, struct errtext *t)
{
    uint32_t n = 0, n_pairs = w->n_ports * w->n_ports;

    for (uint32_t k = 0; k < n_pairs; k++)
        n += has_demand(w, k);
    if ((uint64_t)n * w->n_bins_padded > CELLS_MAX)
        return errtext_set(t, ERR_LIMIT, "the day has %llu demand cells, at most %llu",
                           (unsigned long long)n * w->n_bins_padded,
                           (unsigned long long)CELLS_MAX);
    w->demand = mem_alloc((n + 1) * sizeof *w->demand);
    w->demand_entity = mem_alloc((n + DRAWS_LANES) * sizeof *w->demand_entity);
    for (uint32_t k = 0; k < n_pairs; k++)
        if (has_demand(w, k))
            add_demand(w, k, w->n_demand++);
    return OK;
}

static enum error refuse(const struct scenario *s,
                         const struct scenario_demand *g,
                         const char *why,
                         struct errtext *t)
{
    return errtext_set(t, ERR_PARSE,
                       "%s:%" PRId64 ": bin %" PRId64 " from %" PRId64 " to %" PRId64 " %s",
                       s->demand_file, g->line, g->bin, g->from, g->to, why);
}

// The rows of an imported demand.
static enum error find_given(struct world *w, struct errtext *t)
{
    const struct scenario *s = w->scenario;
    enum error e = OK;

    if (!s->demand)
        return OK;
    uint32_t *row_of = mem_alloc((size_t)w->n_ports * w->n_ports * sizeof *row_of);
    uint8_t *seen = mem_alloc((size_t)w->n_demand * w->n_bins_padded + 1);
    for (uint32_t k = 0; k < w->n_ports * w->n_ports; k++)
        row_of[k] = WORLD_NO_LINK;
    for (uint32_t k = 0; k < w->n_demand; k++)
        row_of[w->demand[k].entity] = k;
    memset(seen, 0, (size_t)w->n_demand * w->n_bins_padded + 1);
    w->given = mem_alloc((s->n_demand + 1) * sizeof *w->given);
    for (uint32_t i = 0; !e && i < s->n_demand; i++) {
        const struct scenario_demand *g = &s->demand[i];
        bool inside = g->from < w->n_ports && g->to < w->n_ports;
        uint32_t row = inside ? row_of[g->from * w->n_ports + g->to] : WORLD_NO_LINK;
        if (!inside)
            e = refuse(s, g, "names no vertiport, expected numbers below their count", t);
        else if (g->bin >= w->n_bins)
            e = refuse(s, g, "lies behind the day's last bin (see bin_ms)", t);
        else if (row == WORLD_NO_LINK)
            e = refuse(s, g, "is one place, or a pair farther apart than od_max_m", t);
        else if (seen[(size_t)row * w->n_bins_padded + (size_t)g->bin]++)
            e = refuse(s, g, "is there twice, expected one line a cell", t);
        w->given[i] = (struct world_given){row, (uint32_t)g->bin, (uint32_t)g->passengers};
    }
    mem_free(row_of);
    mem_free(seen);
    return e;
}

static int64_t absolute(int64_t x)
{
    return x < 0 ? -x : x;
}

// Specification 6.2: core to core has both peaks, suburb to core those inward.
static bool peak_applies(const struct scenario_peak *p, uint32_t of_class)
{
    return of_class == 3 || (of_class == 1 && !p->outward) || (of_class == 2 && p->outward);
}

static int64_t expected(const struct scenario *s, uint32_t of_class, uint32_t bin)
{
    int64_t tm = s->t_start_ms + bin * s->bin_ms + s->bin_ms / 2;
    int64_t lam = s->demand_base_q16;

    for (uint32_t k = 0; k < s->n_peaks; k++) {
        const struct scenario_peak *p = &s->peaks[k];
        int64_t off = absolute(tm - p->center_ms);
        if (peak_applies(p, of_class) && off < p->half_ms)
            lam += s->demand_peak_q16 * (p->half_ms - off) / p->half_ms;
    }
    return lam;
}

static void fill_expected(struct world *w)
{
    const struct scenario *s = w->scenario;

    for (uint32_t c = 0; c < 4; c++)
        for (uint32_t b = 0; b < w->n_bins; b++) {
            int64_t lam = expected(s, c, b);
            int64_t rise = (lam * s->surge_pct_per_pax) >> 16;
            w->lam[c * w->n_bins_padded + b] = (uint32_t)lam;
            w->surge_pct[c * w->n_bins + b] =
                (uint32_t)(100 + (rise < s->surge_max_pct ? rise : s->surge_max_pct));
        }
}

static void find_pairs(struct world *w)
{
    w->pair_entity = mem_alloc((w->n_links + DRAWS_LANES) * sizeof *w->pair_entity);
    for (uint32_t i = 0; i < w->n_ports; i++)
        for (uint32_t j = i + 1; j < w->n_ports; j++)
            if (world_link(w, i, j) != WORLD_NO_LINK || world_link(w, j, i) != WORLD_NO_LINK)
                w->pair_entity[w->n_pairs++] = i * w->n_ports + j;
}

static void count_up(struct world *w)
{
    uint32_t n = w->n_ports > w->n_aircraft ? w->n_ports : w->n_aircraft;
    n = draws_padded(n);
    w->numbers = mem_alloc(n * sizeof *w->numbers);
    for (uint32_t i = 0; i < n; i++)
        w->numbers[i] = i;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void find_boundaries(struct world *w)
{
    const struct scenario *s = w->scenario;
    w->boundary_ms = mem_alloc((2 * s->n_closures + 1) * sizeof *w->boundary_ms);
    for (uint32_t i = 0; i < s->n_closures; i++) {
        w->boundary_ms[w->n_boundaries++] = s->closures[i].from_ms;
        w->boundary_ms[w->n_boundaries++] = s->closures[i].to_ms;
    }
    qsort(w->boundary_ms, w->n_boundaries, sizeof *w->boundary_ms, by_time);
}

enum error world_create(const struct scenario *s, struct world **out, struct errtext *t)
{
    struct world *w = mem_alloc(sizeof *w);
    size_t v = s->n_ports;

    w->scenario = s;
    w->draws = draws_choose(NULL);
    w->n_ports = s->n_ports;
    w->n_aircraft = (uint32_t)s->n_aircraft;
    w->n_types = s->n_types;
    w->n_words = (uint32_t)((v + 63) / 64);
    w->n_bins = (uint32_t)((s->t_end_ms - s->t_start_ms) / s->bin_ms);
    w->n_bins_padded = (w->n_bins + DRAWS_LANES - 1) / DRAWS_LANES * DRAWS_LANES;
    w->close_threshold = draws_threshold(s->close_ppm);
    w->fail_threshold = draws_threshold(s->fail_ppm);
    w->link_of = mem_alloc(v * v * sizeof *w->link_of);
    memset(w->link_of, 0xff, v * v * sizeof *w->link_of);
    w->reach = mem_alloc(w->n_types * v * w->n_words * sizeof *w->reach);
    w->most_need_j = mem_alloc(w->n_types * v * sizeof *w->most_need_j);
    w->lam = mem_alloc(4 * (size_t)w->n_bins_padded * sizeof *w->lam);
    w->surge_pct = mem_alloc(4 * (size_t)w->n_bins * sizeof *w->surge_pct);
    find_reach(w);
    number_links(w);
    for (uint32_t k = 0; k < v * v; k++)
        if (w->link_of[k] != WORLD_NO_LINK)
            fill_link(w, k / w->n_ports, k % w->n_ports, w->link_of[k]);
    for (uint32_t y = 0; y < w->n_types; y++) {
        w->headway_ms[y] = ceil_div(s->sep_m * 3600000, s->types[y].speed_m_per_h);
        fill_legs(w, y);
    }
    fill_expected(w);
    find_pairs(w);
    count_up(w);
    find_boundaries(w);
    enum error e = find_demand(w, t);
    if (!e)
        e = find_given(w, t);
    if (e) {
        world_destroy(w);
        return e;
    }
    *out = w;
    return OK;
}

void world_destroy(struct world *w)
{
    if (!w)
        return;
    mem_free(w->link_of);
    mem_free(w->links);
    mem_free(w->legs);
    mem_free(w->reach);
    mem_free(w->most_need_j);
    mem_free(w->demand);
    mem_free(w->demand_entity);
    mem_free(w->given);
    mem_free(w->lam);
    mem_free(w->surge_pct);
    mem_free(w->pair_entity);
    mem_free(w->numbers);
    mem_free(w->boundary_ms);
    mem_free(w);
}
