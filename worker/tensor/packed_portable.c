// SPDX-License-Identifier: MIT
// packed_portable.c - the reference: what all other classes must equal.
#include <math.h>

#include "worker/tensor/format_blocks.h"
#include "worker/tensor/packed_table.h"

// Element i of a block of row r, codes as they mean.
static int code(enum packed_kind k, const uint8_t *codes, size_t r, size_t i)
{
    size_t run = i / 4, at = 4 * r + i % 4;
    if (k == PACKED_4 || k == PACKED_4K) {
        int c = codes[run % 4 * 64 + at] >> (run < 4 ? 0 : 4) & 15;
        return k == PACKED_4 ? c - 8 : c;
    }
    if (k == PACKED_6K) {
        int low = codes[run % 4 * 64 + at] >> (run < 4 ? 0 : 4) & 15;
        int high = codes[(4 + run / 4) * 64 + at] >> 2 * (run % 4) & 3;
        return (low | high << 4) - 32;
    }
    return codes[run * 64 + at] - 128;
}

static int
sum_of(enum packed_kind k, const uint8_t *codes, size_t r, const int8_t *q, size_t from)
{
    int sum = 0;
    for (size_t i = from; i < from + PACKED_BLOCK / 2; i++)
        sum += code(k, codes, r, i) * q[i];
    return sum;
}

static float float_at(const uint8_t *p, size_t i)
{
    return block_float(block_u32(p + 4 * i));
}

// Of half h of block b of row r.
static float
scale_of(const struct packed_product *p, const uint8_t *g, size_t r, size_t b, size_t h)
{
    if (p->kind != PACKED_6K)
        return float_at(g, (2 * b + h) * PACKED_ROWS + r);
    int8_t small =
        (int8_t)g[packed_parts(p->kind, p->n_in).small + (2 * b + h) * PACKED_ROWS + r];
    return block_d(g + 2 * (b / PACKED_SUPER * PACKED_ROWS + r)) * (float)small;
}

// Block b of row r of a group.
static float add_block(
    const struct packed_product *p, const uint8_t *g, size_t r, size_t b, float y, size_t t)
{
    struct packed_parts at = packed_parts(p->kind, p->n_in);
    const struct packed_x *x = p->x[t] + b;
    const uint8_t *codes = g + at.codes + (at.end - at.codes) / (p->n_in / PACKED_BLOCK) * b;
    int first = sum_of(p->kind, codes, r, x->q, 0),
        second = sum_of(p->kind, codes, r, x->q, 16);
    if (p->kind == PACKED_4 || p->kind == PACKED_8)
        return fmaf(block_d(g + 2 * (b * PACKED_ROWS + r)) * x->d, (float)(first + second), y);
    if (p->kind == PACKED_4K) {
        const uint8_t *half = g + b / PACKED_SUPER * 4 * PACKED_ROWS + 2 * r;
        const uint8_t *small = g + at.small + b * 2 * PACKED_ROWS + r;
        float s = block_d(half) * (float)small[0];
        float o = block_d(half + 2 * PACKED_ROWS) * -(float)small[PACKED_ROWS];
        y = fmaf(s * x->d, (float)(first + second), y);
        return fmaf(o * x->d, (float)x->sum, y);
    }
    for (size_t h = 0; h < 2; h++) {
        size_t i = (2 * b + h) * PACKED_ROWS + r;
        y = fmaf(scale_of(p, g, r, b, h) * x->d, (float)(h ? second : first), y);
        if (p->kind == PACKED_OFFSET)
            y = fmaf(float_at(g + at.offset, i) * x->d, (float)x->half[h], y);
    }
    return y;
}

static void multiply(const struct packed_product *p)
{
    size_t group = packed_group_bytes(p->kind, p->n_in);
    for (size_t t = 0; t < p->n_x; t++)
        for (size_t j = 0; j < p->n_out; j++) {
            float y = 0;
            for (size_t b = 0; b < p->n_in / PACKED_BLOCK; b++)
                y = add_block(p, p->groups + j / PACKED_ROWS * group, j % PACKED_ROWS, b, y, t);
            p->y[t * p->y_stride + j] = y;
        }
}

const struct packed_class packed_portable = {
    .quantise = packed_quantise_all,
    .round = packed_round_all,
    .multiply = multiply,
};
