// SPDX-License-Identifier: MIT
// ppo_lesson.c - a lesson's part of the loss: probabilities follow what the lookahead
// found every destination to be worth (ppo.h).
#include <string.h>

#include "common/math.h"
#include "worker/fleet/ppo_blob.h"

static double mean_of(const float *worth, const uint8_t *mask, size_t n)
{
    double sum = 0, count = 0;
    for (size_t j = 0; j < n; j++) {
        sum += mask[j] ? (double)worth[j] : 0;
        count += mask[j] ? 1 : 0;
    }
    return sum / count;
}

double ppo_lesson_spread(const struct ppo_round *d)
{
    const size_t n = d->sights.world->n_ports;
    double squares = 0, count = 0;
    for (size_t k = 0; k < d->n; k++) {
        const float *worth = d->worth + k * n;
        const uint8_t *mask = d->sights.seen.mask + k * n;
        const double mean = mean_of(worth, mask, n);
        for (size_t j = 0; j < n; j++)
            if (mask[j]) {
                squares += ((double)worth[j] - mean) * ((double)worth[j] - mean);
                count++;
            }
    }
    return math_sqrt(squares / count) + 1e-8;
}

void ppo_lesson_judge(const struct ppo_lesson *l, const float *log_p, double per, float *g)
{
    const double mean = mean_of(l->worth, l->mask, l->n);
    for (size_t j = 0; j < l->n; j++) {
        if (!l->mask[j])
            continue;
        const double x = (double)log_p[j], worth = (double)l->worth[j] - mean;
        g[j] -= (float)(math_exp(x) * (worth - l->warmth * (x + 1)) / l->spread * per);
    }
}
