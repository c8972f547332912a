// SPDX-License-Identifier: MIT
// format_portable.c - the reference: what all other classes must equal.
#include <math.h>

#include "worker/tensor/format_blocks.h"
#include "worker/tensor/format_table.h"

static void strip(const struct format_strip *s)
{
    for (size_t t = 0; t < s->n_x; t++)
        for (size_t r = 0; r < FORMAT_ROWS; r++) {
            const float *w = s->w + r * s->w_stride, *x = s->x + t * s->x_stride;
            float *acc = s->acc + (t * FORMAT_ROWS + r) * FORMAT_LANES;
            for (size_t i = 0; i < s->n; i++)
                acc[i % FORMAT_LANES] = fmaf(w[i], x[i], acc[i % FORMAT_LANES]);
        }
}

const struct format_class format_portable = {
    BLOCK_UNPACK_ALL,
    .strip = strip,
    .trees = format_trees,
    .pack_f16 = format_pack_f16,
};
