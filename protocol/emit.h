// SPDX-License-Identifier: MIT
// emit.h - MessagePack written straight into memory, shortest forms.
//
// For the codec's hot path; msgpack-c (pack.h) writes the same bytes through a
// call for each of them.  Every function takes the place to write to, with room
// for EMIT_MAX bytes, and returns the place behind what it wrote.
//
// Threads    Any.

#ifndef PROTOCOL_EMIT_H
#define PROTOCOL_EMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "protocol/big_endian.h"

enum { EMIT_MAX = 9 };

static inline uint8_t *emit_8(uint8_t *p, uint8_t head, uint8_t v)
{
    p[0] = head;
    p[1] = v;
    return p + 2;
}

static inline uint8_t *emit_16(uint8_t *p, uint8_t head, uint16_t v)
{
    *p++ = head;
    big_put_16(p, v);
    return p + sizeof v;
}

static inline uint8_t *emit_32(uint8_t *p, uint8_t head, uint32_t v)
{
    *p++ = head;
    big_put_32(p, v);
    return p + sizeof v;
}

static inline uint8_t *emit_64(uint8_t *p, uint8_t head, uint64_t v)
{
    *p++ = head;
    big_put_64(p, v);
    return p + sizeof v;
}

static inline uint8_t *emit_uint(uint8_t *p, uint64_t v)
{
    if (v < 0x80) {
        *p = (uint8_t)v;
        return p + 1;
    }
    if (v <= UINT8_MAX)
        return emit_8(p, 0xcc, (uint8_t)v);
    if (v <= UINT16_MAX)
        return emit_16(p, 0xcd, (uint16_t)v);
    return v <= UINT32_MAX ? emit_32(p, 0xce, (uint32_t)v) : emit_64(p, 0xcf, v);
}

static inline uint8_t *emit_int(uint8_t *p, int64_t v)
{
    if (v >= -32) {
        if (v >= 0)
            return emit_uint(p, (uint64_t)v);
        *p = (uint8_t)v;
        return p + 1;
    }
    if (v >= INT8_MIN)
        return emit_8(p, 0xd0, (uint8_t)v);
    if (v >= INT16_MIN)
        return emit_16(p, 0xd1, (uint16_t)v);
    return v >= INT32_MIN ? emit_32(p, 0xd2, (uint32_t)v) : emit_64(p, 0xd3, (uint64_t)v);
}

static inline uint8_t *emit_float(uint8_t *p, double f)
{
    uint64_t bits;
    memcpy(&bits, &f, sizeof bits);
    return emit_64(p, 0xcb, bits);
}

static inline uint8_t *emit_bool(uint8_t *p, bool b)
{
    *p = b ? 0xc3 : 0xc2;
    return p + 1;
}

// Heads: the bytes, elements or pairs follow.  `few` with up to `most` of them in it,
// else the forms that follow `wide`.
static inline uint8_t *
emit_head(uint8_t *p, uint32_t n, uint32_t most, uint8_t few, uint8_t wide)
{
    if (n <= most) {
        *p = (uint8_t)(few | n);
        return p + 1;
    }
    return n <= UINT16_MAX ? emit_16(p, wide, (uint16_t)n) : emit_32(p, (uint8_t)(wide + 1), n);
}

static inline uint8_t *emit_str(uint8_t *p, uint32_t n)
{
    return n > 31 && n <= UINT8_MAX ? emit_8(p, 0xd9, (uint8_t)n)
                                    : emit_head(p, n, 31, 0xa0, 0xda);
}

static inline uint8_t *emit_bin(uint8_t *p, uint32_t n)
{
    if (n <= UINT8_MAX)
        return emit_8(p, 0xc4, (uint8_t)n);
    return n <= UINT16_MAX ? emit_16(p, 0xc5, (uint16_t)n) : emit_32(p, 0xc6, n);
}

static inline uint8_t *emit_list(uint8_t *p, uint32_t n)
{
    return emit_head(p, n, 15, 0x90, 0xdc);
}

static inline uint8_t *emit_map(uint8_t *p, uint32_t n)
{
    return emit_head(p, n, 15, 0x80, 0xde);
}

#endif
