// SPDX-License-Identifier: MIT
#include "coordinator/search/halving.h"

static void *create(const struct history *h, const double *knobs)
{
    return halving_create(h, knobs, 1);
}

const struct algorithm asha_algorithm = {
    .name = "asha",
    .version = "asha-1",
    .help =
        "Asynchronous successive halving: every configuration starts at the lowest level of "
        "the parameter of type fidelity, the best 1/eta of each level go on.",
    .source = "Li et al., MLSys 2020",
    .knobs = halving_knobs,
    .create = create,
    .destroy = halving_destroy,
    .tell = halving_tell,
    .ask = halving_ask,
    .remark = halving_remark,
};
