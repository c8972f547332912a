// SPDX-License-Identifier: MIT
#include "coordinator/search/algorithm.h"

static void *create(const struct history *h, const double *knobs)
{
    (void)knobs;
    return (void *)h; // it keeps nothing of its own
}

static void destroy(void *state)
{
    (void)state;
}

static struct gene choose(void *ctx, const struct decision *d)
{
    return decision_random(d, ctx);
}

static bool ask(void *state, const struct ask *q, struct point *out)
{
    const struct history *h = state;
    struct rng r = ask_rng(h, q, 0);
    return walk_run(h->walk, out, choose, &r);
}

static const struct knob knobs_table[] = {{0}};

const struct algorithm random_algorithm = {
    .name = "random",
    .version = "random-1",
    .help = "Independent points by the space's own measure: uniform, or uniform in the "
            "logarithm; the baseline, and the best choice when evaluations are nearly free.",
    .source = "Bergstra and Bengio, JMLR 13 (2012)",
    .knobs = knobs_table,
    .create = create,
    .destroy = destroy,
    .ask = ask,
};
