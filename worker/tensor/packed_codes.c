// SPDX-License-Identifier: MIT
#include "worker/tensor/packed_codes.h"

#include "worker/tensor/format_blocks.h"

static void scales(struct packed_codes *c, float scale, float offset)
{
    c->scale[0] = c->scale[1] = scale;
    c->offset[0] = c->offset[1] = offset;
}

// ---- blocks of 32 -------------------------------------------------------------

static void codes_q4_1(const uint8_t *p, struct packed_codes *c)
{
    scales(c, block_d(p), block_d(p + 2));
    for (int i = 0; i < PACKED_BLOCK; i++)
        c->q[i] = p[4 + i % 16] >> (i < 16 ? 0 : 4) & 15;
}

static void fifth_bits(const uint8_t *p, uint32_t high, int less, struct packed_codes *c)
{
    for (int i = 0; i < PACKED_BLOCK; i++)
        c->q[i] = ((p[i % 16] >> (i < 16 ? 0 : 4) & 15) | (int)(high >> i & 1) << 4) - less;
}

static void codes_q5_0(const uint8_t *p, struct packed_codes *c)
{
    scales(c, block_d(p), 0);
    fifth_bits(p + 6, block_u32(p + 2), 16, c);
}

static void codes_q5_1(const uint8_t *p, struct packed_codes *c)
{
    scales(c, block_d(p), block_d(p + 2));
    fifth_bits(p + 8, block_u32(p + 4), 0, c);
}

static void codes_q8_0(const uint8_t *p, struct packed_codes *c)
{
    scales(c, block_d(p), 0);
    for (int i = 0; i < PACKED_BLOCK; i++)
        c->q[i] = (p[2 + i] ^ 0x80) - 128;
}

static void book(const uint8_t *q, const int8_t values[16], struct packed_codes *c)
{
    for (int i = 0; i < PACKED_BLOCK; i++)
        c->q[i] = values[q[i % 16] >> (i < 16 ? 0 : 4) & 15] + 0; // a number, no character
}

static void codes_iq4_nl(const uint8_t *p, struct packed_codes *c)
{
    scales(c, block_d(p), 0);
    book(p + 2, block_iq4_values, c);
}

static void codes_mxfp4(const uint8_t *p, struct packed_codes *c)
{
    scales(c, block_exponent(p[0]), 0);
    book(p + 1, block_fp4_values, c);
}

// ---- blocks of 256: run b of 32 elements ----------------------------------------

static void codes_q2_k(const uint8_t *p, int b, struct packed_codes *c)
{
    for (int h = 0; h < 2; h++) {
        int g = 2 * b + h;
        c->scale[h] = block_d(p + 80) * (float)(p[g] & 15);
        c->offset[h] = block_d(p + 82) * -(float)(p[g] >> 4);
        for (int i = 0; i < 16; i++)
            c->q[16 * h + i] = p[16 + g / 8 * 32 + 16 * h + i] >> g % 8 / 2 * 2 & 3;
    }
}

static void codes_q3_k(const uint8_t *p, int b, struct packed_codes *c)
{
    for (int h = 0; h < 2; h++) {
        int g = 2 * b + h;
        c->scale[h] = block_d(p + 108) * (float)block_q3_scale(p + 96, g);
        for (int i = 0; i < 16; i++) {
            int low = p[32 + g / 8 * 32 + 16 * h + i] >> g % 8 / 2 * 2 & 3;
            c->q[16 * h + i] = low + 4 * (p[16 * h + i] >> b & 1) - 4;
        }
    }
}

static void codes_q5_k(const uint8_t *p, int b, struct packed_codes *c)
{
    uint32_t s, o;
    block_k_scales(p + 4, b, &s, &o);
    scales(c, block_d(p) * (float)s, block_d(p + 2) * -(float)o);
    for (int i = 0; i < PACKED_BLOCK; i++)
        c->q[i] = (p[48 + b / 2 * 32 + i] >> 4 * (b % 2) & 15) | (p[16 + i] >> b & 1) << 4;
}

static void codes_q6_k(const uint8_t *p, int b, struct packed_codes *c)
{
    int half = b / 4, run = b % 4;
    const uint8_t *low = p + 64 * half + run % 2 * 32, *high = p + 128 + 32 * half;
    for (int i = 0; i < PACKED_BLOCK; i++)
        c->q[i] = ((low[i] >> run / 2 * 4 & 15) | (high[i] >> 2 * run & 3) << 4) - 32;
    for (int h = 0; h < 2; h++)
        c->scale[h] = block_d(p + 208) * (float)(int8_t)p[192 + 2 * b + h];
}

static void codes_iq4_xs(const uint8_t *p, int b, struct packed_codes *c)
{
    scales(c, block_d(p) * (float)block_iq4_scale(p, b), 0);
    book(p + 8 + (ptrdiff_t)16 * b, block_iq4_values, c);
}

void packed_codes(const struct format *f, const uint8_t *row, size_t b, struct packed_codes *c)
{
    static void (*const small[])(const uint8_t *, struct packed_codes *) = {
        [FORMAT_Q4_1] = codes_q4_1,     [FORMAT_Q5_0] = codes_q5_0,
        [FORMAT_Q5_1] = codes_q5_1,     [FORMAT_Q8_0] = codes_q8_0,
        [FORMAT_IQ4_NL] = codes_iq4_nl, [FORMAT_MXFP4] = codes_mxfp4,
    };
    static void (*const large[])(const uint8_t *, int, struct packed_codes *) = {
        [FORMAT_Q2_K] = codes_q2_k, [FORMAT_Q3_K] = codes_q3_k,     [FORMAT_Q5_K] = codes_q5_k,
        [FORMAT_Q6_K] = codes_q6_k, [FORMAT_IQ4_XS] = codes_iq4_xs,
    };
    size_t per = f->block / PACKED_BLOCK;
    const uint8_t *p = row + b / per * f->bytes;
    c->offset[0] = c->offset[1] = 0;
    if (per == 1)
        small[f->type](p, c);
    else
        large[f->type](p, (int)(b % per), c);
}
