// SPDX-License-Identifier: MIT
// packed.c - packing every format, and the choice of a class.
#include "worker/tensor/packed.h"

#include <assert.h>

#include "worker/tensor/format_blocks.h"
#include "worker/tensor/kernels.h"
#include "worker/tensor/packed_bf16.h"
#include "worker/tensor/packed_codes.h"
#include "worker/tensor/packed_table.h"

static const struct packed_class *current(void)
{
#ifdef __x86_64__
    const char *name = kernels_class();
    if (strcmp(name, "avx512") == 0 && __builtin_cpu_supports("avx512vnni"))
        return &packed_avx512;
    if (strcmp(name, "portable") != 0)
        return &packed_avx2;
#endif
    return &packed_portable;
}

enum packed_kind packed_kind(const struct format *f)
{
    switch (f->type) {
    case FORMAT_Q4_0:
        return PACKED_4;
    case FORMAT_Q8_0:
    case FORMAT_Q5_0:
    case FORMAT_IQ4_NL:
        return PACKED_8;
    case FORMAT_Q4_K:
        return PACKED_4K;
    case FORMAT_Q6_K:
        return PACKED_6K;
    case FORMAT_Q3_K:
    case FORMAT_IQ4_XS:
    case FORMAT_MXFP4:
        return PACKED_HALVES;
    case FORMAT_Q4_1:
    case FORMAT_Q5_1:
    case FORMAT_Q2_K:
    case FORMAT_Q5_K:
        return PACKED_OFFSET;
    case FORMAT_BF16:
        return PACKED_BF16;
    case FORMAT_F32:
    case FORMAT_F16:
        break;
    }
    return PACKED_NONE;
}

size_t packed_group_bytes(enum packed_kind k, size_t n_in)
{
    return packed_parts(k, n_in).end;
}

// ---- packing ------------------------------------------------------------------

static void put_half(uint8_t *p, const uint8_t *half)
{
    p[0] = half[0];
    p[1] = half[1];
}

// Sixteen bytes whose nibbles are elements i and i + 16: the runs' own order.
static void put_nibbles(uint8_t *codes, size_t r, const uint8_t q[16])
{
    for (size_t run = 0; run < 4; run++)
        memcpy(codes + 64 * run + 4 * r, q + 4 * run, 4);
}

static void fill_4(const uint8_t *row, size_t r, size_t n_in, uint8_t *group)
{
    uint8_t *codes = group + packed_parts(PACKED_4, n_in).codes;
    for (size_t b = 0; b < n_in / PACKED_BLOCK; b++, row += Q4_0_BYTES) {
        put_half(group + 2 * (b * PACKED_ROWS + r), row);
        put_nibbles(codes + 256 * b, r, row + 2);
    }
}

// A block's 64 elements of two runs of 32 have theirs in low and in high nibbles.
static void fill_4k(const uint8_t *row, size_t r, size_t n_in, uint8_t *group)
{
    struct packed_parts at = packed_parts(PACKED_4K, n_in);
    for (size_t b = 0; b < n_in / PACKED_BLOCK; b++) {
        const uint8_t *p = row + b / PACKED_SUPER * Q4_K_BYTES;
        size_t sub = b % PACKED_SUPER;
        uint8_t *half = group + b / PACKED_SUPER * 4 * PACKED_ROWS + 2 * r, q[16];
        uint32_t s, o;
        put_half(half, p);
        put_half(half + 2 * PACKED_ROWS, p + 2);
        block_k_scales(p + 4, (int)sub, &s, &o);
        group[at.small + b * 2 * PACKED_ROWS + r] = (uint8_t)s;
        group[at.small + b * 2 * PACKED_ROWS + PACKED_ROWS + r] = (uint8_t)o;
        const uint8_t *from = p + 16 + sub / 2 * 32;
        for (int i = 0; i < 16; i++)
            q[i] = (uint8_t)((from[i] >> 4 * (sub % 2) & 15)
                             | (from[i + 16] >> 4 * (sub % 2) & 15) << 4);
        put_nibbles(group + at.codes + 256 * b, r, q);
    }
}

// A super-block ends with its sixteen scales and d.
static void fill_6k(const uint8_t *row, size_t r, size_t n_in, uint8_t *group)
{
    struct packed_parts at = packed_parts(PACKED_6K, n_in);
    const struct format *f = format_find(FORMAT_Q6_K);
    for (size_t b = 0; b < n_in / PACKED_BLOCK; b++) {
        const uint8_t *p = row + b / PACKED_SUPER * f->bytes, *small = p + 192;
        uint8_t *codes = group + at.codes + 384 * b;
        struct packed_codes c;
        packed_codes(f, row, b, &c);
        put_half(group + 2 * (b / PACKED_SUPER * PACKED_ROWS + r), p + 208);
        for (size_t h = 0; h < 2; h++)
            group[at.small + (2 * b + h) * PACKED_ROWS + r] = small[b % PACKED_SUPER * 2 + h];
        for (size_t run = 0; run < 4; run++)
            for (size_t i = 4 * run; i < 4 * run + 4; i++) {
                unsigned first = (unsigned)(c.q[i] + 32), second = (unsigned)(c.q[i + 16] + 32);
                size_t to = 4 * r + i % 4;
                uint8_t *high = codes + 256 + to;
                codes[64 * run + to] = (uint8_t)((first & 15) | (second & 15) << 4);
                high[0] = (uint8_t)((run ? high[0] : 0) | first >> 4 << 2 * run);
                high[64] = (uint8_t)((run ? high[64] : 0) | second >> 4 << 2 * run);
            }
    }
}

static void
fill_8(const struct format *f, const uint8_t *row, size_t r, size_t n_in, uint8_t *group)
{
    enum packed_kind k = packed_kind(f);
    struct packed_parts at = packed_parts(k, n_in);
    for (size_t b = 0; b < n_in / PACKED_BLOCK; b++) {
        struct packed_codes c;
        packed_codes(f, row, b, &c);
        if (k == PACKED_8)
            put_half(group + 2 * (b * PACKED_ROWS + r), row + b * f->bytes);
        for (size_t h = 0; h < 2 && k != PACKED_8; h++) {
            size_t i = ((2 * b + h) * PACKED_ROWS + r) * sizeof(float);
            memcpy(group + i, &c.scale[h], sizeof(float));
            if (k == PACKED_OFFSET)
                memcpy(group + at.offset + i, &c.offset[h], sizeof(float));
        }
        for (size_t i = 0; i < PACKED_BLOCK; i++)
            group[at.codes + 512 * b + i / 4 * 64 + 4 * r + i % 4] = (uint8_t)(c.q[i] + 128);
    }
}

static void fill_bf16(const uint8_t *row, size_t r, size_t n_in, uint8_t *group)
{
    for (size_t i = 0; i < n_in; i++) {
        uint16_t half = (uint16_t)block_u16(row + 2 * i);
        half = (uint16_t)(half & 0x7f80 ? half : half & 0x8000); // subnormal: see packed_bf16.h
        memcpy(group + i / 2 * 4 * PACKED_ROWS + 4 * r + i % 2 * 2, &half, sizeof half);
    }
}

void packed_fill(
    const struct format *f, const uint8_t *rows, size_t n_rows, size_t n_in, uint8_t *group)
{
    enum packed_kind k = packed_kind(f);
    size_t row_bytes = format_row_bytes(f, n_in);
    assert(k != PACKED_NONE && n_rows <= PACKED_ROWS && n_in % f->block == 0
           && n_in % PACKED_BLOCK == 0);
    if (n_rows < PACKED_ROWS) // scales of 0
        memset(group, 0, packed_group_bytes(k, n_in));
    for (size_t r = 0; r < n_rows; r++)
        if (k == PACKED_4)
            fill_4(rows + r * row_bytes, r, n_in, group);
        else if (k == PACKED_4K)
            fill_4k(rows + r * row_bytes, r, n_in, group);
        else if (k == PACKED_6K)
            fill_6k(rows + r * row_bytes, r, n_in, group);
        else if (k == PACKED_BF16)
            fill_bf16(rows + r * row_bytes, r, n_in, group);
        else
            fill_8(f, rows + r * row_bytes, r, n_in, group);
}

// ---- products -----------------------------------------------------------------

void packed_quantise(const float *x, size_t n, struct packed_x *out)
{
    current()->quantise(x, n, out);
}

void packed_round(const float *x, size_t n, struct packed_x *out)
{
    current()->round(x, n, out);
}

void packed_multiply(const struct packed_product *p)
{
    if (p->kind == PACKED_BF16)
        packed_bf16_multiply(p);
    else
        current()->multiply(p);
}
