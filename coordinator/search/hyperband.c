// SPDX-License-Identifier: MIT
#include "coordinator/search/halving.h"

static void *create(const struct history *h, const double *knobs)
{
    return halving_create(h, knobs, UINT32_MAX);
}

const struct algorithm hyperband_algorithm = {
    .name = "hyperband",
    .version = "hyperband-1",
    .help =
        "Successive halving from several starting levels at once, in case low ones mislead; "
        "promotion as in asha.",
    .source = "Li et al., JMLR 18 (2018)",
    .knobs = halving_knobs,
    .create = create,
    .destroy = halving_destroy,
    .tell = halving_tell,
    .ask = halving_ask,
    .remark = halving_remark,
};
