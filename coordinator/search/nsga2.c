// SPDX-License-Identifier: MIT
#include "coordinator/search/ga.h"

enum knob_index {
    KNOB_POPULATION,
    KNOB_TOURNAMENT,
    KNOB_CROSSOVER,
    KNOB_ETA,
    KNOB_MUTATIONS,
    KNOB_REACH,
    KNOB_STARTUP,
};

static const struct knob knobs_table[] = {
    {"population", KNOB_INT, 2, 1000, 20, "the best so many breed"},
    {"tournament", KNOB_INT, 1, 100, 3, "draws of which the best becomes a parent"},
    {"crossover", KNOB_FLOAT, 0, 1, 0.75, "share of the children with two parents"},
    {"eta", KNOB_FLOAT, 0, 1000, 20, "distribution index of the crossover of numbers"},
    {"mutations", KNOB_FLOAT, 0, 100, 1.1, "genes that mutate in a child, on average"},
    {"reach", KNOB_FLOAT, 0.0001, 1, 1, "longest step along a number, as a part of its range"},
    {"startup", KNOB_INT, 1, 100000, 20, "random trials before breeding"},
    {0},
};

static void *create(const struct history *h, const double *knobs)
{
    struct ga_settings s = {
        .size = (uint32_t)knobs[KNOB_POPULATION],
        .tournament = (uint32_t)knobs[KNOB_TOURNAMENT],
        .crossover = knobs[KNOB_CROSSOVER],
        .eta = knobs[KNOB_ETA],
        .mutations = knobs[KNOB_MUTATIONS],
        .reach = knobs[KNOB_REACH],
        .n_startup = (uint32_t)knobs[KNOB_STARTUP],
    };
    return ga_create(h, &s);
}

const struct algorithm nsga2_algorithm = {
    .name = "nsga2",
    .version = "nsga2-1",
    .help = "NSGA-II, one child at a time: fronts, crowding, constraints before objectives; "
            "numbers move by steps of every size.",
    .source = "Deb et al., IEEE TEC 6 (2002); steady state as in Durillo et al., EMO 2009",
    .knobs = knobs_table,
    .create = create,
    .destroy = ga_destroy,
    .tell = ga_tell,
    .ask = ga_ask,
};
