// SPDX-License-Identifier: MIT
// policy_greedy.c - the flight that earns most, at once or by the hour.
//
// Specification fleet/1, section 7.  The quotient of greedy_rate is only formed where it
// wins: floor(x / T) > best exactly when x >= (best + 1) · T.
#include "worker/fleet/day_state.h"

static int64_t profit_of(const struct day *d,
                         const struct world_link *l,
                         const struct world_leg *leg,
                         uint32_t seats)
{
    uint32_t n = link_waiting(d, l);
    if (n == 0)
        return 0; // nothing to earn
    int64_t margin = world_fare(d->world, l, d->bin) - l->opcost_uusd;
    return (int64_t)(n < seats ? n : seats) * margin - leg->trip_j * d->price / 3600000;
}

static inline uint32_t choose_by(struct day *d, bool by_rate)
{
    const struct world *w = d->world;
    const struct epoch *e = &d->epoch;
    uint32_t seats = (uint32_t)w->scenario->types[e->type].seats;
    const uint32_t *link_of = w->link_of + (size_t)e->place * w->n_ports;
    const struct world_leg *legs = world_leg(w, e->type, 0);
    int64_t delay = d->ports[e->place].tod_mean_ms;
    int64_t best = 0;
    uint32_t choice = e->place;

    for (uint32_t k = 0; k < w->n_words; k++)
        for (uint64_t left = e->feasible[k]; left; left &= left - 1) {
            uint32_t j = 64 * k + (uint32_t)__builtin_ctzll(left);
            if (j == e->place)
                continue;
            const struct world_leg *leg = &legs[link_of[j]];
            int64_t score = profit_of(d, &w->links[link_of[j]], leg, seats);
            int64_t time = leg->cycle_ms + delay;
            if (score <= 0 || (by_rate && score * 1000 < (best + 1) * time))
                continue;
            score = by_rate ? score * 1000 / time : score;
            choice = score > best ? j : choice;
            best = score > best ? score : best;
        }
    return choice;
}

static uint32_t choose_most(void *state, struct day *d)
{
    (void)state;
    return choose_by(d, false);
}

static uint32_t choose_rate(void *state, struct day *d)
{
    (void)state;
    return choose_by(d, true);
}

const struct policy policy_greedy = {
    .name = "greedy",
    .help = "the feasible flight that earns most now; staying where none earns",
    .choose = choose_most,
};

const struct policy policy_greedy_rate = {
    .name = "greedy_rate",
    .help = "the feasible flight that earns most for its time, charging included",
    .choose = choose_rate,
};
