// SPDX-License-Identifier: MIT
#include "cluster/client/tradeoff.h"

#include <math.h>

static const double *x_of(const struct tradeoff_table *t, uint32_t row)
{
    return t->x + (size_t)row * t->n_params;
}

static double y_of(const struct tradeoff_table *t, uint32_t row, uint32_t a)
{
    return t->y[(size_t)row * t->n_attributes + a];
}

static bool differ_only_in(const struct tradeoff_table *t, uint32_t i, uint32_t k, uint32_t p)
{
    for (uint32_t q = 0; q < t->n_params; q++)
        if (q != p && x_of(t, i)[q] != x_of(t, k)[q])
            return false;
    return x_of(t, i)[p] != x_of(t, k)[p];
}

// The row next to this one in p, upwards or downwards, all else equal; n_rows: none.
static uint32_t next_in(const struct tradeoff_table *t, uint32_t row, uint32_t p, bool up)
{
    uint32_t best = t->n_rows;

    for (uint32_t k = 0; k < t->n_rows; k++) {
        double step = x_of(t, k)[p] - x_of(t, row)[p];
        if (!differ_only_in(t, row, k, p) || (step > 0) != up)
            continue;
        if (best == t->n_rows || fabs(step) < fabs(x_of(t, best)[p] - x_of(t, row)[p]))
            best = k;
    }
    return best;
}

static double range_of(const struct tradeoff_table *t, uint32_t a)
{
    double low = INFINITY, high = -INFINITY;
    for (uint32_t i = 0; i < t->n_rows; i++) {
        low = fmin(low, y_of(t, i, a));
        high = fmax(high, y_of(t, i, a));
    }
    return high - low;
}

// Summed over chains of neighbours, and divided by how many chains there are: what p does
// from its least value to its largest, on average.
double tradeoff_effect(const struct tradeoff_table *t, uint32_t p, uint32_t a)
{
    double sum = 0, range = range_of(t, a);
    uint32_t chains = 0;

    for (uint32_t i = 0; i < t->n_rows; i++) {
        uint32_t up = next_in(t, i, p, true);
        if (up == t->n_rows)
            continue;
        sum += y_of(t, up, a) - y_of(t, i, a);
        chains += next_in(t, i, p, false) == t->n_rows;
    }
    if (!(range > 0) || chains == 0)
        return 0;
    return (t->less_is_better[a] ? -sum : sum) / range / chains;
}

enum tradeoff_kind tradeoff_kind(const struct tradeoff_table *t, uint32_t p)
{
    bool better = false, worse = false;

    for (uint32_t a = 0; a < t->n_attributes; a++) {
        double effect = tradeoff_effect(t, p, a);
        better = better || effect > TRADEOFF_MOVES;
        worse = worse || effect < -TRADEOFF_MOVES;
    }
    return better && worse   ? TRADEOFF_POINT
           : better || worse ? TRADEOFF_SENSITIVITY
                             : TRADEOFF_NEITHER;
}

double tradeoff_slope(const struct tradeoff_table *t, uint32_t row, uint32_t p, uint32_t a)
{
    uint32_t up = next_in(t, row, p, true), down = next_in(t, row, p, false);
    double above = NAN, below = NAN, h = 0, g = 0;

    if (up < t->n_rows) {
        h = x_of(t, up)[p] - x_of(t, row)[p];
        above = (y_of(t, up, a) - y_of(t, row, a)) / h;
    }
    if (down < t->n_rows) {
        g = x_of(t, row)[p] - x_of(t, down)[p];
        below = (y_of(t, row, a) - y_of(t, down, a)) / g;
    }
    if (isnan(above) || isnan(below))
        return isnan(above) ? below : above;
    return (above * g + below * h) / (g + h); // of the parabola through the three
}

bool tradeoff_breaks(const struct tradeoff_table *t,
                     const struct utility_scenario *s,
                     uint32_t row,
                     uint32_t a)
{
    double y = y_of(t, row, a);
    return !(s->at_most ? y <= s->bound : y >= s->bound);
}

bool tradeoff_risk(const struct tradeoff_table *t,
                   const struct utility_scenario *s,
                   uint32_t base,
                   uint32_t p,
                   uint32_t a)
{
    if (tradeoff_breaks(t, s, base, a))
        return true;
    for (uint32_t k = 0; k < t->n_rows; k++)
        if (differ_only_in(t, base, k, p) && tradeoff_breaks(t, s, k, a))
            return true;
    return false;
}

static bool beats(const struct tradeoff_table *t, uint32_t i, uint32_t k)
{
    bool better = false;
    for (uint32_t a = 0; a < t->n_attributes; a++) {
        double d = y_of(t, i, a) - y_of(t, k, a);
        d = t->less_is_better[a] ? -d : d;
        if (!(d >= 0))
            return false;
        better = better || d > 0;
    }
    return better;
}

bool tradeoff_is_front(const struct tradeoff_table *t, uint32_t row)
{
    for (uint32_t k = 0; k < t->n_rows; k++)
        if (beats(t, k, row))
            return false;
    return true;
}
