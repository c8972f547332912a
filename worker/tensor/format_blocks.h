// SPDX-License-Identifier: MIT
// format_blocks.h - what blocks look like and how they become float32; private to
// worker/tensor.
//
// Plain C with one rounding where a value needs one (every scale times code is
// exact in float32; only an offset rounds), so that each class of kernels may
// compile it with its own instructions and get the same bits.
//
// Threads    Any; pure.

#ifndef WORKER_TENSOR_FORMAT_BLOCKS_H
#define WORKER_TENSOR_FORMAT_BLOCKS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Bytes of blocks.  Half precision scales are marked d (scale) and m (offset).
enum {
    Q4_0_BYTES = 2 + 16,                // d, codes
    Q4_1_BYTES = 2 + 2 + 16,            // d, m, codes
    Q5_0_BYTES = 2 + 4 + 16,            // d, fifth bits, codes
    Q5_1_BYTES = 2 + 2 + 4 + 16,        // d, m, fifth bits, codes
    Q8_0_BYTES = 2 + 32,                // d, codes
    Q2_K_BYTES = 16 + 64 + 2 + 2,       // scales and offsets, codes, d, m
    Q3_K_BYTES = 32 + 64 + 12 + 2,      // third bits, codes, scales, d
    Q4_K_BYTES = 2 + 2 + 12 + 128,      // d, m, scales and offsets, codes
    Q5_K_BYTES = 2 + 2 + 12 + 32 + 128, // d, m, scales and offsets, fifth bits, codes
    Q6_K_BYTES = 128 + 64 + 16 + 2,     // low bits, high bits, scales, d
    IQ4_NL_BYTES = 2 + 16,              // d, codes
    IQ4_XS_BYTES = 2 + 2 + 4 + 128,     // d, high and low bits of scales, codes
    MXFP4_BYTES = 1 + 16,               // exponent, codes
    SMALL_BLOCK = 32,
    LARGE_BLOCK = 256,
};

static inline float block_float(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t block_u16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t block_u32(const uint8_t *p)
{
    uint32_t u;
    memcpy(&u, p, sizeof u);
    return u;
}

// Exact; NaNs become quiet, as the instruction of the other classes does.
static inline float block_half(uint32_t h)
{
    uint32_t sign = (h & 0x8000u) << 16, e = h >> 10 & 31, m = h & 1023;
    if (e == 31)
        return block_float(sign | 0x7f800000u | m << 13 | (m ? 0x400000u : 0));
    if (e == 0) {
        float small = (float)m * 0x1p-24f;
        return sign ? -small : small;
    }
    return block_float(sign | (e + 112) << 23 | m << 13);
}

static inline float block_d(const uint8_t *p)
{
    return block_half(block_u16(p));
}

// 2^(e - 128): the codes of MXFP4 are twice their values.
static inline float block_exponent(uint32_t e)
{
    return block_float(e < 2 ? 0x00200000u << e : (e - 1) << 23);
}

static const int8_t block_iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                            1,    13,   25,  38,  53,  69,  89,  113};
static const int8_t block_fp4_values[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                            0, -1, -2, -3, -4, -6, -8, -12};

// Scale and offset j of the twelve bytes of Q4_K and Q5_K, six bits each.
static inline void block_k_scales(const uint8_t *s, int j, uint32_t *scale, uint32_t *offset)
{
    if (j < 4) {
        *scale = s[j] & 63;
        *offset = s[j + 4] & 63;
    } else {
        *scale = (s[j + 4] & 15) | (uint32_t)(s[j - 4] >> 6) << 4;
        *offset = (uint32_t)(s[j + 4] >> 4) | (uint32_t)(s[j] >> 6) << 4;
    }
}

// Scale j of the twelve bytes of Q3_K: six bits, less 32.
static inline int block_q3_scale(const uint8_t *s, int j)
{
    int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4;
    return (low | (s[8 + j % 4] >> 2 * (j / 4) & 3) << 4) - 32;
}

// Scale j of IQ4_XS: six bits, less 32; p is the block.
static inline int block_iq4_scale(const uint8_t *p, int j)
{
    int low = p[4 + j / 2] >> 4 * (j % 2) & 15;
    return (low | (int)(block_u16(p + 2) >> 2 * j & 3) << 4) - 32;
}

// ---- float families ---------------------------------------------------------

static inline void block_unpack_f32(const void *src, float *dst, size_t n)
{
    memcpy(dst, src, n * sizeof *dst);
}

static inline void block_unpack_f16(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = block_d(p + 2 * i);
}

static inline void block_unpack_bf16(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = block_float(block_u16(p + 2 * i) << 16);
}

// ---- blocks of 32 -----------------------------------------------------------

static inline void block_unpack_q4_0(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t b = 0; b < n / SMALL_BLOCK; b++, p += Q4_0_BYTES, dst += SMALL_BLOCK) {
        float d = block_d(p);
        for (int i = 0; i < 16; i++) {
            dst[i] = d * (float)((p[2 + i] & 15) - 8);
            dst[i + 16] = d * (float)((p[2 + i] >> 4) - 8);
        }
    }
}

static inline void block_unpack_q4_1(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t b = 0; b < n / SMALL_BLOCK; b++, p += Q4_1_BYTES, dst += SMALL_BLOCK) {
        float d = block_d(p), m = block_d(p + 2);
        for (int i = 0; i < 16; i++) {
            dst[i] = d * (float)(p[4 + i] & 15) + m;
            dst[i + 16] = d * (float)(p[4 + i] >> 4) + m;
        }
    }
}

static inline void block_unpack_q5_0(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t b = 0; b < n / SMALL_BLOCK; b++, p += Q5_0_BYTES, dst += SMALL_BLOCK) {
        float d = block_d(p);
        uint32_t high = block_u32(p + 2);
        for (int i = 0; i < 16; i++) {
            int low = (p[6 + i] & 15) | (int)(high >> i & 1) << 4;
            int up = p[6 + i] >> 4 | (int)(high >> (i + 16) & 1) << 4;
            dst[i] = d * (float)(low - 16);
            dst[i + 16] = d * (float)(up - 16);
        }
    }
}

static inline void block_unpack_q5_1(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t b = 0; b < n / SMALL_BLOCK; b++, p += Q5_1_BYTES, dst += SMALL_BLOCK) {
        float d = block_d(p), m = block_d(p + 2);
        uint32_t high = block_u32(p + 4);
        for (int i = 0; i < 16; i++) {
            int low = (p[8 + i] & 15) | (int)(high >> i & 1) << 4;
            int up = p[8 + i] >> 4 | (int)(high >> (i + 16) & 1) << 4;
            dst[i] = d * (float)low + m;
            dst[i + 16] = d * (float)up + m;
        }
    }
}

static inline void block_unpack_q8_0(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t b = 0; b < n / SMALL_BLOCK; b++, p += Q8_0_BYTES, dst += SMALL_BLOCK) {
        float d = block_d(p);
        for (int i = 0; i < SMALL_BLOCK; i++)
            dst[i] = d * (float)(int8_t)p[2 + i];
    }
}

// ---- blocks of 256 ----------------------------------------------------------

static inline void block_unpack_q2_k(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t b = 0; b < n / LARGE_BLOCK; b++, p += Q2_K_BYTES, dst += LARGE_BLOCK) {
        float d = block_d(p + 80), m = block_d(p + 82);
        for (int g = 0; g < 16; g++) { // sixteen elements each
            const uint8_t *q = p + 16 + g / 8 * 32 + g % 2 * 16;
            float scale = d * (float)(p[g] & 15), offset = m * (float)(p[g] >> 4);
            for (int i = 0; i < 16; i++)
                dst[16 * g + i] = scale * (float)(q[i] >> g % 8 / 2 * 2 & 3) - offset;
        }
    }
}

static inline void block_unpack_q3_k(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t b = 0; b < n / LARGE_BLOCK; b++, p += Q3_K_BYTES, dst += LARGE_BLOCK) {
        float d = block_d(p + 108);
        for (int g = 0; g < 16; g++) {
            const uint8_t *q = p + 32 + g / 8 * 32 + g % 2 * 16, *h = p + g % 2 * 16;
            float scale = d * (float)block_q3_scale(p + 96, g);
            for (int i = 0; i < 16; i++)
                dst[16 * g + i] =
                    scale * (float)((q[i] >> g % 8 / 2 * 2 & 3) + 4 * (h[i] >> g / 2 & 1) - 4);
        }
    }
}

static inline void block_unpack_q4_k(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t b = 0; b < n / LARGE_BLOCK; b++, p += Q4_K_BYTES, dst += LARGE_BLOCK) {
        float d = block_d(p), m = block_d(p + 2);
        for (int g = 0; g < 8; g++) {
            const uint8_t *q = p + 16 + g / 2 * 32;
            uint32_t s, o;
            block_k_scales(p + 4, g, &s, &o);
            float scale = d * (float)s, offset = m * (float)o;
            for (int i = 0; i < 32; i++)
                dst[32 * g + i] = scale * (float)(q[i] >> 4 * (g % 2) & 15) - offset;
        }
    }
}

static inline void block_unpack_q5_k(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t b = 0; b < n / LARGE_BLOCK; b++, p += Q5_K_BYTES, dst += LARGE_BLOCK) {
        float d = block_d(p), m = block_d(p + 2);
        for (int g = 0; g < 8; g++) {
            const uint8_t *q = p + 48 + g / 2 * 32, *h = p + 16;
            uint32_t s, o;
            block_k_scales(p + 4, g, &s, &o);
            float scale = d * (float)s, offset = m * (float)o;
            for (int i = 0; i < 32; i++)
                dst[32 * g + i] =
                    scale * (float)((q[i] >> 4 * (g % 2) & 15) | (h[i] >> g & 1) << 4) - offset;
        }
    }
}

static inline void block_unpack_q6_k(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t b = 0; b < n / LARGE_BLOCK; b++, p += Q6_K_BYTES, dst += LARGE_BLOCK) {
        float d = block_d(p + 208);
        for (int g = 0; g < 16; g++) {
            int half = g / 8, run = g % 8 / 2, at = g % 2 * 16;
            const uint8_t *l = p + 64 * half + run % 2 * 32 + at, *h = p + 128 + 32 * half + at;
            float scale = d * (float)(int8_t)p[192 + g];
            for (int i = 0; i < 16; i++)
                dst[16 * g + i] =
                    scale
                    * (float)(((l[i] >> run / 2 * 4 & 15) | (h[i] >> 2 * run & 3) << 4) - 32);
        }
    }
}

// ---- code books -------------------------------------------------------------

// Sixteen bytes of codes, low nibbles first.
static inline void
block_unpack_codes(const uint8_t *q, const int8_t values[16], float d, float *dst)
{
    for (int i = 0; i < 16; i++) {
        dst[i] = d * (float)values[q[i] & 15];
        dst[i + 16] = d * (float)values[q[i] >> 4];
    }
}

static inline void block_unpack_iq4_nl(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t b = 0; b < n / SMALL_BLOCK; b++, p += IQ4_NL_BYTES, dst += SMALL_BLOCK)
        block_unpack_codes(p + 2, block_iq4_values, block_d(p), dst);
}

static inline void block_unpack_iq4_xs(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t b = 0; b < n / LARGE_BLOCK; b++, p += IQ4_XS_BYTES, dst += LARGE_BLOCK)
        for (int g = 0; g < 8; g++)
            block_unpack_codes(p + 8 + 16 * g, block_iq4_values,
                               block_d(p) * (float)block_iq4_scale(p, g), dst + 32 * g);
}

static inline void block_unpack_mxfp4(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    for (size_t b = 0; b < n / SMALL_BLOCK; b++, p += MXFP4_BYTES, dst += SMALL_BLOCK)
        block_unpack_codes(p + 1, block_fp4_values, block_exponent(p[0]), dst);
}

// A class's table of unpacking where all of it is this file, compiled for the class.
#define BLOCK_UNPACK_ALL                                                                       \
    .f16 = block_unpack_f16, .bf16 = block_unpack_bf16, .q4_0 = block_unpack_q4_0,             \
    .q4_1 = block_unpack_q4_1, .q5_0 = block_unpack_q5_0, .q5_1 = block_unpack_q5_1,           \
    .q8_0 = block_unpack_q8_0, .q2_k = block_unpack_q2_k, .q3_k = block_unpack_q3_k,           \
    .q4_k = block_unpack_q4_k, .q5_k = block_unpack_q5_k, .q6_k = block_unpack_q6_k,           \
    .iq4_nl = block_unpack_iq4_nl, .iq4_xs = block_unpack_iq4_xs, .mxfp4 = block_unpack_mxfp4

#endif
