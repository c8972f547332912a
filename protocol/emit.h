// SPDX-License-Identifier: MIT
// emit.h - MessagePack written straight into a buffer, shortest forms.
//
// For the codec's hot path: a key and a number cost a compare and two stores.
// msgpack-c (pack.h) writes the same bytes through a call a byte group.
//
// Threads    Any.

#ifndef PROTOCOL_EMIT_H
#define PROTOCOL_EMIT_H

#include <stdint.h>
#include <string.h>

#include "common/buf.h"

// Some heads side by side, gathered before they go to the buffer at once.
enum { EMIT_SMALL_MAX = 32 };
struct emit {
    uint8_t bytes[EMIT_SMALL_MAX];
    uint32_t n;
};

static inline void emit_flush(struct emit *e, struct buf *out)
{
    size_t n = out->n + e->n;
    // All of `bytes` in one go: a constant size is two instructions.
    if (out->n + EMIT_SMALL_MAX < out->cap && n <= out->limit && !out->full) {
        memcpy(out->bytes + out->n, e->bytes, EMIT_SMALL_MAX);
        out->bytes[n] = 0;
        out->n = n;
    } else {
        buf_put(out, e->bytes, e->n);
    }
    e->n = 0;
}

static inline void emit_byte(struct emit *e, uint8_t b)
{
    e->bytes[e->n++] = b;
}

static inline void emit_16(struct emit *e, uint8_t head, uint16_t v)
{
    e->bytes[e->n] = head;
    v = __builtin_bswap16(v);
    memcpy(e->bytes + e->n + 1, &v, sizeof v);
    e->n += 1 + sizeof v;
}

static inline void emit_32(struct emit *e, uint8_t head, uint32_t v)
{
    e->bytes[e->n] = head;
    v = __builtin_bswap32(v);
    memcpy(e->bytes + e->n + 1, &v, sizeof v);
    e->n += 1 + sizeof v;
}

static inline void emit_64(struct emit *e, uint8_t head, uint64_t v)
{
    e->bytes[e->n] = head;
    v = __builtin_bswap64(v);
    memcpy(e->bytes + e->n + 1, &v, sizeof v);
    e->n += 1 + sizeof v;
}

static inline void emit_8(struct emit *e, uint8_t head, uint8_t v)
{
    emit_byte(e, head);
    emit_byte(e, v);
}

static inline void emit_uint(struct emit *e, uint64_t v)
{
    if (v < 0x80)
        emit_byte(e, (uint8_t)v);
    else if (v <= UINT8_MAX)
        emit_8(e, 0xcc, (uint8_t)v);
    else if (v <= UINT16_MAX)
        emit_16(e, 0xcd, (uint16_t)v);
    else if (v <= UINT32_MAX)
        emit_32(e, 0xce, (uint32_t)v);
    else
        emit_64(e, 0xcf, v);
}

static inline void emit_int(struct emit *e, int64_t v)
{
    if (v >= 0)
        emit_uint(e, (uint64_t)v);
    else if (v >= -32)
        emit_byte(e, (uint8_t)v);
    else if (v >= INT8_MIN)
        emit_8(e, 0xd0, (uint8_t)v);
    else if (v >= INT16_MIN)
        emit_16(e, 0xd1, (uint16_t)v);
    else if (v >= INT32_MIN)
        emit_32(e, 0xd2, (uint32_t)v);
    else
        emit_64(e, 0xd3, (uint64_t)v);
}

static inline void emit_float(struct emit *e, double f)
{
    uint64_t bits;
    memcpy(&bits, &f, sizeof bits);
    emit_64(e, 0xcb, bits);
}

static inline void emit_bool(struct emit *e, bool b)
{
    emit_byte(e, b ? 0xc3 : 0xc2);
}

// Heads; the bytes or elements follow.
static inline void emit_str(struct emit *e, uint32_t n)
{
    if (n < 32)
        emit_byte(e, (uint8_t)(0xa0 | n));
    else if (n <= UINT8_MAX)
        emit_8(e, 0xd9, (uint8_t)n);
    else if (n <= UINT16_MAX)
        emit_16(e, 0xda, (uint16_t)n);
    else
        emit_32(e, 0xdb, n);
}

static inline void emit_bin(struct emit *e, uint32_t n)
{
    if (n <= UINT8_MAX)
        emit_8(e, 0xc4, (uint8_t)n);
    else if (n <= UINT16_MAX)
        emit_16(e, 0xc5, (uint16_t)n);
    else
        emit_32(e, 0xc6, n);
}

static inline void emit_list(struct emit *e, uint32_t n)
{
    if (n < 16)
        emit_byte(e, (uint8_t)(0x90 | n));
    else if (n <= UINT16_MAX)
        emit_16(e, 0xdc, (uint16_t)n);
    else
        emit_32(e, 0xdd, n);
}

static inline void emit_map(struct emit *e, uint32_t n)
{
    if (n < 16)
        emit_byte(e, (uint8_t)(0x80 | n));
    else if (n <= UINT16_MAX)
        emit_16(e, 0xde, (uint16_t)n);
    else
        emit_32(e, 0xdf, n);
}

#endif
