// SPDX-License-Identifier: MIT
// day_clock.c - what changes with time alone: bins, prices, closed routes.
//
// Events come in order of time, so these are kept for now and renewed when the earliest
// of their ends has passed, instead of being worked out anew at every question.
#include "worker/fleet/day_state.h"

static void set_pair(struct day *d, uint32_t i, uint32_t j)
{
    uint32_t words = d->world->n_words;
    d->closed[(size_t)i * words + j / 64] |= UINT64_C(1) << (j % 64);
    d->closed[(size_t)j * words + i / 64] |= UINT64_C(1) << (i % 64);
}

static void close_by_weather(struct day *d, uint32_t window)
{
    const struct world *w = d->world;
    struct address at = {window / 4, 0, STREAM_CLOSURE, d->episode};

    if (!w->close_threshold)
        return;
    w->draws->words(d->seed, at, window % 4, w->pair_entity, draws_padded(w->n_pairs),
                    d->scratch);
    for (uint32_t k = 0; k < w->n_pairs; k++)
        if (d->scratch[k] < w->close_threshold)
            set_pair(d, w->pair_entity[k] / w->n_ports, w->pair_entity[k] % w->n_ports);
}

// Closed routes at t, and when that changes.
static void renew_closed(struct day *d, int64_t t)
{
    const struct world *w = d->world;
    const struct scenario *s = w->scenario;
    int64_t window = (t - s->t_start_ms) / s->close_window_ms;
    int64_t until = s->t_start_ms + (window + 1) * s->close_window_ms;

    memset(d->closed, 0, (size_t)w->n_ports * w->n_words * sizeof *d->closed);
    close_by_weather(d, (uint32_t)window);
    for (uint32_t k = 0; k < s->n_closures; k++) {
        const struct scenario_closure *c = &s->closures[k];
        if (c->from_ms <= t && t < c->to_ms)
            set_pair(d, (uint32_t)c->i, (uint32_t)c->j);
    }
    for (uint32_t k = 0; k < w->n_boundaries; k++)
        if (w->boundary_ms[k] > t) {
            until = w->boundary_ms[k] < until ? w->boundary_ms[k] : until;
            break;
        }
    d->next_closed_ms = until;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

// Specification 6.4: bins whose passengers wait at t.
static int64_t renew_bins(struct day *d, int64_t t)
{
    const struct scenario *s = d->world->scenario;
    int64_t rel = t - s->t_start_ms;
    int64_t bin = rel / s->bin_ms;
    int64_t from = rel < s->patience_ms ? 0 : (rel - s->patience_ms) / s->bin_ms + 1;

    d->bin = (uint32_t)(bin < d->world->n_bins ? bin : d->world->n_bins - 1);
    d->bin_from = (uint32_t)(from < d->world->n_bins ? from : d->world->n_bins);
    return s->t_start_ms + least((bin + 1) * s->bin_ms, from * s->bin_ms + s->patience_ms);
}

void day_advance(struct day *d, int64_t t)
{
    const struct scenario *s = d->world->scenario;
    int64_t hour = t / 3600000;
    int64_t next = least((hour + 1) * 3600000, renew_bins(d, t));

    d->price = s->elec_uusd_per_kwh[hour % 24];
    if (t >= d->next_closed_ms && t < s->t_end_ms) // no dispatch after it
        renew_closed(d, t);
    d->next_change_ms = least(next, d->next_closed_ms > t ? d->next_closed_ms : next);
}
