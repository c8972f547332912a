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
    .f16 = block_unpack_f16,
    .bf16 = block_unpack_bf16,
    .q4_0 = block_unpack_q4_0,
    .q4_1 = block_unpack_q4_1,
    .q5_0 = block_unpack_q5_0,
    .q5_1 = block_unpack_q5_1,
    .q8_0 = block_unpack_q8_0,
    .q2_k = block_unpack_q2_k,
    .q3_k = block_unpack_q3_k,
    .q4_k = block_unpack_q4_k,
    .q5_k = block_unpack_q5_k,
    .q6_k = block_unpack_q6_k,
    .iq4_nl = block_unpack_iq4_nl,
    .iq4_xs = block_unpack_iq4_xs,
    .mxfp4 = block_unpack_mxfp4,
    .strip = strip,
};
