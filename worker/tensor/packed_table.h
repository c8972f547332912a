// SPDX-License-Identifier: MIT
// packed_table.h - where things lie in a group, and one class of kernels; private to
// worker/tensor.
//
// A group of n blocks holds, each part padded to PACKED_ALIGN:
//
//     PACKED_4, _8      n x 16 halves: scales; codes
//     PACKED_4K         n / 8 x 32 halves: d, then m; n x 32 bytes: scales, then
//                       offsets; codes
//     PACKED_6K         n / 8 x 16 halves: d; n x 32 bytes: scales of first halves, then
//                       of second; codes
//     PACKED_HALVES     n x 32 floats: scales of first halves, then of second; codes
//     PACKED_OFFSET     the same; offsets alike; codes
//     PACKED_BF16       packed_bf16.h
//
// Codes of eight bits, plus 128: a block has eight runs of 64 bytes; run i has elements
// 4 i to 4 i + 3 of row 0, of row 1, and so on.  Codes of four bits: four runs; low
// nibbles are run i of those, high nibbles run i + 4.  Codes of six bits: four runs of
// their low four bits, then two runs of their high two: bits 2 i and 2 i + 1 of the first
// are run i's, of the second run i + 4's.
//
// Threads    Read-only.

#ifndef WORKER_TENSOR_PACKED_TABLE_H
#define WORKER_TENSOR_PACKED_TABLE_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "worker/tensor/packed.h"

enum { PACKED_SUPER = 8 }; // blocks under one pair of halves of PACKED_4K, one of PACKED_6K

// Offsets of a group's parts.
struct packed_parts {
    size_t small;  // PACKED_4K: scales and offsets; PACKED_6K: scales
    size_t offset; // PACKED_OFFSET
    size_t codes, end;
};

static inline size_t packed_padded(size_t n)
{
    return (n + PACKED_ALIGN - 1) / PACKED_ALIGN * PACKED_ALIGN;
}

static inline struct packed_parts packed_parts(enum packed_kind k, size_t n_in)
{
    size_t n = n_in / PACKED_BLOCK;
    struct packed_parts p = {0};
    if (k == PACKED_BF16) {
        p.end = n * PACKED_ROWS * PACKED_BLOCK * 2;
        return p;
    }
    bool four = k == PACKED_4 || k == PACKED_4K;
    if (k == PACKED_4 || k == PACKED_8)
        p.small = packed_padded(n * PACKED_ROWS * 2);
    else if (k == PACKED_4K)
        p.small = packed_padded(n / PACKED_SUPER * 2 * PACKED_ROWS * 2);
    else if (k == PACKED_6K)
        p.small = packed_padded(n / PACKED_SUPER * PACKED_ROWS * 2);
    else
        p.small = n * 2 * PACKED_ROWS * sizeof(float);
    p.offset = p.small;
    p.codes = p.offset;
    if (k == PACKED_4K || k == PACKED_6K)
        p.codes += n * 2 * PACKED_ROWS;
    if (k == PACKED_OFFSET)
        p.codes += n * 2 * PACKED_ROWS * sizeof(float);
    p.codes = packed_padded(p.codes);
    p.end = p.codes + n * PACKED_ROWS * PACKED_BLOCK * (four ? 4 : k == PACKED_6K ? 6 : 8) / 8;
    return p;
}

// Plain C, which each class compiles with its own instructions.  Adding 1.5 * 2^23
// leaves the integer, rounded, in the last bits.
static inline void packed_quantise_block(const float *x, struct packed_x *out)
{
    uint32_t bits[PACKED_BLOCK], most = 0;
    memcpy(bits, x, sizeof bits);
    for (int i = 0; i < PACKED_BLOCK; i++) {
        uint32_t a = bits[i] & 0x7fffffffu;
        most = a > most ? a : most;
    }
    float largest;
    memcpy(&largest, &most, sizeof largest);
    float inverse = largest > 0x1p-110F ? 127 / largest : 0;
    out->d = inverse > 0 ? largest / 127 : 0;
    int32_t half[2] = {0, 0};
    for (int h = 0; h < 2; h++)
        for (int i = 0; i < PACKED_BLOCK / 2; i++) {
            float r = x[16 * h + i] * inverse + 0x1.8p23F;
            uint32_t u;
            memcpy(&u, &r, sizeof u);
            int8_t q = (int8_t)(uint8_t)u;
            out->q[16 * h + i] = q;
            half[h] += q;
        }
    out->half[0] = half[0];
    out->half[1] = half[1];
    out->sum = half[0] + half[1];
    out->less_8 = -8 * out->sum;
    out->less_128 = -128 * out->sum;
    out->half_less_128[0] = -128 * half[0];
    out->half_less_128[1] = -128 * half[1];
}

static inline void packed_quantise_all(const float *x, size_t n, struct packed_x *out)
{
    for (size_t b = 0; b < n / PACKED_BLOCK; b++)
        packed_quantise_block(x + b * PACKED_BLOCK, out + b);
}

// To nearest even; subnormal numbers become zeros of their sign.
static inline void packed_round_all(const float *x, size_t n, struct packed_x *out)
{
    for (size_t b = 0; b < n / PACKED_BLOCK; b++) {
        uint32_t bits[PACKED_BLOCK];
        memcpy(bits, x + b * PACKED_BLOCK, sizeof bits);
        for (int i = 0; i < PACKED_BLOCK; i++) {
            uint32_t u = bits[i], r = (u + 0x7fff + (u >> 16 & 1)) >> 16;
            r = (u & 0x7fffffffu) > 0x7f800000u ? u >> 16 | 0x40 : r;
            out[b].rounded[i] = (uint16_t)(r & 0x7f80 ? r : r & 0x8000);
        }
    }
}

struct packed_class {
    void (*quantise)(const float *x, size_t n, struct packed_x *out);
    void (*round)(const float *x, size_t n, struct packed_x *out);
    void (*multiply)(const struct packed_product *p);
};

extern const struct packed_class packed_portable;
#ifdef __x86_64__
extern const struct packed_class packed_avx2;
extern const struct packed_class packed_avx512; // needs VNNI
#endif

#endif
