// SPDX-License-Identifier: MIT
#include "common/totals.h"

#include <string.h>

enum { DIGITS_MAX = 40, BYTES_MAX = 19 }; // of 128 bits

double totals_f64(const struct total *t)
{
    return (double)t->high * 0x1p64 + (double)t->low;
}

// Divided by ten, digit by digit of base 2^32.
static unsigned divide_by_ten(struct total *t)
{
    uint64_t part[4] = {t->high >> 32, t->high & UINT32_MAX, t->low >> 32, t->low & UINT32_MAX};
    uint64_t rest = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t x = rest << 32 | part[i];
        part[i] = x / 10;
        rest = x % 10;
    }
    *t = (struct total){.low = part[2] << 32 | part[3], .high = part[0] << 32 | part[1]};
    return (unsigned)rest;
}

struct value totals_value(const struct total *t, struct arena *a)
{
    char digits[DIGITS_MAX];
    struct total left = *t;
    int at = DIGITS_MAX;
    if (!t->high)
        return value_uint(t->low);
    while (left.high || left.low)
        digits[--at] = (char)('0' + divide_by_ten(&left));
    return value_strn(a, digits + at, (size_t)(DIGITS_MAX - at));
}

static void pack_one(struct total x, struct buf *out)
{
    uint8_t bytes[BYTES_MAX];
    size_t n = 0;
    do {
        bytes[n] = x.low & 0x7f;
        x.low = x.low >> 7 | x.high << 57;
        x.high >>= 7;
        bytes[n] |= x.low || x.high ? 0x80 : 0;
    } while (bytes[n++] & 0x80);
    buf_put(out, bytes, n);
}

void totals_pack(const struct total *t, uint32_t n, struct buf *out)
{
    for (uint32_t i = 0; i < n; i++)
        pack_one(t[i], out);
}

// 0: it makes no sense; else its bytes.
static size_t read_one(const uint8_t *p, size_t size, struct total *out)
{
    *out = (struct total){0, 0};
    for (size_t i = 0; i < size && i < BYTES_MAX; i++) {
        uint64_t bits = p[i] & 0x7f;
        unsigned shift = 7 * (unsigned)i;
        if (i == BYTES_MAX - 1 && bits > 3)
            return 0;
        if (shift < 64)
            out->low |= bits << shift;
        if (shift >= 64)
            out->high |= bits << (shift - 64);
        else if (shift > 57)
            out->high |= bits >> (64 - shift);
        if (!(p[i] & 0x80))
            return p[i] || !i ? i + 1 : 0;
    }
    return 0;
}

enum error
totals_read(const uint8_t *p, size_t size, uint32_t n, struct total *out, size_t *used)
{
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct total x;
        size_t bytes = read_one(p + at, size - at, &x);
        if (!bytes)
            return ERR_PROTO;
        at += bytes;
        if (out)
            out[i] = x;
    }
    *used = at;
    return OK;
}
