// SPDX-License-Identifier: MIT
// train_parse.c - the keys of a train job.
#include <inttypes.h>

#include "coordinator/drivers/train_state.h"
#include "coordinator/spec.h"

static enum error parse_evaluate(struct train *s, const struct spec *job)
{
    static const char *const keys[] = {"items", "seed", NULL};
    const struct value *map = NULL;
    enum error e = spec_map(job, "evaluate", &map);
    if (e || !map)
        return e;
    struct spec at = spec_at(job, map, "evaluate");
    int64_t n = 100;
    if ((e = spec_keys(&at, keys, NULL))
        || (e = spec_int(&at, "items", 1, TRAIN_ITEMS_MAX / 2, &n)))
        return e;
    s->n_evaluation = (uint64_t)n;
    return spec_u64(&at, "seed", &s->evaluation_seed);
}

enum error train_parse(struct train *s, const struct driver_setup *setup, struct errtext *t)
{
    struct spec job = spec_of(setup->spec, setup->file, t);
    int64_t iterations = 0, rollouts = 8;
    enum error e = spec_require(&job, "iterations", "how many rounds the training has");
    if (e || (e = spec_int(&job, "iterations", 1, TRAIN_ITEMS_MAX / 2, &iterations))
        || (e = spec_int(&job, "rollouts", 1, TRAIN_ROLLOUTS_MAX, &rollouts)))
        return e;
    s->n_iterations = (uint64_t)iterations;
    s->n_rollouts = (uint64_t)rollouts;
    s->evaluation_seed = setup->seed + 1;
    if ((e = parse_evaluate(s, &job)))
        return e;
    s->n_items = s->n_iterations * train_round(s) + s->n_evaluation;
    if (s->n_items > TRAIN_ITEMS_MAX)
        return spec_fail(&job, spec_find(&job, "iterations"),
                         "the training has %" PRIu64 " items, expected at most %d: fewer "
                         "iterations or rollouts",
                         s->n_items, TRAIN_ITEMS_MAX);
    return OK;
}
