// SPDX-License-Identifier: MIT
// format_pack.c - writing the formats that models of our own are made in: floats
// round to nearest even; blocks scale by their absolute maximum and round half
// away from zero.
#include <math.h>
#include <stdbool.h>

#include "worker/tensor/format_blocks.h"
#include "worker/tensor/format_table.h"

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static void put_u16(uint8_t *p, uint32_t u)
{
    p[0] = (uint8_t)u;
    p[1] = (uint8_t)(u >> 8);
}

static uint32_t half_of(float f)
{
    uint32_t u = bits_of(f), sign = u >> 16 & 0x8000u, a = u & 0x7fffffffu;
    if (a > 0x7f800000u)
        return sign | 0x7e00u | (a >> 13 & 0x3ffu);
    if (a >= 0x477ff000u) // rounds past the largest
        return sign | 0x7c00u;
    if (a < 0x38800000u) // a subnormal half: adding 0.5 leaves its bits, rounded, at the end
        return sign | (bits_of(block_float(a) + 0.5f) - bits_of(0.5f));
    return sign | (a - (112u << 23) + 0xfffu + (a >> 13 & 1)) >> 13;
}

void format_pack_f32(const float *src, void *dst, size_t n)
{
    memcpy(dst, src, n * sizeof *src);
}

void format_pack_f16(const float *src, void *dst, size_t n)
{
    uint8_t *p = dst;
    for (size_t i = 0; i < n; i++)
        put_u16(p + 2 * i, half_of(src[i]));
}

void format_pack_bf16(const float *src, void *dst, size_t n)
{
    uint8_t *p = dst;
    for (size_t i = 0; i < n; i++) {
        uint32_t u = bits_of(src[i]);
        bool nan = (u & 0x7fffffffu) > 0x7f800000u;
        put_u16(p + 2 * i, nan ? u >> 16 | 64 : (u + 0x7fffu + (u >> 16 & 1)) >> 16);
    }
}

void format_pack_q4_0(const float *src, void *dst, size_t n)
{
    uint8_t *p = dst;
    for (size_t b = 0; b < n / SMALL_BLOCK; b++, p += Q4_0_BYTES, src += SMALL_BLOCK) {
        float extreme = 0;
        for (int i = 0; i < SMALL_BLOCK; i++)
            if (fabsf(src[i]) > fabsf(extreme))
                extreme = src[i];
        float d = extreme / -8, inverse = d != 0 ? 1 / d : 0;
        put_u16(p, half_of(d));
        memset(p + 2, 0, 16);
        for (int i = 0; i < SMALL_BLOCK; i++) {
            int q = (int)(src[i] * inverse + 8.5f);
            p[2 + i % 16] = (uint8_t)(p[2 + i % 16] | (q < 15 ? q : 15) << (i < 16 ? 0 : 4));
        }
    }
}

void format_pack_q8_0(const float *src, void *dst, size_t n)
{
    uint8_t *p = dst;
    for (size_t b = 0; b < n / SMALL_BLOCK; b++, p += Q8_0_BYTES, src += SMALL_BLOCK) {
        float largest = 0;
        for (int i = 0; i < SMALL_BLOCK; i++)
            largest = fmaxf(largest, fabsf(src[i]));
        float d = largest / 127, inverse = d != 0 ? 1 / d : 0;
        put_u16(p, half_of(d));
        for (int i = 0; i < SMALL_BLOCK; i++)
            p[2 + i] = (uint8_t)(int8_t)roundf(src[i] * inverse);
    }
}

// Six bits each; where block_k_scales finds them.
static void put_k_scales(uint8_t *s, int j, uint32_t scale, uint32_t offset)
{
    if (j < 4) {
        s[j] = (uint8_t)(s[j] | scale);
        s[j + 4] = (uint8_t)(s[j + 4] | offset);
    } else {
        s[j + 4] = (uint8_t)((scale & 15) | (offset & 15) << 4);
        s[j - 4] = (uint8_t)(s[j - 4] | scale >> 4 << 6);
        s[j] = (uint8_t)(s[j] | offset >> 4 << 6);
    }
}

// x / unit as a code from 0 to `most`.
static uint32_t code_of(float x, float unit, float most)
{
    return unit > 0 ? (uint32_t)fminf(fmaxf(roundf(x / unit), 0), most) : 0;
}

enum { K_GROUPS = 8, K_GROUP = LARGE_BLOCK / K_GROUPS };

// Each group from its least value (0 if all are positive) to its largest; both
// ends are sixty-thirds of the block's.
static void pack_q4_k_block(const float *src, uint8_t *p)
{
    float range[K_GROUPS], below[K_GROUPS], d = 0, m = 0;
    for (int g = 0; g < K_GROUPS; g++) {
        float low = 0, high = src[g * K_GROUP];
        for (int i = 0; i < K_GROUP; i++) {
            low = fminf(low, src[g * K_GROUP + i]);
            high = fmaxf(high, src[g * K_GROUP + i]);
        }
        range[g] = (high - low) / 15;
        below[g] = -low;
        d = fmaxf(d, range[g] / 63);
        m = fmaxf(m, below[g] / 63);
    }
    memset(p, 0, Q4_K_BYTES);
    put_u16(p, half_of(d));
    put_u16(p + 2, half_of(m));
    d = block_d(p);
    m = block_d(p + 2);
    for (int g = 0; g < K_GROUPS; g++) {
        uint32_t scale = code_of(range[g], d, 63), offset = code_of(below[g], m, 63);
        uint8_t *codes = p + 16 + g / 2 * K_GROUP;
        put_k_scales(p + 4, g, scale, offset);
        for (int i = 0; i < K_GROUP; i++)
            codes[i] = (uint8_t)(codes[i]
                                 | code_of(src[g * K_GROUP + i] + m * (float)offset,
                                           d * (float)scale, 15)
                                       << 4 * (g % 2));
    }
}

void format_pack_q4_k(const float *src, void *dst, size_t n)
{
    uint8_t *p = dst;
    for (size_t b = 0; b < n / LARGE_BLOCK; b++)
        pack_q4_k_block(src + b * LARGE_BLOCK, p + b * Q4_K_BYTES);
}
